"""Every target holds its promise for its seeds, for some bent ones, and (slow) for as many as six seconds give."""

from __future__ import annotations

import time
from itertools import islice

import pytest

from tests.fuzz.mutator import bent, seeds
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("target", TARGETS)
def test_bent_seeds(target):
    """No seed, and none of a few hundred inputs bent from them, breaks a target's promise."""
    many = 60 if target == "config" else 400
    for data in islice(bent(target, "short"), len(seeds(target)) + many):
        TARGETS[target](data)


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_as_many_as_there_is_time_for(target):
    """Nor do any of those that six seconds give, the same each time (`by_hand.py` seeks new ones); a failure tells the input."""
    until = time.monotonic() + 6
    for data in bent(target, "long"):
        if time.monotonic() > until:
            break
        try:
            TARGETS[target](data)
        except Exception as error:
            raise AssertionError(f"{target} breaks with {data!r}") from error
