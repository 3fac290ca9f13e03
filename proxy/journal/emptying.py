"""The journal's folder, emptied of what was there at a time: what a person asked to be erased must not rest in raw files.

While a teelog runs, its own two ends do it: the writer finishes a segment within a second or so, the reader removes it
once it is recorded, and here it is waited for. (What a killed one has left is made ready by `leftover`.) What was set aside
because nobody can read it (`*.unreadable`, `*.damaged`) is only found here.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from .folder import segment_path, segments
from .frame import HEADER_SIZE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: How often the files are looked for.
LOOK_SECONDS = 0.1


def newest(folder: Path) -> int:
    """The number of the newest segment; 0 without one."""
    return max(segments(folder), default=0)


def wait_until_gone(folder: Path, upto: int, seconds: float, sleep: Callable[[float], object]) -> bool:
    """Wait until no record is in any segment up to a number; false when that takes longer than so many seconds."""
    end = time.monotonic() + seconds
    while any(_has_records(folder, number) for number in segments(folder) if number <= upto):
        if time.monotonic() > end:
            return False
        sleep(LOOK_SECONDS)
    return True


def left_open(folder: Path) -> int:
    """How many exchanges still go on, or were left by a killed run."""
    return len(list(folder.glob("*.open")))


def set_aside(folder: Path) -> list[Path]:
    """Files that could not be read, or not all of them."""
    return sorted([*folder.glob("*.unreadable"), *folder.glob("*.damaged")])


def _has_records(folder: Path, number: int) -> bool:
    try:
        return segment_path(folder, number).stat().st_size > HEADER_SIZE
    except FileNotFoundError:
        return False
