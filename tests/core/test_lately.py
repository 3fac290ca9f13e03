"""Counts over a sliding window, and how long something lasts."""

import pytest

from proxy.core.lately import Growth, Lately


def test_what_is_over_is_forgotten():
    """A count is of the window, to one part of it."""
    lately = Lately(60.0)
    for second in range(120):
        lately.add(1, float(second))

    assert lately.total(119.0) == 60
    assert lately.total(150.0) == 29
    assert lately.total(1000.0) == 0


def test_memory_is_bounded():
    """However much happens, no more is kept than the window has parts."""
    lately = Lately(60.0)
    for step in range(100_000):
        lately.add(1, step / 100)

    assert len(lately._counts) <= 60


def test_a_clock_that_is_set_back():
    """What has not happened yet by the clock is forgotten, and counting goes on."""
    lately = Lately(60.0)
    lately.add(5, 1_000_000.0)
    lately.add(1, 10.0)

    assert lately.total(11.0) == 1


GROWTHS = {
    "nothing seen": ([], 0.0, None),
    "seen once": ([(0, 5)], 0.0, None),
    "grows": ([(0, 0), (10, 10), (20, 40)], 2.0, 50.0),
    "stands": ([(0, 7), (20, 7)], 0.0, None),
    "shrinks": ([(0, 40), (20, 0)], -2.0, None),
    "what is long ago does not count": ([(0, 1000), (950, 0), (1000, 50)], 1.0, 100.0),
    "seen twice at once": ([(5, 0), (5, 10)], 0.0, None),
    "the clock was set back": ([(1000, 0), (0, 0), (10, 10)], 1.0, 100.0),
}


@pytest.mark.parametrize("name", GROWTHS)
def test_growth(name):
    """A rate is that of the window, and room lasts as long as it takes to fill it."""
    seen, rate, lasts = GROWTHS[name]
    growth = Growth(100.0)
    for now, size in seen:
        growth.saw(float(size), float(now))

    assert growth.per_second() == rate
    assert growth.lasts(100.0) == lasts


def test_no_room_lasts_no_time():
    """Where nothing is left, it lasts 0 s, not less."""
    growth = Growth(100.0)
    growth.saw(0, 0)
    growth.saw(1, 1)

    assert growth.lasts(-5.0) == 0.0


def test_a_start_is_no_rate():
    """Before the least time has been seen nothing is said of growth."""
    growth = Growth(100.0, least=30.0)
    for now in (0.0, 10.0, 20.0):
        growth.saw(now, now)
    assert (growth.per_second(), growth.lasts(100.0)) == (0.0, None)

    growth.saw(30.0, 30.0)
    assert (growth.per_second(), growth.lasts(100.0)) == (1.0, 100.0)
