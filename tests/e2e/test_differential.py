"""Bent requests through web servers that read them first: what they send on, teelog and the origin count alike."""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from contextlib import suppress

import pytest

from tests.e2e.bent import bent
from tests.e2e.fronts import FRONTS, Front
from tests.e2e.h11_origin import Origin
from tests.e2e.process import Teelog

pytestmark = pytest.mark.slow

SEED = 9_112
COUNT = 500
#: What comes behind each bent request: what is left of it must not become a part of this.
AFTER = b"GET /v1/after HTTP/1.1\r\nHost: localhost\r\nX-Front: after\r\nConnection: close\r\n\r\n"


async def answers(port: int, message: bytes, many: asyncio.Semaphore) -> bytes:
    """All that comes back."""
    got = b""
    async with many:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with suppress(TimeoutError, ConnectionError):
            writer.write(message)
            async with asyncio.timeout(3):
                while part := await reader.read(65536):
                    got += part
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return got


async def sent(port: int) -> list[bytes]:
    """The answers to all bent requests."""
    rng, many = random.Random(SEED), asyncio.Semaphore(16)
    return await asyncio.gather(*[answers(port, bent(rng) + AFTER, many) for _ in range(COUNT)])


@pytest.mark.parametrize("name", FRONTS)
async def test_what_a_server_in_front_sends_on_is_what_the_origin_gets(tmp_path, name):
    """Each request that it sent on is one at the origin, or a refusal and none; each answer is its own request's."""
    began = time.monotonic()
    async with Origin() as origin:
        teelog = Teelog(tmp_path / "teelog", f"http://127.0.0.1:{origin.port}/v1")
        front = None
        try:
            await asyncio.to_thread(teelog.start)
            front = Front(name, tmp_path / name, teelog.port)
            await asyncio.to_thread(front.wait)
            await sent(front.port)
            lines = await asyncio.to_thread(front.seen)
        finally:
            teelog.kill()
            if front is not None:
                front.stop()

    answered = {front_id: origin for front_id, _, origin in lines if origin not in ("-", "")}
    refused = Counter(status for _, status, origin in lines if origin in ("-", "") and status not in ("-", ""))
    got = [b",".join(marks).decode() for marks, _ in origin.requests]
    print(
        f"{name}: {COUNT} bent requests, each with one behind it: {len(lines)} sent on or refused by {name}, {len(got)} at "
        f"the origin, {dict(refused)} refused; {time.monotonic() - began:.0f} s"
    )
    assert origin.refused == []
    assert [(mine, theirs) for mine, theirs in answered.items() if mine != theirs] == []
    assert sorted(got) == sorted(answered)
    assert len(got) > COUNT / 4
    assert refused["400"] > COUNT / 50


async def test_what_is_answered_is_what_the_origin_gets(tmp_path):
    """Sent straight to teelog, as many requests are answered by the origin as it has got, and it reads all of them."""
    began = time.monotonic()
    async with Origin() as origin:
        teelog = Teelog(tmp_path, f"http://127.0.0.1:{origin.port}/v1")
        try:
            await asyncio.to_thread(teelog.start)
            got = await sent(teelog.port)
        finally:
            teelog.kill()

    answered = sum(len(re.findall(rb"\r\nx-origin: ", one)) for one in got)
    refused = Counter(status.decode() for one in got for status in re.findall(rb"HTTP/1\.1 ([45]\d\d) ", one))
    print(
        f"directly: {COUNT} bent requests: {len(origin.requests)} at the origin, refused {dict(refused)}; "
        f"{time.monotonic() - began:.0f} s"
    )
    assert origin.refused == []
    assert len(origin.requests) == answered
    assert b"/v1/smuggled" not in {target for marks, target in origin.requests if marks != [b"smuggled"]}
    assert refused["400"] > COUNT / 4
