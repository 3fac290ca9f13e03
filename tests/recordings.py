"""Recorded answers of real servers: where they lie, and what a test says where they do not.

They are not part of the project; where the folder is absent, each test that needs them is skipped with `ABSENT`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[1].parent / "shared" / "corpus"
ABSENT = "recorded answers are not here: ../shared/corpus, which is not part of the project"
needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason=ABSENT)


def each(cases, blank=("",)):
    """The cases of a parametrized test; where there are none, one that says why it is skipped (`blank`: its values)."""
    return list(cases) or [pytest.param(*blank, marks=pytest.mark.skip(reason=ABSENT))]
