"""Runs of events that differ in one string: nearly all of a stream, said without reading each as JSON.

An upstream writes the same event again and again around the next piece of text:

    data: {"id":"c1","choices":[{"index":0,"delta":{"content":" word"}}],"obfuscation":"Qm3d"}
    └───────────────────── prefix ─────────────────────────┘ piece └─────── middle ────────┘    └ suffix

One of them is read in full (`varying` of the answer then says which string it was); of those that follow and have the
same bytes around the piece only the piece is read. What is in them besides was taken already and would change nothing.
Padding that upstreams vary on purpose is passed over, and the numbers of Responses events must go up by one. Whatever
differs in any other way ends the run and is read in full, so that the answer is the same as if every event had been.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

#: Padding against guessing texts from sizes (OpenAI, Mistral); its place in the bytes and its value.
_PADDING = re.compile(rb'"(obfuscation|p)": ?"([A-Za-z0-9]*)"')
_NUMBER = re.compile(rb'"sequence_number": ?([0-9]{1,15})')
#: What stands behind a key.
_STRING = re.compile(rb': ?("[^"\\]*(?:\\.[^"\\]*)*")')
#: A longer event is worth its reading.
MAX_LINE = 16 * 1024
#: Numbers as they are written; writing one costs as much as comparing a line.
_WRITTEN = tuple(b"%d" % number for number in range(4096))


class Varying(NamedTuple):
    """The string by which the next event of a run will differ."""

    #: Its key.
    key: str
    value: str
    #: Takes those of the next events.
    extend: Callable[[Iterable[str]], None]
    #: Takes the number of the last of them; None: the event had none.
    reach: Callable[[int], None] | None = None


@dataclass(slots=True)
class Run:
    """What a run of events has in common, each being a data line, a name before it where `name` is set, and a blank line."""

    name: bytes
    #: Up to the number, or to the piece.
    prefix: bytes
    #: Of the newest event taken; None where the prefix holds none.
    number: int | None
    #: Between number and piece.
    between: bytes
    #: Between piece and padding; empty where there is no padding.
    middle: bytes
    suffix: bytes
    varying: Varying

    @classmethod
    def begun(cls, event: Sequence[bytes], chunk: dict[str, Any], varying: Varying) -> Run | None:
        """The run that an event may have begun, read as `chunk`; None where its lines do not say where the string is."""
        *names, line = event
        if len(names) > 1 or not all(name.startswith(b"event:") for name in names) or not line.startswith(b"data:"):
            return None
        key = b'"%s"' % varying.key.encode()
        string = _STRING.match(line, line.find(key) + len(key))
        if len(line) > MAX_LINE or line.count(key) != 1 or string is None:
            return None
        prefix, rest = line[: string.start(1) + 1], line[string.end() - 1 :]
        # Without an escape every quote is one, and the key found is the key read.
        if b"\\" in prefix or b"\\" in rest or not _is(string[1], varying.value):
            return None
        number, between, middle = None, b"", b""
        found = _NUMBER.search(prefix) if varying.reach else None
        if found and line.count(b"sequence_number") == 1 and chunk.get("sequence_number") == int(found[1]):
            number, prefix, between = int(found[1]), prefix[: found.start(1)], prefix[found.end(1) :]
        padding = _PADDING.search(rest)
        if padding and line.count(b'"%s"' % padding[1]) == 1 and chunk.get(padding[1].decode()) == padding[2].decode():
            middle, rest = rest[: padding.start(2)], rest[padding.end(2) :]
        return cls(names[0] if names else b"", prefix, number, between, middle, rest, varying)

    def take(self, lines: Sequence[bytes], at: int) -> int:
        """Say what the events from `at` on say, as far as they belong to the run; the index behind them."""
        pieces: list[str] = []
        try:
            self._read(lines, at, pieces)
        except orjson.JSONDecodeError:
            pass  # it must be read with more care
        self.varying.extend(filter(None, pieces))
        if self.number is not None and self.varying.reach:
            self.varying.reach(self.number + len(pieces))
        return at + len(pieces) * (3 if self.name else 2)

    def _read(self, lines: Sequence[bytes], at: int, pieces: list[str]) -> None:
        before, number, between, known = self.prefix, self.number, self.between, len(_WRITTEN)
        prefix, middle, suffix, name, read = before, self.middle, self.suffix, self.name, orjson.loads
        start, size, end = len(prefix) - 1, len(middle), -len(suffix)
        step, first = (3, at + 1) if name else (2, at)
        for place in range(first, len(lines) - 1, step):
            if number is not None:
                number += 1
                written = _WRITTEN[number] if number < known else b"%d" % number
                prefix = before + written + between
                start = len(prefix) - 1
            line = lines[place]
            if lines[place + 1] or not (line.startswith(prefix) and line.endswith(suffix)):
                return
            if name and lines[place - 1] != name:
                return
            if not size:
                behind = len(line) + end
            else:
                behind = line.find(b'"', start + 1)
                if not line.startswith(middle, behind):  # it is a quote in the piece
                    behind = line.find(middle, start + 1)
                padding, room = line[behind + size : end], len(line) + end - behind - size
                if behind < 0 or room < 0 or not (padding.isalnum() or not padding):
                    return
            pieces.append(read(line[start : behind + 1]))


def _is(text: bytes, value: str) -> bool:
    try:
        return bool(orjson.loads(text) == value)
    except orjson.JSONDecodeError:
        return False
