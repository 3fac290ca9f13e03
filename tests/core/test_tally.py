"""Sums of sessions that add up."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.tally import COUNTS, Tally, figures, letter_of, percentile, rounded, times_of, unpacked

NUMBERS = st.integers(0, 10**9)
TIMES = st.lists(st.integers(0, 10**9 - 1), max_size=30)
TALLIES = st.builds(
    Tally,
    **dict.fromkeys(COUNTS, NUMBERS),
    first=st.dictionaries(NUMBERS, NUMBERS, max_size=3),
    whole=st.dictionaries(NUMBERS, NUMBERS, max_size=3),
    people=st.sets(st.integers(1, 5), max_size=3),
)


@given(TALLIES, TALLIES)
def test_sums_add_up(one, other):
    """The sums of two are each figure's sum, everybody counted once; what is kept is read back as it was."""
    both = unpacked(one.packed())
    assert both == one
    both.add(other)

    assert all(getattr(both, name) == getattr(one, name) + getattr(other, name) for name in COUNTS)
    assert sum(both.first.values()) == sum(one.first.values()) + sum(other.first.values())
    assert both.people == one.people | other.people


@given(TIMES, st.sampled_from([1, 50, 95, 100]))
def test_a_percentile_of_rounded_times_is_the_rounded_percentile(times, share):
    """Rounding keeps the order, so that no percentile is further off than its last digit."""
    counted = {}
    for time in times:
        counted[rounded(time)] = counted.get(rounded(time), 0) + 1

    exact = sorted(times)[math.ceil(len(times) * share / 100) - 1] if times else None
    assert percentile(counted, share) == (None if exact is None else rounded(exact))


@pytest.mark.parametrize(
    ("time", "told"), [(0, 0), (9, 9), (99, 99), (100, 100), (109, 100), (1999, 1900), (999_999_999, 990_000_000)]
)
def test_times_have_two_digits(time, told):
    """A time is told by its first two digits."""
    assert rounded(time) == told


@given(TIMES)
def test_letters_are_rounded_times(times):
    """As many letters, in whatever order, are as many rounded times."""
    letters = "".join(letter_of(time) for time in times)

    assert len(letters) == len(times)
    assert times_of(letters[::-1]) == {one: [*map(rounded, times)].count(one) for one in map(rounded, times)}


@pytest.mark.parametrize("time", [None, -1, 10**9], ids=repr)
def test_what_is_no_time_has_no_letter(time):
    """What was not said, and what no clock can have said, is not counted."""
    assert letter_of(time) is None
    assert times_of(None) == times_of("") == {}


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
