"""What stands in for the world: an analytics API on a real socket, and a clock that is moved by hand."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Self

import orjson
from aiohttp import web

#: Tue, 14 Nov 2023 22:13:20 GMT, in unix milliseconds.
NOW = 1_700_000_000_000


class Clock:
    """Unix milliseconds; stands still until it is moved."""

    def __init__(self, now: int = NOW) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += round(seconds * 1000)

    async def sleep(self, seconds: float) -> None:
        """Sleeping moves it, and lets others run."""
        self.forward(seconds)
        await asyncio.sleep(0)


@dataclass
class Got:
    """One request as the fake saw it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return orjson.loads(self.body)


@dataclass
class Answer:
    """How the fake answers one request; `gate`: not before it is opened."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    #: None: what was posted.
    body: bytes | None = None
    #: Close the connection without an answer.
    hang_up: bool = False
    gate: asyncio.Event | None = None


class FakeAnalytics:
    """
    Answers each request with the next of its script, then with 200; keeps what it got.

    `async with FakeAnalytics(Answer(503), Answer()) as analytics:`
    """

    def __init__(self, *script: Answer) -> None:
        self.script = list(script)
        self.got: list[Got] = []
        #: Set whenever a request has come in whole.
        self.arrived = asyncio.Event()
        #: How many requests are being answered now, and the most there ever were at once.
        self.open = self.most_open = 0

    async def __aenter__(self) -> Self:
        self._runner = web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0]
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def bodies(self) -> list:
        """What was posted, in order."""
        return [one.json for one in self.got]

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.content.read()  # of any size
        self.got.append(Got(request.method, request.path_qs, dict(request.headers), body))
        answer = self.script.pop(0) if self.script else Answer()
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        self.arrived.set()
        try:
            if answer.gate is not None:
                await answer.gate.wait()
        finally:
            self.open -= 1
        if answer.hang_up:
            request.transport.abort()
        return web.Response(
            status=answer.status,
            headers=answer.headers,
            body=body if answer.body is None else answer.body,
            content_type=None if "Content-Type" in answer.headers else "application/json",
        )
