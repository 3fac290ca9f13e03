"""The gate of a sink: when nothing goes, when one row goes, and when all do."""

import pytest

from proxy.core.gate import (
    LONGEST_DOWN_SECONDS,
    MOST_REFUSED,
    PROBE_SECONDS,
    RAMP_SECONDS,
    REFUSING,
    TRIPPING,
    VERDICTS,
    Gate,
)
from proxy.core.retry import LONGEST_POSTPONEMENT_SECONDS

NOW = 1_700_000_000_000
MOST = 4


def after(seconds):
    return NOW + round(seconds * 1000)


def room(gate, now, running=0):
    return gate.room(now, running, MOST)


def test_an_open_gate_lets_as_much_through_as_may_run():
    """There is room for what may run less what runs, and no pace."""
    gate = Gate(20.0)

    assert [room(gate, NOW, running) for running in (0, 3, 4, 9)] == [4, 1, 0, 0]
    assert gate.pace(NOW) is None


def down(gate, now=NOW):
    for row in range(TRIPPING):
        gate.failed(row, now, 1.0)


def misplaced(gate, now=NOW):
    for row in range(REFUSING):
        gate.unwelcome(row, "address", now)


def rejecting(gate, now=NOW):
    for row in range(MOST_REFUSED + 1):
        gate.refused(row, now)


#: How a gate is shut: the cause, and how long for.
SHUT = {
    "down": (down, 1.0),
    "busy": (lambda gate: gate.busy(NOW, 90.0, 0.0), 90.0),
    "address": (misplaced, PROBE_SECONDS),
    "rejects": (rejecting, PROBE_SECONDS),
}


@pytest.mark.parametrize("cause", SHUT)
def test_a_shut_gate_lets_one_through_when_its_time_has_come(cause):
    """Nothing goes until then; after that one row at a time, and when one was taken, as many as may at a pace."""
    shut, seconds = SHUT[cause]
    gate = Gate(20.0)
    shut(gate)

    assert (gate.cause, gate.since, gate.opens_at(NOW)) == (cause, NOW, after(seconds))
    assert room(gate, after(seconds) - 1) == 0
    assert [room(gate, after(seconds), running) for running in (0, 1)] == [1, 0]
    for row in range(1000, 1000 + VERDICTS):
        gate.taken(row, after(seconds))
    assert (gate.cause, room(gate, after(seconds)), gate.pace(after(seconds))) == ("", MOST, 20.0)


@pytest.mark.parametrize("cause", SHUT)
def test_what_was_on_its_way_opens_nothing(cause):
    """A row that went before the gate was shut and is taken after says nothing of now."""
    shut, seconds = SHUT[cause]
    gate = Gate(20.0)
    shut(gate)
    gate.taken(1, after(0.5))

    assert (gate.cause, room(gate, after(0.6))) == (cause, 0)


def test_one_row_that_fails_shuts_nothing():
    """However often one row fails, or is refused as our key would be, it is the row."""
    gate = Gate(20.0)
    for _ in range(100):
        gate.failed(7, NOW, 1.0)
        gate.unwelcome(7, "key", NOW)
        gate.refused(7, NOW)

    assert (gate.cause, room(gate, NOW)) == ("", MOST)


def test_failures_between_successes_shut_nothing():
    """A sink that fails now and then is not down."""
    gate = Gate(20.0)
    for row in range(100):
        gate.failed(row, NOW, 1.0)
        if row % (TRIPPING - 1) == 0:
            gate.taken(row, NOW)

    assert gate.cause == ""


def test_a_sink_that_stays_down_is_asked_ever_later():
    """The waits between probes double up to half a minute."""
    gate, now, waits = Gate(20.0), NOW, []
    down(gate)
    for row in range(9):
        waits.append((gate.opens_at(now) - now) / 1000)
        now = gate.opens_at(now)
        gate.failed(row, now, 1.0)

    assert waits == [1, 2, 4, 8, 16, *[LONGEST_DOWN_SECONDS] * 4]


def test_the_longest_of_several_waits_counts():
    """Of several answers that ask to wait the one that asks for most is heeded; one without a time adds nothing."""
    gate = Gate(20.0)
    for wait in (10.0, 90.0, 20.0, None):
        gate.busy(NOW, wait, 0.0)

    assert gate.opens_at(NOW) == after(90)


def test_a_wait_is_heeded_though_it_is_shut():
    """A sink that asks to wait while it is left alone for another reason is left alone for that long."""
    gate = Gate(20.0)
    down(gate)
    gate.busy(NOW, 90.0, 0.0)

    assert (gate.cause, gate.since, gate.opens_at(NOW)) == ("busy", NOW, after(90))


def test_busy_without_a_time():
    """A sink that asks to wait without saying how long is left alone for a while that grows, and is never nothing."""
    gate, now, waits = Gate(20.0), NOW, []
    for _ in range(3):
        gate.busy(now, None, 0.0)
        waits.append((gate.opens_at(now) - now) / 1000)
        now = gate.opens_at(now)

    assert waits == [0.5, 1.0, 2.0]


def test_few_refusals_are_believed():
    """Up to half of the last conversations may be refused; then none of them is to be believed until fewer are."""
    gate = Gate(20.0)
    for row in range(VERDICTS - MOST_REFUSED):
        gate.taken(row, NOW)
    believed = [gate.refused(100 + row, NOW) for row in range(MOST_REFUSED + 1)]

    assert believed == [True] * MOST_REFUSED + [False]
    assert gate.cause == "rejects"


def test_a_sink_that_was_mended_is_believed_again():
    """Once most of the last conversations are taken one after the other, a refusal counts again."""
    gate = Gate(20.0)
    rejecting(gate)
    now, taken = after(PROBE_SECONDS), 0
    while gate.cause:
        assert room(gate, now) == 1
        taken += 1
        gate.taken(1000 + taken, now)

    assert taken <= VERDICTS
    assert gate.refused(5000, now)


def test_the_pace_doubles_until_nothing_is_due():
    """After an outage rows go out at the configured pace, doubled every ten seconds; at rest it is forgotten."""
    gate = Gate(20.0)
    down(gate)
    gate.taken(1, after(1))

    assert [gate.pace(after(1 + RAMP_SECONDS * n)) for n in (0, 0.9, 1, 3)] == [20, 20, 40, 160]
    assert gate.pace(after(1 + RAMP_SECONDS * 1e9)) == 20 * 1024
    gate.at_rest()
    assert gate.pace(after(2)) is None


def test_a_clock_that_is_set_back_opens():
    """A time that no wait can reach is from before the clock was set back."""
    gate = Gate(20.0)
    gate.busy(NOW, 3600.0, 1.0)

    assert room(gate, NOW) == 0
    assert room(gate, after(-LONGEST_POSTPONEMENT_SECONDS)) == 1
