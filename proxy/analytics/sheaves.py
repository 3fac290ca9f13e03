"""Sheaves of whole weeks (`core/sheaf.py`), so that figures of whichever sessions read no row of each.

They are made together with the sums by trait (`trait_weeks.py`), hold as long as those do, and are kept only if nothing in
their week has changed meanwhile. What they do not have (few sessions, or a week that changes) is summed when it is asked for.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from ..core import found_sheaf, sayers
from ..core.buckets import bucket_after, bucket_of
from ..core.sheaf import packed, row_of, unpacked
from .found_sheaves import found_sheaves
from .saying import common_words, who_says

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..core.found_sheaf import FoundSheaf
    from ..core.sheaf import Row, Sheaf
    from ..db.sqlite import Tx

#: Fewer sessions of a week are summed by themselves in less time.
FEWEST = 300
#: Sessions of one sheaf: a megabyte in general, more where each cites dozens of pages; some hundredths of a second to make.
AT_ONCE = 8192
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
        _kept(tx, some, start) | {"start": start, "part": part, "findings": findings}
        for part, (some, findings) in enumerate(zip(parts, found, strict=True))
    ]


def _kept(tx: Tx, rows: list[Row], start: int) -> dict[str, Any]:
    numbers = [row.number for row in rows]
    words = common_words(tx, numbers)
    said = sayers.packed(numbers, words, who_says(tx, words, numbers))
    return {"first": min(numbers), "last": max(numbers), "words": said, "sessions": packed(rows, start)}


def keep_sheaves(tx: Tx, start: int, sheaves: list[dict[str, Any]]) -> None:
    """Keeps them, unless the week has changed since it was claimed; to be done before that is told to hold."""
    if tx.one("is_claimed", start=start):
        tx.run("drop_sheaves", start=start)
        tx.many("keep_sheaf", sheaves)


class Held(NamedTuple):
    """A week whose sheaves hold: its beginning, and the lowest number of its sessions, and the highest."""

    start: int
    first: int
    last: int


def held_weeks(tx: Tx, since: int, until: int) -> list[Held]:
    """Those that have a part in a span."""
    first, end = bucket_of(since, "week"), bucket_after(bucket_of(until, "week"), "week")
    stale = {row["start"] for row in tx.all("stale_weeks", since=first, until=end)}
    rows = tx.all("sheaf_weeks", since=first, until=until)
    return [Held(row["start"], row["first"], row["last"]) for row in rows if row["start"] not in stale]


def sheaf_weeks(tx: Tx, since: int, until: int, numbers: Sequence[int]) -> list[int]:
    """The beginnings of those in which any of some numbers (in their order) can be."""
    weeks = held_weeks(tx, since, until)
    return [week.start for week in weeks if bisect_left(numbers, week.first) < bisect_right(numbers, week.last)]


def sheaves_of(tx: Tx, start: int) -> Iterator[Sheaf]:
    """The sheaves of a week."""
    for row in tx.all("sheaves", start=start):
        yield unpacked(row["sessions"])


def found_sheaves_of(tx: Tx, start: int) -> Iterator[FoundSheaf]:
    """What insights count of those of a week."""
    for row in tx.all("found_sheaves", start=start):
        yield found_sheaf.unpacked(row["findings"])
