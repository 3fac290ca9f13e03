"""Whose conversation is it: people chat through the real process, and the log holds what their screens showed."""

from __future__ import annotations

import asyncio

import pytest

from tests.e2e import scenes, scenes_callers, scenes_faults
from tests.e2e.simulation import simulate

SCENES = {play.__name__: play for play in (*scenes.ALL, *scenes_callers.ALL, *scenes_faults.ALL)}
RESTARTED = {"restarted": scenes_faults.restarted}
KILLED = {"killed": scenes_faults.killed}
SEEDS = [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 20))]


@pytest.fixture(scope="module", params=SEEDS)
def played(request, tmp_path_factory):
    """All scenes of one seed, by name."""
    return asyncio.run(simulate(tmp_path_factory.mktemp("data"), request.param, SCENES, RESTARTED, KILLED))


@pytest.mark.parametrize("scene", [*SCENES, *RESTARTED, *KILLED])
def test_conversations_are_whole_and_there_once(played, scene):
    """In each scene the log holds exactly the transcripts that the screens showed, each as often as it was shown."""
    result = played[scene]

    if result.score < 1:
        pytest.fail(str(result), pytrace=False)
