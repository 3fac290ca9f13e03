"""A stretch of time that a page is asked about: `range=7d`, or `from` and `to` as dates or times. Pure.

A range ends now and so moves on; dates stay, which is what a link to "that week" needs. Both ends may be open. Days are
those of UTC, as in the charts, and the day of `to` is within.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ApiError
from .buckets import DAY_MS
from .fields import fault, parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Ranges by name, in the order in which they are offered: how they are called, and their length.
RANGES: dict[str, tuple[str, int | None]] = {
    "24h": ("Last 24 hours", DAY_MS),
    "7d": ("Last 7 days", 7 * DAY_MS),
    "30d": ("Last 30 days", 30 * DAY_MS),
    "90d": ("Last 90 days", 90 * DAY_MS),
    "365d": ("Last 12 months", 365 * DAY_MS),
    "all": ("All time", None),
}
#: Letters of `2026-11-22`; what is longer is a time.
_DATE_LENGTH = 10


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` to before `until`, unix milliseconds; None: open."""

    since: int | None
    until: int | None
    #: The name in `RANGES`; empty when it was asked for by dates.
    range: str = ""
    #: As they were asked for.
    first: str = ""
    last: str = ""

    @property
    def name(self) -> str:
        """What it is called."""
        if self.range:
            return RANGES[self.range][0]
        if self.first and self.last:
            return f"From {self.first} to {self.last}"
        return f"From {self.first}" if self.first else f"To {self.last}"

    def before(self) -> Period | None:
        """The period of the same length that ends where this one begins; None when this one is open."""
        if self.since is None or self.until is None:
            return None
        return Period(2 * self.since - self.until, self.since)


def read_period(query: Mapping[str, str], now: int, default: str = "all") -> Period:
    """The period that a page's query asks for; `ApiError` 400.

    Args:
        query: With `range`, or with `from` and `to` (either may be missing), which count when both are there.
        now: Unix milliseconds.
        default: The range when nothing is asked for.

    """
    first, last = query.get("from", "").strip(), query.get("to", "").strip()
    if first or last:
        period = Period(_time("from", first), _time("to", last, whole_day=True), first=first, last=last)
        if period.since is not None and period.until is not None and period.since >= period.until:
            raise ApiError(400, "the period ends before it begins", [fault("/from", "is not before to")])
        return period
    name = query.get("range") or default
    if name not in RANGES:
        raise ApiError(400, f"range must be one of {', '.join(RANGES)}", [fault("/range", "is not known")])
    length = RANGES[name][1]
    return Period(None, None, name) if length is None else Period(now - length, now, name)


def _time(name: str, text: str, *, whole_day: bool = False) -> int | None:
    if not text:
        return None
    try:
        time = parse_time(text)
    except (TypeError, ValueError, OverflowError) as error:
        raise ApiError(400, f"{name} must be a date, or an ISO-8601 time", [fault(f"/{name}", "is no time")]) from error
    return time + DAY_MS if whole_day and len(text) <= _DATE_LENGTH else time
