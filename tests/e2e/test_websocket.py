"""WebSocket through the real process: sessions, keys, counts, and the end of the process."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import WSMsgType

from proxy.core.frames import close_frame
from tests.core.test_frames import frame
from tests.e2e.process import Teelog
from tests.raw import RESET
from tests.relay.test_websocket import CLEAN, echoing, ends, handshake, opened, raw_peers

CANARY = "canary-5ecre7-0123456789"


@asynccontextmanager
async def proxied(folder, **settings):
    """A real teelog in front of an upstream that says back what it hears, and what that saw."""
    async with echoing() as (base_url, seen):
        teelog = Teelog(folder, base_url, **settings)
        try:
            await asyncio.to_thread(teelog.start)
            async with aiohttp.ClientSession() as session:
                yield teelog, session, seen
        finally:
            await asyncio.to_thread(teelog.kill)


async def test_sessions_of_the_real_process(tmp_path):
    """Sessions are relayed with our key for a browser's, counted, kept nowhere, and closed kindly when the process ends."""
    settings = {
        "TEELOG_LISTEN__CLIENT_KEYS": f"{CANARY}-client", "TEELOG_UPSTREAM__API_KEY": f"{CANARY}-upstream",
        "TEELOG_LOG__LEVEL": "debug",
    }  # fmt: skip
    async with proxied(tmp_path, **settings) as (teelog, session, seen):
        url = f"ws://127.0.0.1:{teelog.port}/v1/realtime?key={CANARY}-query"
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(url, protocols=("realtime", f"openai-insecure-api-key.{CANARY}-wrong"))
        assert refused.value.status == 401
        assert seen == []

        protocols = ("realtime", f"openai-insecure-api-key.{CANARY}-client")
        async with (
            session.ws_connect(url, protocols=protocols) as quiet,
            session.ws_connect(url, protocols=protocols) as busy,
        ):
            assert seen[0].headers["Sec-WebSocket-Protocol"] == "realtime"
            assert seen[0].headers["Authorization"] == f"Bearer {CANARY}-upstream"
            for ws in (quiet, busy):
                await ws.send_str(f"words {CANARY}-said " + "x" * 500_000)
                assert (await ws.receive_str(timeout=20)).startswith("words")
            told = (await asyncio.to_thread(teelog.status))["relay"]
            assert told["websockets"]["sessions"] == told["open"] == 2

            teelog.process.terminate()
            await asyncio.to_thread(teelog.wait_for, "teelog.draining")
            turns = 0
            while True:
                await busy.send_str("still talking")
                assert await busy.receive_str(timeout=5) == "still talking"
                turns += 1
                try:
                    message = await quiet.receive(timeout=0.1)
                except TimeoutError:
                    continue
                break

            assert (message.type, message.data) == (WSMsgType.CLOSE, 1001)
            await busy.close()
        assert await asyncio.to_thread(teelog.process.wait, 20) == 0
        assert turns > 1
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert [str(path) for path in files if CANARY.encode() in path.read_bytes()] == []


async def test_raw_sessions_of_the_real_process(tmp_path):
    """Frames of all kinds, half closes, resets, slow readers and words that come too early, on the real process's loop."""
    async with raw_peers() as (base_url, came, dial):
        teelog = Teelog(tmp_path, base_url, TEELOG_LISTEN__ALLOWED_HOSTS="proxy.test")
        await asyncio.to_thread(teelog.start)
        try:
            world = SimpleNamespace(came=came, dial=lambda: dial(teelog.port))
            await _all_kinds_of_frames(world)
            await _too_early(world)
            await _ends(world)
            await _slow_readers(world)
            told = (await asyncio.to_thread(teelog.status))["relay"]
            assert told["open"] == 0
            expected = {"complete": 2, "interrupted_client": 1, "interrupted_upstream": 4, "no_answer": 1}
            assert told["outcomes"] == expected
        finally:
            await asyncio.to_thread(teelog.kill)


async def _all_kinds_of_frames(world) -> None:
    reader, writer, up_reader, up_writer, _ = await opened(world)
    for to, source, masked in ((writer, up_reader, True), (up_writer, reader, False)):
        words = b"".join((
            frame(1, b"begin ", masked=masked, fin=False), frame(9, b"ping", masked=masked),
            frame(0, b"x" * 2_000_000, masked=masked, fin=False), frame(10, b"pong", masked=masked),
            frame(0, b"", masked=masked), frame(2, b"\x00" * 70_000, masked=masked),
        ))  # fmt: skip
        to.write(words)
        assert await asyncio.wait_for(source.readexactly(len(words)), 10) == words
    goodbye = frame(8, b"\x03\xe8", masked=True)
    writer.write(goodbye)
    writer.write_eof()
    assert await ends(up_reader) == goodbye
    assert await ends(reader) == b""


async def _too_early(world) -> None:
    smuggled = b"GET /v1/files HTTP/1.1\r\nHost: localhost\r\n\r\n"
    reader, writer = await world.dial()
    writer.write(handshake() + smuggled)
    assert (await ends(reader)).startswith(b"HTTP/1.1 400 ")
    assert world.came.empty()
    reader, writer = await world.dial()
    writer.write(handshake())
    up_reader, up_writer = await asyncio.wait_for(world.came.get(), 5)
    await up_reader.readuntil(b"\r\n\r\n")
    writer.write(smuggled)
    await asyncio.sleep(0.3)  # nothing announces that it has been read
    up_writer.write(CLEAN)
    assert (await ends(reader)).startswith(b"HTTP/1.1 400 ")
    assert await ends(up_reader) == b""
    assert world.came.empty()


async def _ends(world) -> None:
    reader, writer, up_reader, up_writer, _ = await opened(world)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
    assert await ends(up_reader) == b""
    for goodbye in (b"", close_frame(1000)):
        reader, writer, up_reader, up_writer, _ = await opened(world)
        last = frame(1, b"z" * 200_000, masked=False) + goodbye
        up_writer.write(last)
        up_writer.close()
        assert await ends(reader) == last
    reader, writer, up_reader, up_writer, _ = await opened(world)
    up_writer.write(frame(1, b"masked", masked=True))
    assert await ends(reader) == await ends(up_reader) == b""


async def _slow_readers(world) -> None:
    for slow in ("client", "upstream"):
        reader, writer, up_reader, up_writer, _ = await opened(world)
        source, sink = (up_writer, reader) if slow == "client" else (writer, up_reader)
        piece, sent = frame(2, b"\x07" * 1_000_000, masked=slow == "upstream"), []

        async def say(source=source, piece=piece, sent=sent) -> None:
            for _ in range(40):
                source.write(piece)
                await source.drain()
                sent.append(1)

        talking = asyncio.ensure_future(say())
        before = -1
        while len(sent) != before:
            before = len(sent)
            await asyncio.sleep(0.2)
        assert len(sent) < 40
        for _ in range(40):
            assert await asyncio.wait_for(sink.readexactly(len(piece)), 10) == piece
        await talking
        up_writer.close()
        await ends(reader)
