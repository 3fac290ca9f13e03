"""What the pages of figures are asked: a period, its unit, a mark to group by, and the list's filter. Read from a URL's query.

    range | from, to   when the sessions began (`core/period.py`); what a page takes when nothing is said
    unit               hour, day, week, month; as fits the period when nothing is said
    by                 model, endpoint, or property:<name>
    side               true: side requests and copies as well
    q, user, tag, property, model, feedback, interrupted       as in the list (`core/session_filter.py`)
    endpoint, asked, again, failed, reason, cites              as in the list (`core/among.py`)

All that is wrong is told in an `ApiError` 400.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import ApiError
from .among import PARAMETERS as AMONG
from .among import read_among
from .buckets import DAY_MS, UNITS
from .fields import fault
from .period import Period, read_period
from .session_filter import EVERY, VALUE_LIMIT, SessionFilter, read_sessions

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_RANGE = "30d"
_OWN = ("range", "from", "to", "unit", "by", "side", *AMONG)
_PROPERTY = "property:"
#: Buckets of one answer: with more, bars are too thin to be seen.
BUCKETS_LIMIT = 750
#: The years 1900 and 9900: what a calendar reckons with, and the period before, too.
EARLIEST, LATEST = -2_208_988_800_000, 250_246_800_000_000
#: The longest period, in days, that a unit is chosen for.
_FITTING = (("hour", 3), ("day", 95), ("week", 400))
_DAYS = {"hour": 1 / 24, "day": 1, "week": 7, "month": 30.4}
#: The longest period by hours, in days: sums of so many hours are read in milliseconds.
_HOURS_DAYS = 8


@dataclass(frozen=True, slots=True)
class FigureQuestion:
    """Checked; an end of the period may still be open."""

    period: Period
    unit: str
    by: str
    asked: SessionFilter
    with_side: bool

    @property
    def property(self) -> str | None:
        """The property to group by."""
        return self.by.removeprefix(_PROPERTY) if self.by.startswith(_PROPERTY) else None


def read_question(query: Mapping[str, str], now: int, default: str = DEFAULT_RANGE) -> FigureQuestion:
    """What is asked; `ApiError` 400."""
    given = {name: query.get(name, "") for name in ("range", "from", "to", *AMONG)}
    period = read_period(given, now, default)
    unit, by = query.get("unit", "").strip(), query.get("by", "").strip() or "model"
    if unit and unit not in UNITS:
        raise ApiError(400, f"unit must be one of {', '.join(UNITS)}", [fault("/unit", "is not known")])
    if by not in ("model", "endpoint") and not _is_property(by):
        raise ApiError(400, "by must be model, endpoint or property:<name>", [fault("/by", "is not known")])
    asked, _ = read_sessions([(name, value) for name, value in query.items() if name not in _OWN], limit=0, highest=1)
    among = read_among(given)
    return FigureQuestion(
        period,
        unit,
        by,
        replace(asked, among=None if among.is_all else among) if asked != EVERY or not among.is_all else EVERY,
        with_side=query.get("side", "") == "true",
    )


def _is_property(by: str) -> bool:
    name = by.removeprefix(_PROPERTY)
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return by.startswith(_PROPERTY) and 0 < len(name) <= VALUE_LIMIT


def check_span(since: int, until: int) -> None:
    """`ApiError` 400 for a span that has no time in it, or that calendars do not reckon with."""
    if not EARLIEST <= since < until <= LATEST:
        raise ApiError(400, "the period is not of this age, or ends before it begins", [fault("/from", "is no begin")])


def unit_for(question: FigureQuestion, since: int, until: int) -> str:
    """The unit of a period whose ends are known; `ApiError` 400 when the one that is asked for is too short."""
    check_span(since, until)
    days = (until - since) / DAY_MS
    unit = question.unit or next((unit for unit, most in _FITTING if days <= most), "month")
    if days / _DAYS[unit] > BUCKETS_LIMIT or (unit == "hour" and days > _HOURS_DAYS):
        raise ApiError(
            400,
            f"the period is too long to be told by the {unit}: choose a longer unit",
            [fault("/unit", "is too short")],
        )
    return unit
