"""Numbers of many sessions, kept bit by bit, so that any of the sessions are summed at once. Pure.

All lowest bits of a column are one large integer, all second bits the next; which sessions are meant is such an integer
(a mask), too. The sum of a column over them is a few `&` and counts of bits, some nanoseconds a session (a bit-sliced index:
O'Neil and Quass, "Improved query performance with variant indexes", SIGMOD 1997).
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Of this machine.
_IS_BIG_ENDIAN = array("I", [1]).tobytes()[:1] == b"\0"
#: Zeros and ones as digits, and back.
_DIGITS = bytes.maketrans(b"\0\1", b"01")
_FLAGS = bytes.maketrans(b"01", b"\0\1")
_ONES = re.compile(b"\1+")
#: Those that are not meant, of flags.
OTHERS = bytes.maketrans(b"\0\1", b"\1\0")


def mask_of(flags: Iterable[int]) -> int:
    """Which are meant, of zeros and ones (or of whether)."""
    return int(bytes(flags)[::-1].translate(_DIGITS) or b"0", 2)


def mask_between(first: int, end: int) -> int:
    """Those from one place on and before another."""
    return (1 << end) - (1 << first)


def flags_of(mask: int, count: int) -> bytes:
    """Zeros and ones of so many."""
    return format(mask, f"0{count}b")[::-1].encode().translate(_FLAGS)


def spans_of(flags: bytes) -> list[tuple[int, int]]:
    """From which place on, and before which, ones stand side by side."""
    return [found.span() for found in _ONES.finditer(flags)]


@dataclass(frozen=True, slots=True)
class Column:
    """Whole numbers, of a session each: the least, and by how much more each is."""

    least: int
    slices: tuple[int, ...]

    @classmethod
    def of(cls, values: Sequence[int]) -> Column:
        """Of a number each."""
        least = min(values, default=0)
        width = (max(values, default=0) - least).bit_length()
        if not width:
            return cls(least, ())
        digits = "".join([format(value - least, f"0{width}b") for value in reversed(values)])
        return cls(least, tuple(int(digits[width - 1 - bit :: width], 2) for bit in range(width)))

    def sum(self, mask: int) -> int:
        """The sum of those that are meant."""
        total = self.least * mask.bit_count() if self.least else 0
        for bit, ones in enumerate(self.slices):
            total += (ones & mask).bit_count() << bit
        return total


@dataclass(slots=True)
class Bundle:
    """Columns, numbers and texts of some sessions (one at least), written one after the other and read back in the same order."""

    sessions: int
    _sizes: list[Any] = field(default_factory=list)
    _parts: list[bytes] = field(default_factory=list)

    def put_column(self, column: Column) -> None:
        """Adds a column."""
        self._sizes.append(column.least)
        self.put_masks(column.slices)

    def put_masks(self, masks: Sequence[int]) -> None:
        """Adds masks."""
        self._sizes.append(len(masks))
        self._parts += [mask.to_bytes(-(-self.sessions // 8), "little") for mask in masks]

    def put_numbers(self, numbers: Sequence[int]) -> None:
        """Adds numbers, none of them negative."""
        made = array("I" if max(numbers, default=0) < 1 << 32 else "Q", numbers)
        self._sizes.append([made.typecode, len(made)])
        self._parts.append(little_endian(made).tobytes())

    def put_text(self, text: bytes) -> None:
        """Adds bytes."""
        self._sizes.append(len(text))
        self._parts.append(text)

    def put_told(self, told: Any) -> None:
        """Adds whatever JSON can say."""
        self._sizes.append(told)

    def packed(self) -> bytes:
        """All of it: a line that says what follows, and what follows."""
        return b"\n".join([orjson.dumps([self.sessions, self._sizes]), b"".join(self._parts)])


class Reading:
    """A bundle that is read."""

    def __init__(self, packed: bytes) -> None:
        end = packed.index(b"\n")
        self.sessions, sizes = orjson.loads(packed[:end])
        self._sizes = iter(sizes)
        self._bytes, self._at = packed, end + 1

    def column(self) -> Column:
        """The next column."""
        return Column(next(self._sizes), tuple(self.masks()))

    def masks(self) -> list[int]:
        """The next masks."""
        width = -(-self.sessions // 8)
        taken = self._taken(next(self._sizes) * width)
        return [int.from_bytes(taken[at : at + width], "little") for at in range(0, len(taken), width)]

    def numbers(self) -> array[int]:
        """The next numbers."""
        code, count = next(self._sizes)
        made = array(code)
        made.frombytes(self._taken(made.itemsize * count))
        return little_endian(made)

    def text(self) -> bytes:
        """The next bytes."""
        return self._taken(next(self._sizes))

    def told(self) -> Any:
        """What JSON said next."""
        return next(self._sizes)

    def _taken(self, length: int) -> bytes:
        start, self._at = self._at, self._at + length
        return self._bytes[start : self._at]


def little_endian(numbers: array[int]) -> array[int]:
    """With the lowest byte first, on every machine, or back; where that is another order it is a copy."""
    if _IS_BIG_ENDIAN:
        numbers = numbers[:]
        numbers.byteswap()
    return numbers
