"""A store on a real file, with a clock that is moved by hand."""

import random

import pytest

from proxy.analytics.api import make_app
from proxy.analytics.store import Store, open_database
from tests.analytics.looking import sign_in

START = 1_763_797_565_000


class Clock:
    """Unix milliseconds, moved by hand."""

    def __init__(self):
        self.now = START

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def database(tmp_path):
    database = open_database(tmp_path / "analytics.db")
    yield database
    database.close()


@pytest.fixture
def store(database, clock):
    return Store(database, now=clock, chance=random.Random(7).randbytes)


class Seconds:
    """A monotonic clock, moved by hand."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def seconds():
    return Seconds()


@pytest.fixture
async def client(aiohttp_client, store, seconds):
    """A browser or SDK before the server, which has an api key, a web key, an allowed origin and a name."""
    app = make_app(
        store,
        api_keys=["key-api", "key-api-2"],
        web_keys=["key-web"],
        cors_origins=["https://docs.example.com"],
        hosts=["analytics.example.com"],
        monotonic=seconds,
    )
    return await aiohttp_client(app, server_kwargs={"auto_decompress": False})


@pytest.fixture
async def browser(client):
    """A browser that is signed in."""
    answer = await sign_in(client, "key-api")
    assert answer.status == 303
    return client
