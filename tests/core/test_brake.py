"""Brakes on guessing."""

from __future__ import annotations

import pytest

from proxy.core.brake import FAILURES_PER_ADDRESS, MOST_ADDRESSES, WINDOW_SECONDS, KeyBrake


class Seconds:
    def __init__(self) -> None:
        self.now = 1000.0 * WINDOW_SECONDS

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Seconds()


@pytest.fixture
def brake(clock):
    return KeyBrake(clock)


def test_who_guesses_has_to_wait(brake, clock):
    """After ten wrong keys in a minute not even a right one is told from a wrong one; a minute later it is."""
    waits = [brake.failed("1.1.1.1", b"%d" % n) for n in range(FAILURES_PER_ADDRESS + 2)]
    assert waits == [0] * FAILURES_PER_ADDRESS + [WINDOW_SECONDS + 1] * 2
    assert brake.wait_for("1.1.1.1", b"right")
    assert brake.wait_for("2.2.2.2", b"right") == 0
    clock.now += WINDOW_SECONDS

    assert brake.wait_for("1.1.1.1", b"right") == 0


def test_who_was_right_before_need_not(brake):
    """A key that was right from an address goes on being so there, whoever else guesses from it; elsewhere it does not."""
    brake.passed("1.1.1.1", b"right")
    for address in ("1.1.1.1", "2.2.2.2"):
        for number in range(FAILURES_PER_ADDRESS):
            brake.failed(address, b"%d" % number)

    assert brake.wait_for("1.1.1.1", b"right") == 0
    assert brake.wait_for("1.1.1.1", b"other")
    assert brake.wait_for("2.2.2.2", b"right")


def test_a_wrong_key_again_is_no_guess(brake):
    """A program that shows one wrong key over and over locks out nobody who comes from its address, known or not."""
    waits = [brake.failed("1.1.1.1", b"old") for _ in range(10 * FAILURES_PER_ADDRESS)]

    assert set(waits) == {0}
    assert brake.wait_for("1.1.1.1", b"right") == 0
    brake.failed("2.2.2.2", b"old")
    for number in range(FAILURES_PER_ADDRESS - 1):
        brake.failed("2.2.2.2", b"%d" % number)
    assert brake.wait_for("2.2.2.2", b"right")


def test_its_memory_is_bounded(brake):
    """However many addresses and keys there are, the newest are remembered, and further failures share one count."""
    for number in range(MOST_ADDRESSES + 5):
        brake.failed(f"a{number}", b"")
        brake.passed("here", b"%d" % number)
    assert len(brake._brake._failures) == MOST_ADDRESSES + 1
    assert len(brake._right) == len(brake._wrong) == MOST_ADDRESSES
    for number in range(FAILURES_PER_ADDRESS):
        brake.failed(f"b{number}", b"")

    assert brake.wait_for("never seen", b"")
    assert brake.wait_for("a0", b"") == 0
