"""The long schedule of deliveries."""

import pytest

from proxy.core.retry import (
    LONGEST_RETRY_AFTER_SECONDS,
    equal_jitter,
    full_jitter,
    retry_after_seconds,
    told_wait,
)

NOW = 1_700_000_000_000  # Tue, 14 Nov 2023 22:13:20 GMT


@pytest.mark.parametrize(
    ("tries", "longest"),
    [(1, 1.0), (2, 2.0), (3, 4.0), (9, 256.0), (10, 300.0), (11, 300.0), (100_000, 300.0)],
)
def test_the_wait_doubles_up_to_five_minutes(tries, longest):
    """The wait is anything from nothing up to an end that doubles with every try, five minutes at most."""
    assert full_jitter(tries, 0.0) == 0.0
    assert full_jitter(tries, 0.5) == longest / 2
    assert full_jitter(tries, 1.0) == longest


@pytest.mark.parametrize("tries", [1, 5, 50])
def test_the_equal_wait_is_never_nothing(tries):
    """With equal jitter half of the end is waited in any case, up to a bound that may be set."""
    longest = full_jitter(tries, 1.0)

    assert equal_jitter(tries, 0.0) == longest / 2
    assert equal_jitter(tries, 1.0) == longest
    assert equal_jitter(tries, 1.0, 10.0) == min(10.0, longest)


def test_retry_after_is_waited_out():
    """What the sink asks for is the least that is waited, and half more the most; an hour counts at most."""
    assert told_wait(40, 0.0) == 40
    assert told_wait(40, 1.0) == 60
    assert told_wait(1e9, 0.0) == LONGEST_RETRY_AFTER_SECONDS


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param("120", 120.0, id="seconds"),
        pytest.param(" 2 ", 2.0, id="blanks"),
        pytest.param("1.5", 1.5, id="a fraction"),
        pytest.param("0", None, id="nothing"),
        pytest.param("-5", None, id="negative"),
        pytest.param("999999", LONGEST_RETRY_AFTER_SECONDS, id="more than an hour"),
        pytest.param("9" * 500, None, id="a number without end"),
        pytest.param("Tue, 14 Nov 2023 22:15:20 GMT", 120.0, id="date"),
        pytest.param("Tuesday, 14-Nov-23 22:15:20 GMT", 120.0, id="date of RFC 850"),
        pytest.param("Tue Nov 14 22:15:20 2023", 120.0, id="date of asctime"),
        pytest.param("Tue, 14 Nov 2023 22:13:10 GMT", None, id="a date that has passed"),
        pytest.param("Wed, 15 Nov 2023 22:13:20 GMT", LONGEST_RETRY_AFTER_SECONDS, id="tomorrow"),
        pytest.param("Tue, 99 Nov 2023 22:13:10 GMT", None, id="no such date"),
        pytest.param("soon", None, id="a word"),
        pytest.param("", None, id="empty"),
        pytest.param(None, None, id="no field"),
    ],
)
def test_retry_after_in_both_forms(value, seconds):
    """Seconds and dates are understood, clamped to an hour; what has passed or is neither is ignored."""
    assert retry_after_seconds(value, NOW) == seconds
