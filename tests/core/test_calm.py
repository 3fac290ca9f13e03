"""When a wall clock is believed."""

import pytest

from proxy.core.calm import CALM_SECONDS, Calm

from ..fakes import NOW

DAY = 86_400


def looks(calm, *times):
    """What is said at some times: seconds of the wall clock and of the other."""
    return [calm.holds(NOW + round(wall * 1000), steady) for wall, steady in times]


def test_both_go_side_by_side():
    """After the start it is not believed for a while, then for ever; small corrections are none."""
    assert looks(Calm(), (0, 0), (CALM_SECONDS - 1, CALM_SECONDS - 1)) == [False, False]
    assert looks(Calm(), (0, 0), (CALM_SECONDS + 1, CALM_SECONDS), (9 * DAY, 9 * DAY)) == [False, True, True]


@pytest.mark.parametrize("jump", [9 * DAY, -9 * DAY], ids=["forward, or the machine slept", "back"])
def test_a_jump(jump):
    """A clock that was set, either way, is not believed until it has gone on for a while, and set right again neither."""
    calm = Calm()

    assert looks(calm, (0, 0), (600, 600)) == [False, True]
    assert looks(calm, (660 + jump, 660), (720 + jump, 720)) == [False, False]
    assert looks(calm, (780, 780), (1379, 1379), (1380, 1380)) == [False, False, True]
