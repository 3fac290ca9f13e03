"""An open store, and what it holds."""

import pytest

from proxy.outbox.store import Store

from ..fakes import Clock
from .book import Book
from .scenes import SECRET


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "teelog.db", secret=SECRET)
    yield store
    store.close()


@pytest.fixture
def book(store, tmp_path):
    """What the store makes of exchanges, to be read."""
    return Book(store, tmp_path / "teelog.db")
