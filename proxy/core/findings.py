"""What insights count of some sessions, such that those of two times, the earlier first, add up to those of both. Pure.

Of the sessions that asked something, what each asked and how it went stands in columns, in the order of time, and what a page
was cited in others: to add is to put them behind each other, and what is asked for is counted at once (`core/most_asked.py`),
at 0.1 µs a session.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import partial
from itertools import accumulate, compress
from typing import TYPE_CHECKING, Any

import orjson

from .slices import little_endian

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Marks of a session, each a bit: a thumb went down, help failed in any way, something was asked again.
DISLIKED, UNHELPED, AGAIN = 1, 2, 4
#: Of a question or a page its number, of all else counts.
_LONG, _SHORT = partial(array, "q"), partial(array, "I")
#: The columns that are kept, and how.
_COLUMNS = {"questions": _LONG} | dict.fromkeys(("numbers", "again", "links", "pages", "cited", "disliked"), _SHORT)
_BYTES = ("marks", "linked")
_SUMS = ("failures", "reasons")


@dataclass(slots=True)
class Findings:
    """All of it."""

    #: Of each session: the digest of its first question (0: it has none), its number, how often it asked again, its marks.
    questions: array[int] = field(default_factory=_LONG)
    numbers: array[int] = field(default_factory=_SHORT)
    again: array[int] = field(default_factory=_SHORT)
    marks: bytearray = field(default_factory=bytearray)
    #: The pages that each cites, and how many; only where sessions may be told apart (`only`).
    links: array[int] = field(default_factory=_SHORT)
    linked: bytearray = field(default_factory=bytearray)
    #: Pages, in how many sessions each is cited, and in how many of those a thumb went down.
    pages: array[int] = field(default_factory=_SHORT)
    cited: array[int] = field(default_factory=_SHORT)
    disliked: array[int] = field(default_factory=_SHORT)
    #: What went wrong, behind a colon by whom, and why thumbs went down (empty: for no reason): how often, in how many sessions.
    failures: dict[str, list[int]] = field(default_factory=dict)
    reasons: dict[str, list[int]] = field(default_factory=dict)

    def add(self, later: Findings) -> None:
        """Becomes those of both times."""
        for name in _COLUMNS:
            getattr(self, name).extend(getattr(later, name))
        for name in _BYTES:
            getattr(self, name).extend(getattr(later, name))
        for mine, others in ((self.failures, later.failures), (self.reasons, later.reasons)):
            for name, counts in others.items():
                count(mine, name, *counts)

    def packed(self) -> dict[str, Any]:
        """As they are kept, by the names of columns."""
        told = {name: little_endian(getattr(self, name)).tobytes() for name in _COLUMNS}
        sums = {name: orjson.dumps(getattr(self, name)).decode() for name in _SUMS}
        return {**told, **sums, **{name: bytes(getattr(self, name)) for name in _BYTES}}

    def only(self, others: Iterable[Findings]) -> Findings:
        """Those of the sessions that are found in all others, too; without what stands there for all, pages and failures."""
        numbers = self.numbers.tolist()
        meant = set(numbers).intersection(*(other.numbers for other in others))
        places = [*compress(range(len(numbers)), map(meant.__contains__, numbers))]
        found = Findings(links=self._links(places))
        for name in ("questions", "numbers", "again"):
            setattr(found, name, _COLUMNS[name](map(getattr(self, name).__getitem__, places)))
        for name in _BYTES:
            setattr(found, name, bytearray(map(getattr(self, name).__getitem__, places)))
        return found

    def count_links(self) -> None:
        """Counts the pages that its sessions cite."""
        down = self._links([place for place, marks in enumerate(self.marks) if marks & DISLIKED])
        self.count_pages(Counter(self.links), Counter(down))

    def _links(self, places: Iterable[int]) -> array[int]:
        """The pages that the sessions at some places cite."""
        found = _SHORT()
        ends = [0, *accumulate(self.linked)]
        for place in places:
            found += self.links[ends[place] : ends[place + 1]]
        return found

    def count_pages(self, cited: Mapping[int, int], down: Mapping[int, int]) -> None:
        """Takes what is cited, in how many sessions, and in how many with a thumb down."""
        self.pages, self.cited = _SHORT(cited), _SHORT(cited.values())
        self.disliked = _SHORT([down.get(page, 0) for page in cited])

    def top_pages(self, rows: int) -> dict[int, tuple[int, int]]:
        """The pages that are cited in most sessions, all that are equal to the last too: in how many, and how many disliked."""
        sessions = _sums(self.pages, self.cited)
        least = sorted(sessions.values())[-rows:][:1]
        best = {page: cited for page, cited in sessions.items() if [cited] >= least}
        disliked = _sums(compress(self.pages, self.disliked), compress(self.disliked, self.disliked))
        return {page: (cited, disliked.get(page, 0)) for page, cited in best.items()}


def unpacked(row: Any) -> Findings:
    """Findings of `packed`; of a row that has only some of its columns those."""
    found = Findings()
    for name in set(row.keys()):
        if name in _COLUMNS:
            setattr(found, name, little_endian(_COLUMNS[name](row[name])))
        elif name in _BYTES:
            setattr(found, name, bytearray(row[name]))
        elif name in _SUMS:
            setattr(found, name, orjson.loads(row[name]))
    return found


def count(counts: dict[str, list[int]], name: str, times: int, sessions: int) -> None:
    """Counts more under a name."""
    before = counts.setdefault(name, [0, 0])
    before[0] += times
    before[1] += sessions


def _sums(names: Iterable[int], counts: Iterable[int]) -> dict[int, int]:
    """The sum of what stands beside each name."""
    found: dict[int, int] = defaultdict(int)
    for name, times in zip(names, counts, strict=True):
        found[name] += times
    return found
