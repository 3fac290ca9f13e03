"""Hours, days, weeks (from Monday) and months in UTC, as unix milliseconds: where a time falls, and what follows. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Each one's length, and how long before the epoch (a Thursday) one began.
LENGTHS = {"hour": (HOUR_MS, 0), "day": (DAY_MS, 0), "week": (7 * DAY_MS, 3 * DAY_MS)}
UNITS = ("hour", "day", "week", "month")


def bucket_of(at: int, unit: str) -> int:
    """The beginning of the unit that a time falls in."""
    if unit == "month":
        moment = _EPOCH + timedelta(milliseconds=at)
        return _milliseconds(datetime(moment.year, moment.month, 1, tzinfo=UTC))
    length, before = LENGTHS[unit]
    return at - (at + before) % length


def bucket_after(start: int, unit: str) -> int:
    """The beginning of the next one."""
    if unit == "month":
        return bucket_of(start + 31 * DAY_MS, unit)
    return start + LENGTHS[unit][0]


def buckets(since: int, until: int, unit: str) -> Iterator[int]:
    """The beginnings of all that have a part in a span."""
    start = bucket_of(since, unit)
    while start < until:
        yield start
        start = bucket_after(start, unit)


def runs(starts: Iterable[int], unit: str) -> Iterator[tuple[int, int]]:
    """The spans that beginnings in their order make, each as long as they follow each other."""
    since = until = None
    for start in starts:
        if start != until:
            if since is not None and until is not None:
                yield since, until
            since = start
        until = bucket_after(start, unit)
    if since is not None and until is not None:
        yield since, until


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)
