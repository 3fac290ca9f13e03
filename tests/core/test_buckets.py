"""Hours, days, weeks and months."""

import pytest

from proxy.core.buckets import UNITS, bucket_after, bucket_of, buckets, runs

# 2026-03-01T00:00Z was a Sunday, 2026-03-02 a Monday; before the epoch the same rules hold
MARCH, HOUR = 1_772_323_200_000, 3_600_000


@pytest.mark.parametrize(
    ("at", "unit", "start"),
    [
        pytest.param(MARCH + 1, "hour", MARCH, id="hour"),
        pytest.param(MARCH - 1, "hour", MARCH - HOUR, id="the hour before"),
        pytest.param(MARCH + 23 * HOUR, "day", MARCH, id="day"),
        pytest.param(MARCH, "week", MARCH - 6 * 24 * HOUR, id="a Sunday ends a week"),
        pytest.param(MARCH + 24 * HOUR, "week", MARCH + 24 * HOUR, id="a Monday begins one"),
        pytest.param(MARCH + 31 * 24 * HOUR - 1, "month", MARCH, id="month"),
        pytest.param(MARCH - 1, "month", MARCH - 28 * 24 * HOUR, id="February"),
        pytest.param(-1, "day", -24 * HOUR, id="before the epoch"),
        pytest.param(-1, "month", -31 * 24 * HOUR, id="December 1969"),
        pytest.param(0, "week", -3 * 24 * HOUR, id="the epoch was a Thursday"),
    ],
)
def test_where_a_time_falls(at, unit, start):
    """A time falls in the unit that began last, in UTC."""
    assert bucket_of(at, unit) == start


@pytest.mark.parametrize("unit", UNITS)
def test_they_follow_each_other(unit):
    """The beginnings within a span are those of each other's next ones, the first at or before its begin."""
    found = list(buckets(MARCH - 5, MARCH + 90 * 24 * HOUR, unit))

    assert found[0] <= MARCH - 5 < found[1]
    assert all(bucket_after(one, unit) == other for one, other in zip(found, found[1:], strict=False))
    assert found[-1] < MARCH + 90 * 24 * HOUR <= bucket_after(found[-1], unit)


@pytest.mark.parametrize(
    ("starts", "spans"),
    [
        ([], []),
        ([MARCH], [(MARCH, MARCH + HOUR)]),
        (
            [MARCH, MARCH + HOUR, MARCH + 3 * HOUR],
            [(MARCH, MARCH + 2 * HOUR), (MARCH + 3 * HOUR, MARCH + 4 * HOUR)],
        ),
    ],
    ids=["none", "one", "a gap"],
)
def test_beginnings_that_follow_each_other_are_one_span(starts, spans):
    """Hours are read in as few spans as they make, and no hour between them."""
    assert list(runs(starts, "hour")) == spans
