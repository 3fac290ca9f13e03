"""The relay on a real socket, with a journal that a test can hold back."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager

import pytest

from proxy.config import Listen
from proxy.config import Upstream as UpstreamConfig
from proxy.core.capture import Capture
from proxy.core.capture_rules import CaptureRules
from proxy.core.exchange import decode
from proxy.relay.forward import Forwarder
from proxy.relay.keys import Guard, KeyRing
from proxy.relay.own import OwnEndpoints
from proxy.relay.recording import Record
from proxy.relay.route import Route
from proxy.relay.server import Front
from proxy.relay.upstream import Upstream
from tests.raw import RawUpstream

#: Which way requests take: "long" (all of them aiohttp's), "" (whole ones the short way), or "warm": with an upstream
#: connection that lies ready.
WAY = [""]


@pytest.fixture(params=["long way", "short way"])
def way(request):
    """Every test that uses it runs twice: with requests on aiohttp's way, and (where they are whole) on the short one."""
    WAY[0] = {"long way": "long", "short way": "warm"}[request.param]
    yield request.param
    WAY[0] = ""


class LongWay(Front):
    """A front door that lets no request take the short way."""

    def plan(self, message, client):
        return None


class HeldJournal:
    """Keeps what is appended; `answer` decides when and what `done` is told."""

    def __init__(self) -> None:
        self.entries: list[bytes] = []
        self.waiting: list = []
        self.hold = False
        self.full = False
        self.losses = Counter()
        self.newest_lost = {}
        self.appended = self.bytes_waiting = 0
        self.came = asyncio.Event()

    def append(self, entry, done) -> bool:
        if self.full:
            return False
        self.entries.append(entry.encode() if isinstance(entry, Capture) else entry)
        self.appended += 1
        self.came.set()
        if self.hold:
            self.waiting.append(done)
        else:
            asyncio.get_running_loop().call_soon(done, True)
        return True

    def release(self) -> None:
        for done in self.waiting:
            done(True)
        self.waiting.clear()

    @property
    def exchanges(self) -> list:
        return [decode(entry) for entry in self.entries]


class World:
    """One relay between raw sockets."""

    def __init__(
        self, upstream: RawUpstream, journal: HeldJournal, front: Front, record: Record, port: int, server, listener
    ) -> None:
        self.upstream, self.journal, self.front, self.record, self.port = upstream, journal, front, record, port
        self.server, self._listener = server, listener

    def front_connections(self) -> list:
        return self.server.connections

    @property
    def short_ways(self) -> int:
        """How many requests are on the short way now."""
        return sum(one._shortcut.is_busy for one in self.server.connections)

    async def drain(self, patience: float) -> None:
        await self.front.drain(self.server, self._listener, patience)


async def warm(up: Upstream) -> None:
    """Make a connection that lies ready."""
    connection = await up.acquire()
    connection.idle_since = asyncio.get_running_loop().time()
    up._idle.append(connection)


async def until(condition, timeout: float = 5) -> None:
    """Return once a condition holds that nothing announces."""
    async with asyncio.timeout(timeout):
        while not condition():
            await asyncio.sleep(0.005)


@asynccontextmanager
async def relay(
    script,
    *,
    listen=None,
    upstream=None,
    limit: int = 1 << 20,
    journal=None,
    hold=0.025,
    tls=None,
    proxy=None,
    tenant="key",
):
    """A running relay in front of a scripted upstream."""
    loop = asyncio.get_running_loop()
    raw = await RawUpstream(list(script)).start(tls)
    journal = journal or HeldJournal()
    scheme = "https" if tls else "http"
    options = {"base_url": f"{scheme}://127.0.0.1:{raw.port}/v1", **(upstream or {})}
    section = Listen(**{"allowed_hosts": ("proxy.test", "p", "a"), **(listen or {})})
    up = Upstream("", UpstreamConfig(**options), loop, proxy)
    record = Record(journal, loop, hold)
    keys = KeyRing(key.reveal() for key in section.client_keys)
    guard = Guard()
    rules = CaptureRules(tenant=tenant, secret=b"s" * 32, is_client_key=keys.shows)

    async def status():
        return record.status()

    async def page(told):
        return b"<!doctype html>" + repr(told).encode(), {"X-Of-The-Page": "1"}

    async def metrics():
        return "text/plain; version=0.0.4", b"# \n"

    own = OwnEndpoints(
        section, record, rules, client_keys=keys, guard=guard, admin_keys=KeyRing([section.admin_key.reveal()] if section.admin_key else []), analytics_keys=KeyRing(["analytics-key"]),
        ready=lambda: True, status=status, metrics=metrics, status_page=page,
    )  # fmt: skip
    forwarder = Forwarder(record, rules, loop, record_limit=limit, listen=section)
    front = (LongWay if WAY[0] == "long" else Front)(
        section, {"v1": Route("/v1", up, keys, guard)}, forwarder, own, guard
    )
    server = front.server()
    listener = await loop.create_server(server, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    if WAY[0] == "warm":
        await warm(up)
    try:
        yield World(raw, journal, front, record, port, server, listener)
    finally:
        listener.close()
        await server.shutdown(0.1)
        up.close()
        await raw.stop()
        await asyncio.sleep(0)
