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

from .findings import DISLIKED, Findings, count
from .slices import OTHERS, Bundle, Reading, flags_of, mask_between, mask_of, spans_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from collections.abc import Set as AbstractSet

#: From so many sessions a span on, on average, to copy spans takes less time than to look at each.
_SPAN = 10
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
    #: What it cites, once each; what failed and, if any did, why thumbs went down, as often as that was.
    pages: Sequence[int] = ()
    failures: Sequence[str] = ()
    reasons: Sequence[str] = ()


class Each:
    """What each session has of some things, a letter each; and how often each thing is there in all."""

    def __init__(self, joined: str, things: Sequence[Any], every: Sequence[int]) -> None:
        #: Of session after session; between two stands `chr(0)`.
        self._joined, self._things, self._every = joined, things, every

    def counted(self, flags: bytes) -> dict[Any, int]:
        """How often each thing is there, of those that are meant; all but the others, if those are fewer."""
        if 2 * flags.count(0) > len(flags):
            return self._counted(flags)
        found = dict(zip(self._things, self._every, strict=True))
        for thing, times in self._counted(flags.translate(OTHERS)).items():
            found[thing] -= times
        return {thing: times for thing, times in found.items() if times}

    def _counted(self, flags: bytes) -> dict[Any, int]:
        if 1 not in flags:
            return {}
        counts = Counter("".join(compress(self._joined.split("\0"), flags)))
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
    #: Those that are side requests, those of which anything failed, and those that have a thumb down.
    side: int
    failing: int
    disliked: int
    pages: Each
    #: Of those alone that have any: what failed how often, why thumbs went down and how often, and what pages are disliked.
    failures: Each
    reasons: Each
    down: Each

    def findings(self, numbers: AbstractSet[int], since: int, until: int, *, with_side: bool) -> Findings:
        """Of those that have one of some numbers and began within a span (milliseconds since the sheaf's beginning)."""
        first, end = bisect_left(self.began, since), bisect_left(self.began, until)
        meant = mask_of(map(numbers.__contains__, self.numbers)) & mask_between(first, end)
        meant = meant if with_side else meant & ~self.side
        if not meant:
            return Findings()
        flags = flags_of(meant, len(self.numbers))
        found, spans = Findings(), spans_of(flags)
        for name in ("questions", "numbers", "again", "marks"):
            column, picked = getattr(self, name), getattr(found, name)
            if len(flags) > _SPAN * len(spans):
                for start, stop in spans:
                    picked.extend(column[start:stop])
            else:
                picked.extend(compress(column, flags))
        failing, disliked = self._those(flags, self.failing), self._those(flags, self.disliked)
        cited, down = self.pages.counted(flags), self.down.counted(disliked)
        found.pages, found.cited = array("I", cited), array("I", cited.values())
        found.disliked = array("I", [down.get(page, 0) for page in cited])
        _count(found.failures, self.failures.counted(failing))
        _count(found.reasons, self.reasons.counted(disliked))
        return found

    def _those(self, flags: bytes, mask: int) -> bytes:
        """Of some of the sessions alone, which are meant."""
        return bytes(compress(flags, flags_of(mask, len(flags))))


def _count(found: dict[str, list[int]], sessions: Mapping[tuple[str, int], int]) -> None:
    """Counts how often each is there, of how many sessions have it how often."""
    for (name, times), having in sessions.items():
        count(found, name, times * having, having)


def packed(rows: Sequence[Seen], start: int) -> bytes:
    """Sessions as they are kept, in the order in which they began, none before `start` (unix milliseconds)."""
    bundle = Bundle(len(rows))
    bundle.put_numbers([row.number for row in rows])
    bundle.put_numbers([row.began - start for row in rows])
    bundle.put_numbers([row.question for row in rows])
    bundle.put_numbers([row.again for row in rows])
    bundle.put_text(bytes([row.marks for row in rows]))
    marks = [(row.side > 0, bool(row.failures), row.marks & DISLIKED > 0) for row in rows]
    bundle.put_masks([mask_of(one) for one in zip(*marks, strict=True)])
    disliked = [row for row in rows if row.marks & DISLIKED]
    _put_each(bundle, [row.pages for row in rows])
    _put_each(bundle, [Counter(row.failures).items() for row in rows if row.failures])
    _put_each(bundle, [Counter(row.reasons).items() for row in disliked])
    _put_each(bundle, [row.pages for row in disliked])
    return bundle.packed()


def _put_each(bundle: Bundle, things: Sequence[Collection[Any]]) -> None:
    every = Counter(chain.from_iterable(things)).most_common()
    letters = {thing: _letter(place) for place, (thing, _) in enumerate(every)}
    bundle.put_text("\0".join(["".join([letters[one] for one in some]) for some in things]).encode())
    bundle.put_told(every)


def unpacked(stored: bytes) -> FoundSheaf:
    """A sheaf of `packed`."""
    reading = Reading(stored)
    numbers, began, digests, again = (reading.numbers() for _ in range(4))
    questions = array("q")
    if digests.itemsize == questions.itemsize:
        questions.frombytes(digests.tobytes())
    else:
        questions.extend(digests.tolist())
    marks, (side, failing, disliked) = reading.text(), reading.masks()
    pages, failures, reasons, down = (_each(reading) for _ in range(4))
    return FoundSheaf(numbers, began, questions, again, marks, side, failing, disliked, pages, failures, reasons, down)


def _each(reading: Reading) -> Each:
    joined, every = reading.text().decode(), reading.told()
    # (A pair comes back as a list.)
    things = [tuple(thing) if isinstance(thing, list) else thing for thing, _ in every]
    return Each(joined, things, [times for _, times in every])
