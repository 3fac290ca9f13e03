"""The end of the process, as clients see it."""

from __future__ import annotations

import asyncio

import pytest

from tests.raw import Pieces, chunked, post
from tests.relay.conftest import relay

pytestmark = pytest.mark.usefixtures("way")

EVENT = b'data: {"choices":[]}\n\n'
STREAM = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(EVENT)[:-5]
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


async def test_a_request_that_comes_during_the_end_is_answered():
    """While a stream still runs, a client that has just connected gets its answer, and then its connection ends."""
    gate = asyncio.Event()
    async with relay([Pieces([STREAM, b"0\r\n\r\n"], gate=gate), Pieces([OK])]) as world:
        streaming, to_stream = await asyncio.open_connection("127.0.0.1", world.port)
        to_stream.write(post(b"{}"))
        await streaming.readuntil(EVENT)
        draining = asyncio.ensure_future(world.drain(10))
        late, to_late = await asyncio.open_connection("127.0.0.1", world.port)
        # the drain has looked around several times before the request is sent
        assert (await asyncio.wait((draining,), timeout=0.1))[0] == set()
        to_late.write(post(b"{}", close=False))
        async with asyncio.timeout(5):
            answer = await late.read()
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b"\r\nConnection: close\r\n" in answer
        assert not draining.done()

        gate.set()
        async with asyncio.timeout(5):
            assert (await streaming.read()).endswith(b"0\r\n\r\n")
            await draining
        to_stream.close()
        to_late.close()
