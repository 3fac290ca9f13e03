"""A span of time, put together from as few kept sums as there are: months, weeks, days, hours, and what must be summed now. Pure."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .buckets import bucket_after, bucket_of

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The units that sums are kept of, the longest first.
KEPT_UNITS = ("month", "week", "day", "hour")


@dataclass(slots=True)
class Cover:
    """Disjoint pieces that are the span together."""

    #: Unit → beginnings.
    kept: dict[str, list[int]] = field(default_factory=lambda: {unit: [] for unit in KEPT_UNITS})
    #: From, to before; in order, none touching the next.
    loose: list[tuple[int, int]] = field(default_factory=list)


def cover(since: int, until: int, stale: Sequence[int], longest: str) -> Cover:
    """
    The pieces of a span.

    Args:
        since: Unix milliseconds.
        until: Before it.
        stale: Hours whose sums do not hold, in order; nor do those of their days, weeks and months.
        longest: The longest unit that may be used.

    """
    found = Cover()
    _fill(found, since, until, stale, KEPT_UNITS[KEPT_UNITS.index(longest) :])
    return found


def _fill(found: Cover, since: int, until: int, stale: Sequence[int], units: Sequence[str]) -> None:
    """Puts a span behind what was found before."""
    if since >= until:
        return
    if not units:
        if found.loose and found.loose[-1][1] == since:
            found.loose[-1] = (found.loose[-1][0], until)
        else:
            found.loose.append((since, until))
        return
    unit, shorter = units[0], units[1:]
    start = bucket_of(since, unit)
    while start < until:
        end = bucket_after(start, unit)
        place = bisect_left(stale, start)
        is_fresh = place == len(stale) or stale[place] >= end
        if since <= start and end <= until and is_fresh:
            found.kept[unit].append(start)
        else:
            _fill(found, max(since, start), min(until, end), stale, shorter)
        start = end
