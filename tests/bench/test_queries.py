"""The bound on what questions take."""

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("queries", Path(__file__).with_name("queries.py"))
queries = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(queries)


@pytest.mark.slow
def test_questions_take_a_tenth_of_a_scan():
    """Over 100,000 messages each question takes a tenth of the time that reading through all takes, or less."""
    assert queries.main() == 0
