"""What insights count of some sessions, kept so that those of any of them are put together at once (`slices.py`). Pure.

They lie in the order in which they began; which of them are meant is a mask. What comes of it is what would be counted
(`findings.py`) of those alone.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass
from itertools import chain, compress
from typing import TYPE_CHECKING, Any, NamedTuple

from .findings import DISLIKED, Findings
from .slices import OTHERS, Bundle, Reading, flags_of, mask_between, mask_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

#: Half pairs are no letters.
_FIRST_HALF, _HALVES = 0xD800, 0x800


class Seen(NamedTuple):
    """A session."""

    number: int
    #: Unix milliseconds.
    began: int
    side: int
    #: The digest of its first question; 0: it asked nothing.
    question: int
    again: int
    #: Those of `findings.py`.
    marks: int
    #: What it cites, once each; what failed, and why thumbs went down, as often as that was.
    pages: Sequence[int] = ()
    failures: Sequence[str] = ()
    reasons: Sequence[str] = ()


class Each:
    """What each session has of some things, a letter each; and how often each thing is there in all."""

    def __init__(self, sessions: int, joined: str, things: Sequence[Any], every: Sequence[int]) -> None:
        #: Of session after session; between two stands `chr(0)`.
        self._sessions, self._joined, self._things, self._every = sessions, joined, things, every
        self._of_each: list[str] = []

    def counted(self, first: int, end: int, flags: bytes) -> dict[Any, int]:
        """How often each thing is there, of those from one place on and before another that are meant."""
        if end - first < self._sessions or 2 * flags.count(0) > len(flags):
            return self._counted(first, end, flags)
        found = dict(zip(self._things, self._every, strict=True))
        for thing, times in self._counted(first, end, flags.translate(OTHERS)).items():
            found[thing] -= times
        return {thing: times for thing, times in found.items() if times}

    def _counted(self, first: int, end: int, flags: bytes) -> dict[Any, int]:
        if not any(flags):
            return {}
        self._of_each = self._of_each or self._joined.split("\0")
        counts = Counter("".join(compress(self._of_each[first:end], flags)))
        return {self._things[_place(one)]: times for one, times in counts.items()}


def _letter(place: int) -> str:
    return chr(place + 1 if place + 1 < _FIRST_HALF else place + 1 + _HALVES)


def _place(letter: str) -> int:
    code = ord(letter)
    return code - 1 if code < _FIRST_HALF else code - 1 - _HALVES


@dataclass(frozen=True, slots=True)
class FoundSheaf:
    """The sessions, and what is found of each."""

    numbers: array[int]
    #: Milliseconds since the sheaf's beginning.
    began: array[int]
    questions: array[int]
    again: array[int]
    marks: bytes
    #: Those that are side requests, and that have a thumb down.
    side: int
    disliked: int
    pages: Each
    #: How often, and in how many sessions.
    failures: tuple[Each, Each]
    reasons: tuple[Each, Each]

    def findings(self, numbers: AbstractSet[int], since: int, until: int, *, with_side: bool) -> Findings:
        """Of those that have one of some numbers and began within a span (milliseconds since the sheaf's beginning)."""
        first, end = bisect_left(self.began, since), bisect_left(self.began, until)
        meant = mask_of(map(numbers.__contains__, self.numbers)) & mask_between(first, end)
        meant = meant if with_side else meant & ~self.side
        if not meant:
            return Findings()
        flags, down = (flags_of(mask >> first, end - first) for mask in (meant, meant & self.disliked))
        found = Findings(
            *(
                array("q", compress(self.questions[first:end], flags)),
                array("I", compress(self.numbers[first:end], flags)),
            ),
            *(array("I", compress(self.again[first:end], flags)), bytearray(compress(self.marks[first:end], flags))),
        )
        cited, disliked = self.pages.counted(first, end, flags), self.pages.counted(first, end, down)
        found.pages, found.cited = array("I", cited), array("I", cited.values())
        found.disliked = array("I", [disliked.get(page, 0) for page in cited])
        found.failures, found.reasons = (
            _both(*(one.counted(first, end, flags) for one in pair)) for pair in (self.failures, self.reasons)
        )
        return found


def _both(times: dict[str, int], sessions: dict[str, int]) -> dict[str, list[int]]:
    return {name: [count, sessions[name]] for name, count in times.items()}


def packed(rows: Sequence[Seen], start: int) -> bytes:
    """Sessions as they are kept, in the order in which they began, none before `start` (unix milliseconds)."""
    bundle = Bundle(len(rows))
    bundle.put_numbers([row.number for row in rows])
    bundle.put_numbers([row.began - start for row in rows])
    bundle.put_numbers([row.question for row in rows])
    bundle.put_numbers([row.again for row in rows])
    bundle.put_text(bytes([row.marks for row in rows]))
    marks = [(row.side > 0, row.marks & DISLIKED > 0) for row in rows]
    bundle.put_masks([mask_of(one) for one in zip(*marks, strict=True)])
    _put_each(bundle, [row.pages for row in rows])
    for things in ([row.failures for row in rows], [row.reasons for row in rows]):
        _put_each(bundle, things)
        _put_each(bundle, [{*some} for some in things])
    return bundle.packed()


def _put_each(bundle: Bundle, things: Sequence[Sequence[Any] | AbstractSet[Any]]) -> None:
    every = Counter(chain.from_iterable(things)).most_common()
    letters = {thing: _letter(place) for place, (thing, _) in enumerate(every)}
    bundle.put_text("\0".join(["".join([letters[one] for one in some]) for some in things]).encode())
    bundle.put_told(every)


def unpacked(stored: bytes) -> FoundSheaf:
    """A sheaf of `packed`."""
    reading = Reading(stored)
    numbers, began, questions, again = (reading.numbers() for _ in range(4))
    marks, (side, disliked) = reading.text(), reading.masks()
    pages, failed, failing, given, giving = (_each(reading) for _ in range(5))
    return FoundSheaf(
        numbers, began, questions, again, marks, side, disliked, pages, (failed, failing), (given, giving)
    )


def _each(reading: Reading) -> Each:
    joined, every = reading.text().decode(), reading.told()
    return Each(reading.sessions, joined, [thing for thing, _ in every], [times for _, times in every])
