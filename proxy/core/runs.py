"""Runs of events that differ in one string: nearly all of a stream, said without reading each as JSON.

An upstream writes the same event again and again around the next piece of text:

    data: {"id":"c1","choices":[{"index":0,"delta":{"content":" word"}}],"obfuscation":"Qm3d"}
    └───────────────────── prefix ─────────────────────────┘ piece └─────── middle ────────┘    └ suffix

One of them is read in full (`varying` of the answer then says which string it was); of those that follow and have the
same bytes around the piece only the piece is read. What is in them besides was taken already and would change nothing.
Padding that upstreams vary on purpose is passed over, the numbers of Responses events must go up by one, and where a piece
is said twice (OpenRouter: as `reasoning` and in `reasoning_details`) both must be the same. Whatever
differs in any other way ends the run and is read in full, so that the answer is the same as if every event had been.

Events are read many at once: the pieces are cut out where they must be, and what is written around them then has to be,
byte for byte, what came. Each of these steps is a single pass in C.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from operator import itemgetter
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
#: Events that are read at once: more each time, so that what is done once for all costs little, and what is done in vain
#: for a run that has ended no more than what was of use.
FEWEST, MOST = 16, 128
#: Numbers as they are written; writing one costs as much as all else that is done with an event.
_WRITTEN = [b"%d" % number for number in range(4096)]

#: Stands for what lines have in common: it ends a line too, so that none has it inside.
_MARK = b"\r"
_NO_MARKS = bytes(set(range(256)) - set(b"\r\n"))


class Varying(NamedTuple):
    """The string by which the next event of a run will differ."""

    #: Its key.
    key: str
    value: str
    #: Takes those of the next events.
    extend: Callable[[Iterable[str]], None]
    #: Takes the number of the last of them; None: the event had none.
    reach: Callable[[int], None] | None = None
    #: Whether the event says it once more, behind.
    is_twice: bool = False


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
    #: Between the piece and itself, where it is said twice; else empty.
    twin: bytes
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
        twin = b""
        if varying.is_twice:
            twin, again, rest = rest.partition(string[1])
            if not again:
                return None
            twin, rest = twin + b'"', b'"' + rest
        padding = _PADDING.search(rest)
        if padding and line.count(b'"%s"' % padding[1]) == 1 and chunk.get(padding[1].decode()) == padding[2].decode():
            middle, rest = rest[: padding.start(2)], rest[padding.end(2) :]
        return cls(names[0] if names else b"", prefix, number, between, twin, middle, rest, varying)

    def take(self, lines: Sequence[bytes], at: int) -> int:
        """Say what the events from `at` on say, as far as they belong to the run; the index behind them."""
        step = 3 if self.name else 2
        most = FEWEST
        while count := min(most, (len(lines) - at) // step, self._numbers_left()):
            some = lines[at : at + count * step]
            if not self._is_alike(some[step - 2]) or not self._is_alike(some[-2]):
                most = self._alike(some[step - 2 :: step])
            elif pieces := self._pieces(some, count):
                at += len(some)
                most = min(most * 4, MOST)
                self.varying.extend(filter(None, pieces))
                if self.number is not None and self.varying.reach:
                    self.number += count
                    self.varying.reach(self.number)
            else:
                most = count // 2
        return at

    def _numbers_left(self) -> int:
        """How many of the next numbers are written with as many digits."""
        return MOST if self.number is None else 10 ** len(str(self.number + 1)) - self.number - 1

    def _alike(self, lines: Iterable[bytes]) -> int:
        """How many data lines look as if they belonged to the run, before one that does not."""
        prefix, suffix = self.prefix, self.suffix
        return next(at for at, line in enumerate(lines) if not (line.startswith(prefix) and line.endswith(suffix)))

    def _is_alike(self, line: bytes) -> bool:
        return line.startswith(self.prefix) and line.endswith(self.suffix)

    def _pieces(self, lines: Sequence[bytes], count: int) -> list[str] | None:
        """The strings of so many events; None where one of them differs, or must be read with more care."""
        numbers = [] if self.number is None else _numbers(self.number + 1, count)
        start = len(self.prefix) + len(self.between) + (len(numbers[0]) if numbers else 0)
        data = lines[1::3] if self.name else lines[::2]
        said = list(map(itemgetter(slice(start, -len(self.suffix))), data))
        if self._written(numbers, said) != b"\n".join(lines):
            return None
        text = b"\n".join(said)
        if self.middle:
            halves = _parted(text, self.middle, count)
            if halves is None or not (b"".join(halves[1]) or b"0").isalnum():
                return None
            text = b"\n".join(halves[0])
        if self.twin:
            halves = _parted(text, self.twin, count)
            if halves is None or halves[0] != halves[1]:
                return None
            text = b"\n".join(halves[0])
        return _strings(text, count)

    def _written(self, numbers: Sequence[bytes], said: list[bytes]) -> bytes:
        """The lines of events with these numbers, if any, and between what they have in common this."""
        begin = self.name + b"\n" + self.prefix if self.name else self.prefix
        border = self.suffix + b"\n\n" + begin
        if not numbers:
            return begin + border.join(said) + self.suffix + b"\n"
        parts = [border] * (4 * len(said))
        parts[0] = begin
        parts[1::4], parts[2::4], parts[3::4] = numbers, [self.between] * len(said), said
        return b"".join(parts) + self.suffix + b"\n"


def _numbers(first: int, count: int) -> Sequence[bytes]:
    """So many numbers as they are written."""
    end = first + count
    return _WRITTEN[first:end] if end <= len(_WRITTEN) else [b"%d" % number for number in range(first, end)]


def _parted(lines: bytes, border: bytes, count: int) -> tuple[list[bytes], list[bytes]] | None:
    """What stands before and behind the border in each of so many lines; None where one has it not or twice."""
    marked = _MARK.join(lines.split(border))
    if marked.translate(None, _NO_MARKS) != (_MARK + b"\n") * (count - 1) + _MARK:
        return None
    halves = marked.replace(b"\n", _MARK).split(_MARK)
    return halves[::2], halves[1::2]


def _strings(lines: bytes, count: int) -> list[str] | None:
    """
    What the insides of so many JSON strings say, one in each line; None where one is not the inside of a string.

    They are read as one list. Where none ends amid an escape, a quote too many in one makes a string too many in all.
    """
    ended = lines + b"\n"
    if b"\\\n" in ended and b"\\\n" in ended.replace(b"\\\\", b""):
        return None
    try:
        strings: list[str] = orjson.loads(b'["%s"]' % lines.replace(b"\n", b'","'))
    except orjson.JSONDecodeError:
        return None
    return strings if len(strings) == count and set(map(type, strings)) == {str} else None


def _is(text: bytes, value: str) -> bool:
    try:
        return bool(orjson.loads(text) == value)
    except orjson.JSONDecodeError:
        return False
