"""The sums that figures are put together from, made when an hour is over and again when something in it has changed.

Sums are not moved along with every message: an hour that changes is only noted as stale, in the same transaction and by
triggers, which costs a row; it is summed out of its sessions later, wholly, so that no error can creep in and stay. The
sums of its day, week and month are made of those of the hours. Whoever asks in between sums the stale hours themselves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.buckets import HOUR_MS, bucket_after, bucket_of
from ..core.tally import Tally, unpacked
from .gathering import ALL, MARKS, gathered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..db.sqlite import Tx

#: Hours of one transaction: those who write wait for so long, milliseconds each.
HOURS_AT_ONCE = 8


def sum_hours(tx: Tx, now: int) -> int:
    """Sums some of the stale hours that are over (`now` is unix milliseconds); how many."""
    stale = [row["hour"] for row in tx.all("some_stale_hours", before=bucket_of(now, "hour"), limit=HOURS_AT_ONCE)]
    for hour in stale:
        _keep(tx, "hour", hour, gathered(tx, ALL.within(hour, hour + HOUR_MS), MARKS))
        tx.run("sum_is_fresh", hour=hour)
    for unit, part in (("day", "hour"), ("week", "day"), ("month", "day")):
        for start in {bucket_of(hour, unit) for hour in stale}:
            _keep(tx, unit, start, _sums(tx, part, start, bucket_after(start, unit)))
    return len(stale)


def _sums(tx: Tx, part: str, since: int, until: int) -> Mapping[tuple[Any, ...], Tally]:
    found: dict[tuple[Any, ...], Tally] = {}
    for row in tx.all("kept", unit=part, since=since, until=until):
        found.setdefault((row["side"], row["model"], row["endpoint"]), Tally()).add(unpacked(row["tally"]))
    return found


def _keep(tx: Tx, unit: str, start: int, tallies: Mapping[tuple[Any, ...], Tally]) -> None:
    tx.run("drop_kept", unit=unit, start=start)
    tx.many(
        "keep",
        (
            {"unit": unit, "start": start, "side": side, "model": model, "endpoint": endpoint, "tally": tally.packed()}
            for (side, model, endpoint), tally in tallies.items()
        ),
    )
