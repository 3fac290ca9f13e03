"""Sums of whole weeks by tag and property, and by what became of sessions, so that figures of a long time read a few sums and
no sessions; and beside them what insights count (`insight_weeks.py`).

They are made like those of hours (`keeping.py`), when a week is over and again when something in it has changed, of the
traits that many of its sessions have; what few have is summed when it is asked for. A week is claimed first, then summed
while others write, and the sums are kept only if nothing in it has changed meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ..core.buckets import bucket_after, bucket_of
from ..core.tally import Tally, unpacked
from .counting import FEW, kept
from .gathering import EVERY, MARKS, OUTCOMES, gathered, having

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..db.sqlite import Tx

#: Sessions of a week that are summed in less time than it takes to read their sums.
FREQUENT = 100


class Sums(NamedTuple):
    """What is kept of a week."""

    tallies: list[dict[str, Any]]
    findings: list[dict[str, Any]]


class Week(NamedTuple):
    """Sums of a week's sessions with some marks."""

    side: int
    model: str
    endpoint: str
    tally: Tally


def claim(tx: Tx, now: int) -> int | None:
    """A week (its beginning) that is to be summed, if there is one; `now` is unix milliseconds."""
    row = tx.one("some_stale_week", before=bucket_of(now, "week"))
    if row is None:
        return None
    start: int = row["start"]
    tx.run("claim_week", start=start)
    return start


def summed(tx: Tx, start: int, least: int = FREQUENT) -> Sums:
    """What is kept of a week, of the traits that at least so many of its sessions have; this only reads."""
    end = bucket_after(start, "week")
    fewest = min(least, FEW)
    traits = {row["id"]: row["sessions"] for row in tx.all("frequent_traits", since=start, until=end, least=fewest)}
    tallies = [
        {"start": start, "trait": trait, "side": side, "model": model, "endpoint": endpoint, "tally": tally.packed()}
        for trait in (*OUTCOMES, *(trait for trait, sessions in traits.items() if sessions >= least))
        for side, model, endpoint, tally in _summed_now(tx, trait, start)
    ]
    return Sums(tallies, [one for trait in (EVERY, *OUTCOMES, *traits) for one in kept(tx, trait, start, end)])


def keep(tx: Tx, start: int, sums: Sums) -> None:
    """Keeps it, unless the week has changed since it was claimed."""
    if tx.run("week_is_fresh", start=start):
        tx.run("drop_kept_traits", start=start)
        tx.run("drop_kept_findings", start=start)
        tx.many("keep_trait", sums.tallies)
        tx.many("keep_findings", sums.findings)


def fresh_weeks(tx: Tx, since: int, until: int, unit: str = "") -> list[int]:
    """The whole weeks of a span whose sums hold, each within one `unit`."""
    stale = {row["start"] for row in tx.all("stale_weeks", since=bucket_of(since, "week"), until=until)}
    found, start = [], bucket_of(since, "week")
    while (end := bucket_after(start, "week")) <= until:
        if start >= since and start not in stale and (not unit or bucket_of(start, unit) == bucket_of(end - 1, unit)):
            found.append(start)
        start = end
    return found


def beside(since: int, until: int, weeks: list[int]) -> Iterator[tuple[int, int]]:
    """What of a span is not in some of its weeks."""
    for start in weeks:
        if since < start:
            yield since, start
        since = bucket_after(start, "week")
    if since < until:
        yield since, until


def week_of(tx: Tx, trait: int, start: int) -> list[Week]:
    """The sums of a fresh week's sessions with a trait."""
    rows = tx.all("kept_trait", start=start, trait=trait)
    if rows:
        return [Week(row["side"], row["model"], row["endpoint"], unpacked(row["tally"])) for row in rows]
    return _summed_now(tx, trait, start)


def _summed_now(tx: Tx, trait: int, start: int) -> list[Week]:
    chosen = having((trait,), start, bucket_after(start, "week"))
    return [
        Week(side, model, endpoint, tally) for (side, model, endpoint), tally in gathered(tx, chosen, MARKS).items()
    ]
