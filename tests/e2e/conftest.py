"""An upstream for every test that wants one."""

from __future__ import annotations

import pytest

from tests.e2e.upstream import ChatUpstream


@pytest.fixture
def upstream():
    with ChatUpstream() as server:
        yield server
