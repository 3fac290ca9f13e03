"""A span of time put together from kept sums."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.core.buckets import bucket_after, bucket_of
from proxy.core.cover import KEPT_UNITS, cover

HOUR, DAY = 3_600_000, 24 * 3_600_000
MARCH = 1_772_323_200_000
TIMES = st.integers(MARCH - 70 * DAY, MARCH + 70 * DAY) | st.sampled_from([MARCH, MARCH + HOUR, MARCH - DAY])


@given(
    st.tuples(TIMES, TIMES).map(sorted),
    st.lists(TIMES.map(lambda at: bucket_of(at, "hour")), max_size=8).map(sorted),
    st.sampled_from(KEPT_UNITS),
)
def test_the_pieces_are_the_span(span, stale, longest):
    """The pieces together are the span, none overlapping, and no stale hour is in one that is kept."""
    found = cover(*span, stale, longest)

    pieces = [*found.loose]
    for unit, starts in found.kept.items():
        kept = [(start, bucket_after(start, unit)) for start in starts]
        assert not any(start <= hour < end for hour in stale for start, end in kept)
        assert all(start == bucket_of(start, unit) for start in starts)
        pieces += kept
    pieces.sort()
    at = span[0]
    for start, end in pieces:
        assert start == at < end
        at = end
    assert at == max(span) or not pieces


def test_long_units_come_first():
    """Whole months are taken as months, whole weeks as weeks, whole days as days, and only the rest is summed."""
    found = cover(MARCH - DAY - 2 * HOUR - 5, MARCH + 31 * DAY + 1, [], "month")

    days, hours = [MARCH - DAY], [MARCH - DAY - 2 * HOUR, MARCH - DAY - HOUR]
    assert found.kept == {"month": [MARCH], "week": [], "day": days, "hour": hours}
    assert found.loose == [
        (MARCH - DAY - 2 * HOUR - 5, MARCH - DAY - 2 * HOUR),
        (MARCH + 31 * DAY, MARCH + 31 * DAY + 1),
    ]


def test_a_stale_hour_breaks_its_month_and_its_day_only():
    """Around one stale hour its day is told by hours, its week by days, its month by weeks, the next as a month."""
    found = cover(MARCH, MARCH + 61 * DAY, [MARCH + DAY + HOUR], "month")

    assert found.kept["month"] == [MARCH + 31 * DAY]
    assert found.kept["week"] == [MARCH + n * DAY for n in (8, 15, 22)]
    assert found.kept["day"] == [MARCH + n * DAY for n in (0, 2, 3, 4, 5, 6, 7, 29, 30)]
    assert len(found.kept["hour"]) == 23
    assert found.loose == [(MARCH + DAY + HOUR, MARCH + DAY + 2 * HOUR)]
