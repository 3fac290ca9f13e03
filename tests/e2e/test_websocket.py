"""WebSocket through the real process: sessions, keys, counts, and the end of the process."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import WSMsgType

from tests.e2e.process import Teelog
from tests.relay.test_websocket import echoing

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
