"""A sink that is down, against the real process: clients notice nothing, nothing grows, and all arrives afterwards."""

from __future__ import annotations

import http.client
import json
import os
import statistics
import threading
import time
from pathlib import Path

import pytest

from tests.e2e.process import Teelog
from tests.e2e.sinks import Says, ThreadSink, answers_in

OUTAGE_SECONDS = 60
BLOCKS = 12
CONVERSATIONS = 300

SOAK_SECONDS = 100
#: From when on growth counts: by then everything that is made once has been made.
WARM_SECONDS = 10
PER_SECOND = 20
MOST_GROWTH_MB = 20


class Client:
    """One connection that holds many conversations in turn, and times each exchange."""

    def __init__(self, teelog: Teelog, conversations: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", teelog.port, timeout=30)
        self._conversations = conversations
        self.turns = 0

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def exchange(self) -> float:
        """The next turn of the next conversation; its seconds."""
        name, words = self.turns % self._conversations, f"turn {self.turns}"
        self.turns += 1
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": words}]})
        fields = {"Content-Type": "application/json", "x-teelog-conversation-id": f"chat-{name}"}
        began = time.perf_counter()
        self._connection.request("POST", "/v1/chat/completions", body, fields)
        answer = self._connection.getresponse()
        text = answer.read()
        took = time.perf_counter() - began
        assert (answer.status, f"echo of {words}".encode() in text) == (200, True)
        return took

    def missing(self, has: dict[str, dict]) -> int:
        """How many of the answers a sink does not have."""
        sent = set().union(*(answers_in(told) for told in has.values())) if has else set()
        return sum(f"echo of turn {turn}" not in sent for turn in range(self.turns))


def p99(times: list[float]) -> float:
    return sorted(times)[round(0.99 * (len(times) - 1))]


@pytest.mark.slow
def test_a_minute_without_a_sink(tmp_path, upstream):
    """Clients are served as fast as beside a healthy sink, exchange by exchange in turn, and each conversation is sent once."""
    down = threading.Event()
    down.set()
    with (
        ThreadSink() as healthy,
        ThreadSink(lambda told: Says(0) if down.is_set() else None) as sink,
        Teelog(tmp_path / "healthy", upstream.url, TEELOG_DELIVERY__URL=healthy.url) as beside,
        Teelog(tmp_path / "down", upstream.url, TEELOG_DELIVERY__URL=sink.url) as teelog,
        Client(beside, CONVERSATIONS) as first,
        Client(teelog, CONVERSATIONS) as second,
    ):
        blocks, end = [], time.monotonic() + OUTAGE_SECONDS
        for number in range(BLOCKS):
            times: tuple[list[float], list[float]] = ([], [])
            until = end - OUTAGE_SECONDS * (BLOCKS - 1 - number) / BLOCKS
            while time.monotonic() < until:
                for client, taken in zip((first, second), times, strict=True):
                    taken.append(client.exchange())
            blocks.append(tuple(map(p99, times)))
        asked = sink.posts
        down.clear()
        teelog.until(lambda: teelog.status()["recorder"]["sinks"]["analytics"]["depth"] == 0, patience=60)
        teelog.until(lambda: second.missing(sink.has) == 0, patience=10)
        each = (sink.posts - asked) / CONVERSATIONS
        lost, told = second.missing(sink.has), teelog.status()
        beside.until(lambda: first.missing(healthy.has) == 0, patience=30)

    at_ease, in_trouble = (statistics.median(one) for one in zip(*blocks, strict=True))
    print(
        f"row 8, real process: {second.turns:,} turns of {CONVERSATIONS} conversations in {OUTAGE_SECONDS} s: {lost} lost, "
        f"{asked} POSTs meanwhile, {each:.3f} per conversation afterwards; clients' p99 {in_trouble * 1e3:.2f} ms, "
        f"beside a healthy sink {at_ease * 1e3:.2f} ms: {in_trouble / at_ease:.2f} ×"
    )
    assert lost == 0
    assert each <= 1.05
    assert in_trouble <= 1.2 * at_ease
    assert told["ledger"]["by_reason"] == {}


# ── and nothing grows ───────────────────────────────────────────────────────────────────────────────────────────────


def rss_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(pid)


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


@pytest.mark.slow
def test_a_soak_without_a_sink(tmp_path, upstream):
    """100 s at 20 requests/s while the sink is down: neither process grows, in memory or in open files."""
    with ThreadSink() as sink:
        url = sink.url
    with (
        Teelog(tmp_path, upstream.url, TEELOG_DELIVERY__URL=url) as teelog,
        Client(teelog, SOAK_SECONDS * PER_SECOND // 5) as client,
    ):
        pids, began, looked = teelog.pids(), time.monotonic(), []
        for number in range(SOAK_SECONDS * PER_SECOND):
            time.sleep(max(0.0, began + number / PER_SECOND - time.monotonic()))
            client.exchange()
            if number >= WARM_SECONDS * PER_SECOND and number % PER_SECOND == 0:
                looked.append([(rss_mb(pid), open_files(pid)) for pid in pids])
        told = teelog.status()
        assert teelog.pids() == pids

    growth = [max(rss for rss, _ in one) - one[0][0] for one in zip(*looked, strict=True)]
    files = [(min(n for _, n in one), max(n for _, n in one)) for one in zip(*looked, strict=True)]
    print(
        f"row 12: {client.turns:,} requests in {SOAK_SECONDS} s, sink down: RSS grew by {growth[0]:.1f} MB (relay) and "
        f"{growth[1]:.1f} MB (recorder), open files {files[0][0]}–{files[0][1]} and {files[1][0]}–{files[1][1]}"
    )
    assert max(growth) <= MOST_GROWTH_MB
    assert all(most - least <= 3 for least, most in files)
    assert told["recorder"]["sinks"]["analytics"]["depth"] == SOAK_SECONDS * PER_SECOND // 5
