"""The bound on what rebuilding an answer costs."""

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("rebuild", Path(__file__).with_name("rebuild.py"))
rebuild = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(rebuild)


@pytest.mark.slow
@pytest.mark.parametrize("name", rebuild.STREAMS)
def test_rebuilding_costs_little_more_than_reading(name):
    """A 300-chunk answer is rebuilt in twice the time that its chunks take to be read as JSON, or less."""
    times, _ = rebuild.ratio(rebuild.STREAMS[name])

    assert times <= rebuild.LIMIT
