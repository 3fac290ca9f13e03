"""Sums of sessions that add up."""

import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.tally import COUNTS, Tally, figures, letter_of, percentile, rounded, times_of, unpacked

NUMBERS = st.integers(0, 10**9)
TIMES = st.lists(st.integers(0, 10**9 - 1), max_size=30)
COUNTED = st.lists(st.integers(0, 10**9 - 1), max_size=300)


def times(given):
    """Times as a tally has them."""
    return times_of("".join(map(letter_of, given)))


TALLIES = st.builds(
    Tally,
    **dict.fromkeys(COUNTS, NUMBERS),
    first=COUNTED.map(times),
    whole=COUNTED.map(times),
    people=st.sets(st.integers(1, 5), max_size=3),
)


@given(TALLIES, TALLIES)
def test_sums_add_up(one, other):
    """The sums of two are each figure's sum, everybody counted once; what is kept is read back as it was."""
    both = unpacked(one.packed())
    assert both == one
    both.add(other)

    assert all(getattr(both, name) == getattr(one, name) + getattr(other, name) for name in COUNTS)
    assert both.people == one.people | other.people


@given(TIMES, TIMES, st.sampled_from([1, 50, 95, 100]))
def test_a_percentile_of_rounded_times_is_the_rounded_percentile(some, more, share):
    """Rounding keeps the order, so that no percentile is further off than its last digit; of two sums as of all at once."""
    both = sorted([*some, *more])

    exact = both[math.ceil(len(both) * share / 100) - 1] if both else None
    assert times(some) + times(more) == times(both)
    assert percentile(times(both), share) == (None if exact is None else rounded(exact))


@pytest.mark.parametrize(
    ("time", "told"), [(0, 0), (9, 9), (99, 99), (100, 100), (109, 100), (1999, 1900), (999_999_999, 990_000_000)]
)
def test_times_have_two_digits(time, told):
    """A time is told by its first two digits."""
    assert rounded(time) == told


def test_sums_that_an_older_teelog_kept_are_read():
    """Times were kept as such, with how often each is there."""
    counts = [*range(len(COUNTS))]

    assert unpacked(orjson.dumps([counts, [3], [90, 1200], [2, 1], [], []])) == Tally(
        *counts, first=times([90, 90, 1234]), people={3}
    )


@pytest.mark.parametrize("time", [None, -1, 10**9], ids=repr)
def test_what_is_no_time_has_no_letter(time):
    """What was not said, and what no clock can have said, is not counted."""
    assert letter_of(time) is None
    assert times_of(None) == times_of("") == 0


def test_what_is_not_known_is_not_nought():
    """Without an answer that tells them, tokens, cost, times and rates are not known."""
    told = figures(Tally(sessions=3, answers=2))

    assert {name for name, value in told.items() if value is None} == {
        "helpfulRate", "tokensIn", "tokensOut", "costUsd",
        "firstTokenP50Ms", "firstTokenP95Ms", "durationP50Ms", "durationP95Ms",
    }  # fmt: skip
    assert figures(Tally())["feedbackRate"] is None


def test_new_is_who_was_not_there_before():
    """Of the people of a span, those are new whose first session is within it; others come back."""
    told = figures(Tally(people={1, 2, 3}), {2, 3, 4})

    assert (told["users"], told["newUsers"], told["returningUsers"]) == (3, 2, 1)
