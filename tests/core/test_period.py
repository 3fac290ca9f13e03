"""A stretch of time, as a page's address names it."""

import pytest

from proxy.core.period import RANGES, Period, read_period
from proxy.errors import ApiError

NOW = 1_763_797_565_000
DAY = 24 * 3_600_000
MIDNIGHT = 1_763_769_600_000


@pytest.mark.parametrize(
    ("query", "since", "until", "name"),
    [
        pytest.param({}, None, None, "All time", id="nothing"),
        pytest.param({"range": "7d"}, NOW - 7 * DAY, NOW, "Last 7 days", id="a range"),
        pytest.param({"range": "", "from": " ", "to": ""}, None, None, "All time", id="an empty form"),
        pytest.param({"from": "2025-11-22"}, MIDNIGHT, None, "From 2025-11-22", id="from a day"),
        pytest.param({"to": "2025-11-22"}, None, MIDNIGHT + DAY, "To 2025-11-22", id="the last day is within"),
        pytest.param(
            {"from": "2025-11-22", "to": "2025-11-22", "range": "7d"},
            MIDNIGHT,
            MIDNIGHT + DAY,
            "From 2025-11-22 to 2025-11-22",
            id="dates win",
        ),
        pytest.param(
            {"to": "2025-11-22T01:00:00+01:00"}, None, MIDNIGHT, "To 2025-11-22T01:00:00+01:00", id="to a time"
        ),
    ],
)
def test_reading(query, since, until, name):
    """A range ends now; dates are whole days of UTC, and win over a range."""
    period = read_period(query, NOW)

    assert (period.since, period.until, period.name) == (since, until, name)


@pytest.mark.parametrize("query", [{"range": "8d"}, {"from": "x"}, {"to": "2025-13-01"}, {"from": "9999-99-99"}])
def test_what_is_no_period(query):
    """What is no range and no date is refused, with its name."""
    with pytest.raises(ApiError) as caught:
        read_period(query, NOW)

    assert caught.value.status == 400
    assert next(iter(query)) in caught.value.detail


@pytest.mark.parametrize("last", ["2025-11-20", "2025-11-21T00:00:00Z"])
def test_a_period_that_ends_before_it_begins(last):
    """Dates the wrong way round are told, not answered with nothing."""
    with pytest.raises(ApiError) as caught:
        read_period({"from": "2025-11-21", "to": last}, NOW)

    assert (caught.value.status, caught.value.detail) == (400, "the period ends before it begins")


def test_the_period_before():
    """What a period is compared with is as long and ends where it begins; an open one has none."""
    assert Period(NOW - DAY, NOW).before() == Period(NOW - 2 * DAY, NOW - DAY)
    assert read_period({}, NOW).before() is None
    assert list(RANGES)[-1] == "all"
