"""What lies behind the relay, in the real process: it says when it cannot record, and to whom it gives which key."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import urllib.request
from contextlib import closing

from tests.e2e.process import Teelog
from tests.fakes import FakeAnalytics


def chat(teelog: Teelog, words: str) -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": words}]}).encode()
    headers = {"Content-Type": "application/json", "Authorization": "Bearer sk-of-a-client"}
    request = urllib.request.Request(f"{teelog.base_url}/chat/completions", body, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert answer.status == 200
        answer.read()


def test_a_database_that_refuses_is_told(tmp_path, upstream):
    """While somebody locks the database chats go on and health is red with the reason; afterwards nothing is missing."""
    with Teelog(tmp_path, upstream.url) as teelog:
        with closing(sqlite3.connect(tmp_path / "data" / "teelog.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            chat(teelog, "hi")
            red = teelog.until(lambda: (told := teelog.status())["health"] == "red" and told)
            other.execute("ROLLBACK")
        assert "locked" in red["why"][0]
        teelog.until(lambda: teelog.status()["health"] == "green" and teelog.conversations())

        lines = [line["event"] for line in teelog.lines() if line["event"].startswith("recorder.")]
        assert lines == ["recorder.waits", "recorder.goes_on"]


async def test_the_local_key_is_not_for_a_foreign_sink(tmp_path, upstream):
    """Delivery elsewhere without a key of its own sends none, even where the local server's keys are configured."""
    async with FakeAnalytics() as analytics:
        teelog = Teelog(tmp_path, upstream.url, TEELOG_DELIVERY__URL=analytics.url)
        try:
            await asyncio.to_thread(teelog.start)
            await asyncio.to_thread(chat, teelog, "hi")
            await asyncio.wait_for(analytics.arrived.wait(), 20)
        finally:
            await asyncio.to_thread(teelog.kill)

    assert "Authorization" not in analytics.got[0].headers
