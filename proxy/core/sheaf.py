"""A sheaf: some sessions, kept so that any of them are summed at once (`slices.py`). Pure.

They lie by their marks, and of the same marks in the order in which they began: those of some marks within some time lie
side by side. Which of them are meant is a mask. The tally of those is what `tally.py` would add up one by one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from itertools import compress, groupby
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from .slices import OTHERS, Bundle, Column, Reading, flags_of, mask_between, mask_of
from .tally import COUNTS, counted, packed_times, places_of, times_counted, times_of, unpacked_times

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from .tally import Tally, Times

#: What sums of sessions are told apart by: side, model, endpoint.
Marks: TypeAlias = tuple[int, str, str]


class Row(NamedTuple):
    """A session."""

    number: int
    #: Unix milliseconds.
    began: int
    side: int
    model: str
    endpoint: str
    person: int | None
    #: Of its answers, as letters.
    first: str
    whole: str
    #: What a tally counts beside sessions, in its order.
    counts: tuple[int, ...]

    @property
    def marks(self) -> Marks:
        """What it is told apart by."""
        return self.side, self.model, self.endpoint


def row_of(*columns: Any) -> Row:
    """A session of its columns, in order: the counts come last, one by one."""
    number, began, side, model, endpoint, person, first, whole, *counts = columns
    return Row(number, began, side, model, endpoint, person, first, whole, tuple(counts))


class Stretch(NamedTuple):
    """Sessions of the same marks, side by side: from a place on, and before another."""

    marks: Marks
    first: int
    end: int

    def mark(self, name: str) -> str:
        """Their `model` or their `endpoint`."""
        _, model, endpoint = self.marks
        return model if name == "model" else endpoint


class Letters:
    """The times of each session's answers, as letters; and of each stretch how often each is there."""

    def __init__(self, joined: str, letters: str, every: dict[tuple[int, int], Any]) -> None:
        #: Of session after session; the first of `letters` is `chr(1)` here, and between two sessions stands `chr(0)`.
        self._joined, self._every = joined, every
        self._places = [-1, *places_of(letters)]
        self._of_each: list[str] = []

    def times(self, first: int, end: int, flags: bytes) -> Times:
        """Of some that lie side by side those that are meant; of a stretch all but the others, if those are fewer."""
        every = self._every.get((first, end))
        if every is None or 2 * flags.count(0) > end - first:
            return self._times(first, end, flags)
        return unpacked_times(*every) - self._times(first, end, flags.translate(OTHERS))

    def _times(self, first: int, end: int, flags: bytes) -> Times:
        if not any(flags):
            return 0
        self._of_each = self._of_each or self._joined.split("\0")
        counts = Counter("".join(compress(self._of_each[first:end], flags)))
        return times_counted([self._places[ord(one)] for one in counts], counts.values())


@dataclass(frozen=True, slots=True)
class Sheaf:
    """The sessions, and what they add up to."""

    #: In their order.
    stretches: list[Stretch]
    numbers: array[int]
    #: Milliseconds since the sheaf's beginning.
    began: array[int]
    counts: list[Column]
    first: Letters
    whole: Letters
    #: Whose session each is; 0: nobody's.
    people: array[int]

    def among(self, numbers: AbstractSet[int]) -> int:
        """Those that have one of some numbers."""
        return mask_of(map(numbers.__contains__, self.numbers))

    def within(self, stretch: Stretch, since: int, until: int) -> tuple[int, int]:
        """Where those of a stretch lie that began within a span (milliseconds since the sheaf's beginning)."""
        ends = stretch.first, stretch.end
        return bisect_left(self.began, since, *ends), bisect_left(self.began, until, *ends)

    def tally(self, first: int, end: int, mask: int) -> Tally | None:
        """Of those from one place on and before another that are meant; None where there are none."""
        meant = mask & mask_between(first, end)
        if not meant:
            return None
        flags = flags_of(meant >> first, end - first)
        tally = counted(meant.bit_count(), [column.sum(meant) for column in self.counts])
        tally.first, tally.whole = self.first.times(first, end, flags), self.whole.times(first, end, flags)
        tally.people = {*compress(self.people[first:end], flags)} - {0}
        return tally


def packed(rows: Sequence[Row], start: int) -> bytes:
    """Sessions as they are kept; none began before `start` (unix milliseconds)."""
    rows = sorted(rows, key=lambda row: (row.marks, row.began))
    bundle = Bundle(len(rows))
    stretches = [*_stretches(rows)]
    bundle.put_told([tuple(one) for one in stretches])
    bundle.put_numbers([row.number for row in rows])
    bundle.put_numbers([row.began - start for row in rows])
    for counts in zip(*[row.counts for row in rows], strict=True):
        bundle.put_column(Column.of(counts))
    _put_letters(bundle, [row.first for row in rows], stretches)
    _put_letters(bundle, [row.whole for row in rows], stretches)
    bundle.put_numbers([row.person or 0 for row in rows])
    return bundle.packed()


def _stretches(rows: Sequence[Row]) -> Iterator[Stretch]:
    end = 0
    for marks, members in groupby(rows, key=lambda row: row.marks):
        first, end = end, end + sum(1 for _ in members)
        yield Stretch(marks, first, end)


def _put_letters(bundle: Bundle, times: Sequence[str], stretches: Sequence[Stretch]) -> None:
    # (The most frequent come first: a text that has no letter beyond the 256th is counted through in half the time.)
    letters = "".join(letter for letter, _ in Counter("".join(times)).most_common())
    numbered = {ord(letter): place for place, letter in enumerate(letters, 1)}
    bundle.put_text("\0".join([one.translate(numbered) for one in times]).encode())
    bundle.put_told([letters, [packed_times(times_of("".join(times[one.first : one.end]))) for one in stretches]])


def unpacked(stored: bytes) -> Sheaf:
    """A sheaf of `packed`."""
    reading = Reading(stored)
    stretches = [Stretch((side, model, endpoint), first, end) for (side, model, endpoint), first, end in reading.told()]
    numbers, began = reading.numbers(), reading.numbers()
    counts = [reading.column() for _ in range(len(COUNTS) - 1)]
    first, whole = _letters(reading, stretches), _letters(reading, stretches)
    return Sheaf(stretches, numbers, began, counts, first, whole, reading.numbers())


def _letters(reading: Reading, stretches: Sequence[Stretch]) -> Letters:
    joined, (letters, every) = reading.text().decode(), reading.told()
    return Letters(
        joined, letters, {(one.first, one.end): counts for one, counts in zip(stretches, every, strict=True)}
    )
