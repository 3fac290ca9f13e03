"""`teelog export`: conversations from a source to stdout or a file, one in memory at a time.

Words go to stderr: where they come from, how many there were, and on a terminal how many until now. A file is there whole
or not at all, mode 0600, and replaces the one before. It is a process of its own, at the lowest claim to the processor.
"""

from __future__ import annotations

import os
import stat
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from .errors import CommandRefused
from .export_lines import csv_lines, heading, jsonl
from .log import printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Iterator

#: A terminal is told this often.
_PROGRESS_SECONDS = 0.2


def run(chosen: argparse.Namespace, place: str, exported: Callable[..., Iterator[dict[str, Any]]]) -> int:
    """
    Write what was asked for; the exit code.

    Args:
        chosen: The flags.
        place: Where conversations come from, in words.
        exported: Gives them.

    """
    found = exported(since=chosen.since, until=chosen.until, user=chosen.user)
    try:
        with _opened(chosen.out) as file:
            count = _write(file, found, chosen.format)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        raise CommandRefused(f"{chosen.out or 'stdout'} cannot be written: {error.strerror or error}") from error
    print(printable(f"{count:,} conversations exported from {place}"), file=sys.stderr)
    return 0


def _write(file: BinaryIO, found: Iterable[dict[str, Any]], form: str) -> int:
    """All lines; how many conversations."""
    told = _Progress()
    lines = jsonl
    if form == "csv":
        lines = csv_lines
        file.write(heading())
    for conversation in found:
        file.write(lines(conversation))
        told.one_more()
    file.flush()
    told.end()
    return told.count


class _Progress:
    """How many there were until now, for whoever sits at a terminal."""

    def __init__(self) -> None:
        self.count = 0
        self._shown = sys.stderr.isatty()
        self._next = 0.0

    def one_more(self) -> None:
        self.count += 1
        if self._shown and time.monotonic() >= self._next:
            self._next = time.monotonic() + _PROGRESS_SECONDS
            sys.stderr.write(f"\r{self.count:,} conversations")
            sys.stderr.flush()

    def end(self) -> None:
        if self._shown:
            sys.stderr.write("\r\x1b[K")


@contextmanager
def _opened(name: str | None) -> Iterator[BinaryIO]:
    """What to write to; a file takes its name when it is whole."""
    if name is None or name == "-":
        yield sys.stdout.buffer
        return
    path = Path(name)
    if path.exists() and not stat.S_ISREG(path.stat().st_mode):  # a device or a pipe has nothing to be replaced
        with path.open("wb") as file:
            yield file
        return
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
