"""An upstream for every test that wants one, and a portal with somebody who looks at it."""

from __future__ import annotations

import pytest

from tests.e2e.browsing import DESKTOP, Person, chromium
from tests.e2e.parrot import Parrot
from tests.e2e.process import Teelog
from tests.e2e.support_desk import hold_conversations
from tests.e2e.upstream import ChatUpstream


@pytest.fixture
def upstream():
    with ChatUpstream() as server:
        yield server


@pytest.fixture(scope="session")
def portal(tmp_path_factory):
    """A teelog that a support desk's chat goes through."""
    with Parrot() as upstream, Teelog(tmp_path_factory.mktemp("portal"), upstream.url) as teelog:
        hold_conversations(teelog)
        yield teelog


@pytest.fixture(scope="session")
def browser():
    """Chromium."""
    with chromium() as browser:
        yield browser


@pytest.fixture
def person(browser, portal):
    """Somebody who is signed in, on a wide screen; they have nothing to complain of."""
    with Person(browser, portal.analytics, **DESKTOP) as person:
        yield person
        assert person.complaints == []
