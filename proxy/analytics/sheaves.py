"""Sheaves of whole weeks (`core/sheaf.py`), so that figures of whichever sessions read no row of each.

They are made together with the sums by trait (`trait_weeks.py`), hold as long as those do, and are kept only if nothing in
their week has changed meanwhile. What they do not have (few sessions, or a week that changes) is summed when it is asked for.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..core import found_sheaf
from ..core.buckets import bucket_after, bucket_of
from ..core.sheaf import packed, row_of, unpacked
from .found_sheaves import found_sheaves
from .trait_weeks import beside

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..core.found_sheaf import FoundSheaf
    from ..core.sheaf import Row, Sheaf
    from ..db.sqlite import Tx

#: Fewer sessions of a week are summed by themselves in less time.
FEWEST = 300
#: Sessions of one sheaf: a megabyte at most, and some hundredths of a second to make.
AT_ONCE = 8192
#: Sessions of a span are counted up to so many, to tell between which numbers they are.
COUNTED = 20_000
#: More than any number.
HIGHEST = 2**31 - 1
_NUMBERS = (
    "SELECT min(number), max(number), count(*) FROM ("
    "SELECT coalesce(number, 0) AS number FROM session WHERE began >= :since AND began < :until LIMIT :most)"
)
#: A session each, in the order of `Row`, its counts last.
_ROWS = (
    "SELECT s.number, s.began, s.side, s.model, s.endpoint, s.person, coalesce(n.first, ''), coalesce(n.whole, ''), "
    "s.messages, s.questions, coalesce(n.answers, 0), s.cut, s.refused, s.regenerated, s.positive, s.negative, "
    "coalesce(n.tokens_in, 0), coalesce(n.tokens_out, 0), coalesce(n.told, 0), coalesce(n.cost, 0), coalesce(n.priced, 0) "
    "FROM session AS s INDEXED BY session_by_time LEFT JOIN answer_sums AS n ON n.number = s.number "
    "WHERE s.began >= :since AND s.began < :until AND s.number IS NOT NULL ORDER BY s.began"
)


def sheaved(tx: Tx, start: int, fewest: int = FEWEST, at_once: int = AT_ONCE) -> list[dict[str, Any]]:
    """The sheaves of a week, as they are kept; none where it has fewer sessions. This only reads."""
    end = bucket_after(start, "week")
    (counted,) = tx.all("sessions_of", since=start, until=end)
    if counted["sessions"] < fewest:
        return []
    rows = (row_of(*row) for row in tx.ask(_ROWS, {"since": start, "until": end}))
    parts = iter(lambda: [*islice(rows, at_once)], [])
    found = found_sheaves(tx, start, end, at_once)
    return [
        _kept(some, start) | {"start": start, "part": part, "findings": findings}
        for part, (some, findings) in enumerate(zip(parts, found, strict=True))
    ]


def _kept(rows: list[Row], start: int) -> dict[str, Any]:
    numbers = [row.number for row in rows]
    return {"first": min(numbers), "last": max(numbers), "sessions": packed(rows, start)}


def keep_sheaves(tx: Tx, start: int, sheaves: list[dict[str, Any]]) -> None:
    """Keeps them, unless the week has changed since it was claimed; to be done before that is told to hold."""
    if tx.one("is_claimed", start=start):
        tx.run("drop_sheaves", start=start)
        tx.many("keep_sheaf", sheaves)


def sheaf_weeks(tx: Tx, since: int, until: int, numbers: Sequence[int]) -> list[int]:
    """The weeks that have a part in a span, whose sheaves hold, and in which any of some numbers (in their order) can be."""
    return [
        start
        for start, first, last in _weeks(tx, since, until)
        if bisect_left(numbers, first) < bisect_right(numbers, last)
    ]


def numbers_within(tx: Tx, since: int, until: int, most: int = COUNTED) -> tuple[int, int]:
    """From which number on, and before which, the conversations of a span are; of many beside sheaves, all."""
    weeks = _weeks(tx, since, until)
    ends = [(first, last) for _, first, last in weeks]
    for start, end in beside(since, until, [start for start, _, _ in weeks]):
        ((first, last, count),) = tx.ask(_NUMBERS, {"since": start, "until": end, "most": most})
        if count == most:
            return 0, HIGHEST
        ends += [(first, last)] if count else []
    return min((first for first, _ in ends), default=0), max((last for _, last in ends), default=0) + 1


def _weeks(tx: Tx, since: int, until: int) -> list[tuple[int, int, int]]:
    first, end = bucket_of(since, "week"), bucket_after(bucket_of(until, "week"), "week")
    stale = {row["start"] for row in tx.all("stale_weeks", since=first, until=end)}
    rows = tx.all("sheaf_weeks", since=first, until=until)
    return [(row["start"], row["first"], row["last"]) for row in rows if row["start"] not in stale]


def sheaves_of(tx: Tx, start: int) -> Iterator[Sheaf]:
    """The sheaves of a week."""
    for row in tx.all("sheaves", start=start):
        yield unpacked(row["sessions"])


def found_sheaves_of(tx: Tx, start: int) -> Iterator[FoundSheaf]:
    """What insights count of those of a week."""
    for row in tx.all("found_sheaves", start=start):
        yield found_sheaf.unpacked(row["findings"])
