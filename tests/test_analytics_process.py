"""`teelog analytics`: the server alone, started and ended as a person, a supervisor or a disk does it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from tests.e2e.analytics_server import AnalyticsServer
from tests.e2e.process import ROOT, Teelog, transcript
from tests.e2e.upstream import ChatUpstream

CHAT = {"type": "openai", "id": "c1", "messages": [{"role": "user", "content": "hi"}]}
SEARCH = {"type": "x", "searchQuery": "q"}


def test_it_serves_and_ends_and_has_all_again(tmp_path):
    """What it took is there after its end by SIGTERM, with exit code 0, and after its end by SIGKILL."""
    with AnalyticsServer(tmp_path) as server:
        server.post("/conversations", CHAT)
        assert server.stop() == 0

        server.start().post("/conversations", CHAT | {"id": "c2"})
        server.kill()
        server.start()

        assert {one["id"] for one in server.conversations()} == {"c1", "c2"}
        assert [line["event"] for line in server.lines() if line["level"] not in ("info", "debug")] == []


def test_its_folder_is_its_own(tmp_path):
    """It keeps its key where `teelog serve` does, and has the folder to itself: both can be ended while they wait."""
    with AnalyticsServer(tmp_path, TEELOG_ANALYTICS__API_KEYS="") as server:
        key = (tmp_path / "data" / "analytics.key").read_text().strip()
        assert server.get(f"{server.analytics}/conversations", key)["total"] == 0
        other = subprocess.Popen(
            [sys.executable, "-m", "proxy", "analytics", "--data-dir", str(tmp_path / "data")], cwd=ROOT,
            env=os.environ | {"TEELOG_LOG__FORMAT": "json"}, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        with other:
            assert json.loads(other.stderr.readline())["event"] == "teelog.waits"
            other.send_signal(signal.SIGTERM)
            assert other.wait(30) == 0


@pytest.mark.slow
def test_a_database_that_turns_out_damaged(tmp_path):
    """It ends the process with exit code 1 and says why; the next start has what could be read, and serves."""
    with AnalyticsServer(tmp_path) as server:
        for number in range(200):
            server.post("/conversations", CHAT | {"id": f"c{number}", "properties": {"x": "y" * 2000}})
        server.stop()
        file = tmp_path / "data" / "analytics.db"
        whole = file.stat().st_size
        server.start()
        with file.open("r+b") as damaged:
            damaged.seek(whole // 2)
            damaged.write(os.urandom(64 * 1024))

        for number in range(200):
            try:
                server.get(f"{server.analytics}/conversations/c{number}")
            except OSError:
                break
        assert server.process.wait(60) == 1
        server.wait_for("database.damaged")
        server.start()

        assert len(server.conversations()) > 0
        server.post("/events", SEARCH)


@pytest.mark.slow
def test_two_proxies_deliver_to_one(tmp_path):
    """Two proxies deliver to one server, which is killed meanwhile: every chat arrives once, whole."""
    with ChatUpstream() as upstream, AnalyticsServer(tmp_path / "server") as server:
        settings = {"TEELOG_DELIVERY__URL": server.analytics, "TEELOG_DELIVERY__API_KEY": "an-analytics-key"}
        proxies = [Teelog(tmp_path / name, upstream.url, **settings) for name in ("one", "two")]
        with proxies[0], proxies[1]:
            for turn in range(20):
                if turn == 5:
                    server.kill()
                if turn == 15:
                    server.start()
                for number, proxy in enumerate(proxies):
                    chat(proxy, f"proxy {number} turn {turn}")
            server.until(lambda: len(server.conversations()) == 40, patience=90)
            said = {tuple(line for _, line in transcript(one)) for one in server.conversations()}

    expected = {f"proxy {number} turn {turn}" for number in range(2) for turn in range(20)}
    assert said == {(words, f"echo of {words}") for words in expected}


def chat(teelog: Teelog, words: str) -> None:
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": words}]}).encode()
    request = urllib.request.Request(f"{teelog.base_url}/chat/completions", body, {"Authorization": "Bearer sk-1"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        assert b"echo of" in answer.read()
