"""Runs of events that differ in one string: nearly all of a stream, said without reading each as JSON.

An upstream writes the same event again and again around the next piece of text:

    data: {"id":"c1","choices":[{"index":0,"delta":{"content":" word"}}],"obfuscation":"Qm3d"}
    └───────────────────── prefix ─────────────────────────┘ piece └─────── middle ────────┘    └ suffix

One of them is read in full (`varying` of the answer then says which string it was); of those that follow and have the
same bytes around the piece only the piece is read. What is in them besides was taken already and would change nothing.
Padding that upstreams vary on purpose is passed over. Whatever differs in any other way ends the run and is read in full,
so that the answer is the same as if every event had been.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

#: Padding against guessing texts from sizes (OpenAI, Mistral); its place in the bytes and its value.
_PADDING = re.compile(rb'"(obfuscation|p)": ?"([A-Za-z0-9]*)"')
_STRING = re.compile(rb' ?("[^"\\]*(?:\\.[^"\\]*)*")')
#: A longer event is worth its reading.
MAX_LINE = 16 * 1024


class Varying(NamedTuple):
    """The string by which the next event of a run will differ."""

    #: Its key.
    key: str
    value: str
    #: Takes those of the next events.
    extend: Callable[[Iterable[str]], None]


class Run:
    """What a run of events has in common, each being one line and a blank one."""

    __slots__ = ("_extend", "_middle", "_prefix", "_suffix")

    def __init__(self, prefix: bytes, middle: bytes, suffix: bytes, extend: Callable[[Iterable[str]], None]) -> None:
        self._prefix = prefix
        #: Between piece and padding; empty where there is no padding.
        self._middle = middle
        self._suffix = suffix
        self._extend = extend

    @classmethod
    def begun(cls, line: bytes, chunk: dict[str, Any], varying: Varying) -> Run | None:
        """The run that an event may have begun, read as `chunk`; None where its line does not say where the string is."""
        if len(line) > MAX_LINE:
            return None
        key = b'"%s":' % varying.key.encode()
        string = _STRING.match(line, line.find(key) + len(key))
        if line.count(key) != 1 or string is None or not line.startswith(b"data:"):
            return None
        prefix, rest = line[: string.start(1) + 1], line[string.end() - 1 :]
        # Without an escape every quote is one, and the key found is the key read.
        if b"\\" in prefix or b"\\" in rest or not _is(string[1], varying.value):
            return None
        padding = _PADDING.search(rest)
        if padding is None or rest.count(padding[1]) != 1 or chunk.get(padding[1].decode()) != padding[2].decode():
            return cls(prefix, b"", rest, varying.extend)
        return cls(prefix, rest[: padding.start(2)], rest[padding.end(2) :], varying.extend)

    def take(self, lines: Sequence[bytes], at: int) -> int:
        """Say what the events from `at` on say, as far as they belong to the run; the index behind them."""
        pieces: list[str] = []
        try:
            self._read(lines, at, pieces)
        except orjson.JSONDecodeError:
            pass  # it must be read with more care
        self._extend(filter(None, pieces))
        return at + 2 * len(pieces)

    def _read(self, lines: Sequence[bytes], at: int, pieces: list[str]) -> None:
        prefix, middle, suffix, read = self._prefix, self._middle, self._suffix, orjson.loads
        start, size, end = len(prefix) - 1, len(middle), -len(suffix)
        for place in range(at, len(lines) - 1, 2):
            line = lines[place]
            if lines[place + 1] or not (line.startswith(prefix) and line.endswith(suffix)):
                return
            if not size:
                behind = len(line) + end
            else:
                behind = line.find(b'"', start + 1)
                if not line.startswith(middle, behind):  # it is a quote in the piece
                    behind = line.find(middle, start + 1)
                padding = line[behind + size : end]
                if behind < 0 or not (padding.isalnum() or not padding):
                    return
            pieces.append(read(line[start : behind + 1]))


def _is(text: bytes, value: str) -> bool:
    try:
        return bool(orjson.loads(text) == value)
    except orjson.JSONDecodeError:
        return False
