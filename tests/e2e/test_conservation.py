"""Nothing vanishes: what was finished is delivered, waits, was set aside, or stands in the loss ledger."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from contextlib import suppress

import aiohttp
import pytest
from aiohttp import web

from proxy.core.retry import ECHO_SECONDS
from proxy.outbox.control import ask
from tests.e2e.process import Teelog
from tests.e2e.sinks import Says, ThreadSink, answers_in
from tests.e2e.upstream import ChatUpstream

CONVERSATIONS, TURNS, CLIENTS = 400, 5, 16
#: Of so many conversations one is refused for good, and one for now.
EVERY = 40
TIMEOUT_SECONDS = 1.0
#: One exchange over this is not recorded.
RECORD_MAX_BYTES = 65_536


class FaultyUpstream(ChatUpstream):
    """Fails as a client asks it to."""

    async def _answer(self, request, asked, number):
        fault = request.headers.get("x-test-fault")
        if fault == "error":
            return web.json_response({"error": {"message": "no"}}, status=500)
        if fault == "hang up":
            request.transport.abort()
            return web.Response()
        if fault == "break":
            response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
            await response.prepare(request)
            await response.write(b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"half"}}]}\n\n')
            request.transport.abort()
            return response
        return await super()._answer(request, asked, number)


class Faults:
    """What the sink answers: some are refused always, the others now and then, while there are faults."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self.on = True
        self.in_doubt_at = 0.0

    def __call__(self, told: dict) -> Says | None:
        number = int(told["id"].partition("-")[2])
        if number % EVERY == 7:
            return Says(422)
        if number % EVERY == 11:
            return Says(409)
        if not self.on or self._rng.random() > 0.3:
            return None
        kinds = [Says(500), Says(0), Says(0, taken_after=0.0), Says(500, taken_after=0.0),
                 Says(0, taken_after=1.5 * TIMEOUT_SECONDS), Says(503, "1"), Says(429, "1")]  # fmt: skip
        says = self._rng.choices(kinds, (20, 10, 10, 10, 10, 1, 1))[0]
        if says.status in (0, 500, 503):
            self.in_doubt_at = time.monotonic()
        return says


class Clients:
    """Hold conversations, each turn with words of its own; remember which answers they saw end."""

    def __init__(self, base_url: str, seed: int) -> None:
        self._url = base_url + "/chat/completions"
        self._rng = random.Random(seed)
        self._numbers = itertools.count()
        #: (conversation, the answer) of every exchange whose end was seen; those too large to be recorded apart.
        self.finished: set[tuple[str, str]] = set()
        self.too_large: set[tuple[str, str]] = set()
        self.begun = 0

    async def run(self) -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(*(self._client(session) for _ in range(CLIENTS)))

    async def _client(self, session) -> None:
        while (number := next(self._numbers)) < CONVERSATIONS:
            for turn in range(TURNS):
                self.begun += 1
                with suppress(aiohttp.ClientError, ConnectionError):
                    await self._exchange(session, f"chat-{number}", f"{number} {turn}")
                await asyncio.sleep(self._rng.random() / 5)  # a person reads

    async def _exchange(self, session, name: str, words: str) -> None:
        large = self._rng.random() < 0.02
        fault = self._rng.choices(["", "error", "hang up", "break", "leave"], (80, 5, 5, 5, 5))[0]
        if large:
            words, fault = words + "x" * RECORD_MAX_BYTES, ""
        stream = not large and (fault in ("break", "leave") or self._rng.random() < 0.5)
        body = {"model": "m", "stream": stream, "messages": [{"role": "user", "content": words}]}
        fields = {"x-teelog-conversation-id": name, "x-test-fault": fault}
        async with session.post(self._url, json=body, headers=fields) as response:
            if fault == "leave":
                await response.content.readany()
                response.close()
                return
            text = await response.read()
        if response.status == 200 and (not stream or b"data: [DONE]" in text):
            (self.too_large if large else self.finished).add((name, f"echo of {words}"))


def held(teelog: Teelog, state: str) -> set[tuple[str, str]]:
    """The answers in what the outbox holds in a state."""
    found = set()
    *lines, _ = ask(teelog.folder / "data", {"verb": "list", "state": state})
    names = [line["id"] for line in lines]
    for line in ask(teelog.folder / "data", {"verb": "show", "ids": names}) if names else ():
        if body := line.get("body"):
            found |= {(body["id"], answer) for answer in answers_in(body)}
    return found


@pytest.mark.slow
def test_nothing_vanishes(tmp_path):
    """2,000 exchanges under faults of sink, upstream and clients: each that was finished is accounted for, once."""
    faults = Faults(1)
    settings = {
        "TEELOG_DELIVERY__TIMEOUT_SECONDS": str(TIMEOUT_SECONDS),
        "TEELOG_DELIVERY__RECOVERY_PER_SECOND": "200",
        "TEELOG_DELIVERY__CONCURRENCY": "16",
        "TEELOG_JOURNAL__RECORD_MAX_BYTES": str(RECORD_MAX_BYTES),
    }
    stuck = CONVERSATIONS // EVERY
    with (
        FaultyUpstream() as upstream,
        ThreadSink(faults) as sink,
        Teelog(tmp_path, upstream.url, TEELOG_DELIVERY__URL=sink.url, **settings) as teelog,
    ):
        clients = Clients(teelog.base_url, 2)
        asyncio.run(clients.run())
        faults.on = False
        teelog.until(lambda: teelog.status()["recorder"]["sinks"]["analytics"]["depth"] <= stuck, patience=60)
        # what may still be applied late is overwritten by then
        teelog.until(lambda: time.monotonic() > faults.in_doubt_at + ECHO_SECONDS + 3, patience=70)
        told = teelog.status()
        waiting, dead = held(teelog, "ready"), held(teelog, "dead")

    sent = {(name, answer) for name, body in sink.has.items() for answer in answers_in(body)}
    finished, ledgered = clients.finished, told["ledger"]["by_reason"].get("too_large", 0)
    delivered, waiting, dead = finished & sent, (finished & waiting) - sent, (finished & dead) - sent
    total = len(finished) + len(clients.too_large)
    difference = total - len(delivered) - len(waiting) - len(dead) - ledgered
    print(
        f"row 1: {clients.begun:,} exchanges begun, {total:,} finished = {len(delivered):,} delivered + {len(waiting)} waiting "
        f"+ {len(dead)} dead + {ledgered} ledgered; difference {difference}; {sink.posts:,} POSTs"
    )
    assert clients.begun == CONVERSATIONS * TURNS
    assert difference == 0
    assert (len(delivered) > 1000, len(waiting) > 10, len(dead) > 10, ledgered > 10) == (True, True, True, True)
    assert told["ledger"]["by_reason"] == {"too_large": len(clients.too_large)}
