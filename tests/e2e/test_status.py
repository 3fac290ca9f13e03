"""`/status` of the real process: what it says of each sink and of the disk, and the page of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import urllib.request

from tests.e2e.process import KEY, Teelog
from tests.e2e.test_serve import chat
from tests.fakes import Answer, FakeAnalytics


def page(teelog) -> tuple[dict, str]:
    """The page's header fields, and its text."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{teelog.port}/status", headers={"Accept": "text/html,*/*;q=0.8"}
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return dict(answer.headers), answer.read().decode()


async def test_a_sink_in_trouble_and_out_of_it(tmp_path, upstream):
    """What a sink refuses is told in figures and words, on a page too; one line is logged when it fails, one when it works."""
    async with FakeAnalytics(*[Answer(503, {"Retry-After": "1"})] * 4) as analytics:
        teelog = Teelog(tmp_path, upstream.url, TEELOG_DELIVERY__URL=analytics.url)
        try:
            await asyncio.to_thread(teelog.start)
            for number in range(3):
                await asyncio.to_thread(chat, teelog, f"question {number}")
            # (the gate shuts a moment before what shut it is in the database)
            told = await asyncio.to_thread(
                teelog.until, lambda: (s := teelog.status())["recorder"]["sinks"]["analytics"]["last_error"] and s
            )
            fields, text = await asyncio.to_thread(page, teelog)
            calm = await asyncio.to_thread(
                teelog.until,
                lambda: (s := teelog.status())["recorder"]["sinks"]["analytics"]["rate_per_second"] >= 0.05 and s,
            )
            await asyncio.to_thread(teelog.wait_for, "delivery.recovered")
        finally:
            await asyncio.to_thread(teelog.kill)

    sink = told["recorder"]["sinks"]["analytics"]
    assert told["health"] == "degraded"
    assert "503" in sink["last_error"]
    assert sink["last_error_at"].endswith("Z")
    assert sink["bytes"] > 100
    assert sink["failing"] >= 1
    assert "delivery.url" in told["why"][0]
    assert set(told["recorder"]["disk"]) >= {"bytes", "free_bytes", "lasts", "lasts_seconds"}
    assert told["recorder"]["failed_exchanges"] == {
        "count": 0, "bytes": 0, "newest_seconds": None, "oldest_seconds": None,
    }  # fmt: skip
    assert told["ledger"] == {"by_reason": {}, "lately": {}}
    assert fields["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in fields["Content-Security-Policy"]
    assert 'teelog is <span class="degraded">degraded</span>' in text
    assert (calm["health"], calm["why"]) == ("green", [])
    said = [line["event"] for line in teelog.lines() if line["event"].startswith("delivery.")]
    assert said == ["delivery.postponed", "delivery.recovered"]


def test_a_recorder_that_dies_is_told_once(tmp_path, upstream):
    """A recorder that is killed is one line in the log, and the page stands while it is gone."""
    with Teelog(tmp_path, upstream.url) as teelog:
        os.kill(teelog.recorder_pid(), signal.SIGKILL)
        _, text = page(teelog)
        assert "teelog is" in text
        teelog.until(lambda: teelog.status()["recorder"]["starts"] == 2)

        assert [line["event"] for line in teelog.lines() if line["event"] == "recorder.died"] == ["recorder.died"]


def test_a_loss_is_told_with_what_to_do(tmp_path, upstream):
    """What was lost is told with its reason and what to do, and stands in the ledger by its reason."""
    with Teelog(tmp_path, upstream.url, TEELOG_JOURNAL__RECORD_MAX_BYTES="1024") as teelog:
        chat(teelog, "x" * 2000)
        told = teelog.until(lambda: (s := teelog.status())["health"] != "green" and s)

        assert told["health"] == "degraded"
        assert "journal.record_max_bytes" in told["why"][0]
        assert told["ledger"] == {"by_reason": {"too_large": 1}, "lately": {"too_large": 1}}
        assert json.dumps(told).count("too_large") == 3
        line = teelog.wait_for("exchange.lost")
        assert (line["level"], line["reason"], line["count"]) == ("warning", "too_large", 1)
        assert len(line["newest"]) == 36
        assert 2000 < line["bytes"] < 3000


def test_the_portal_says_the_same(tmp_path, upstream):
    """The portal's Delivery, served by the recorder, says of both processes what the proxy's own `/status` says."""
    with Teelog(tmp_path, upstream.url) as teelog:
        chat(teelog, "question")
        teelog.until(lambda: teelog.status()["recorder"]["counters"].get("delivered"))
        request = urllib.request.Request(
            f"{teelog.analytics}/delivery.json", headers={"Authorization": f"Bearer {KEY}"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            told = json.load(answer)["told"]
        own = teelog.status()

    for part in ("health", "why", "ledger", "version"):
        assert told[part] == own[part]
    assert told["relay"]["forwarded"] == own["relay"]["forwarded"] == 1
    assert told["recorder"]["counters"] == own["recorder"]["counters"]
