"""A disk that is full and then freed: clients see nothing, acknowledgements go on, and what was lost is counted exactly."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import aiohttp
import pytest

from tests.e2e.process import Teelog

MOUNTABLE = os.geteuid() == 0 and subprocess.run(["which", "mount"], capture_output=True, check=False).returncode == 0
DISK_MB = 48


class Sink:
    """An analytics API that takes everything, or (`closed`) nothing for now; it knows each conversation by its first words."""

    def __init__(self) -> None:
        self.closed = True
        self.taken: dict[str, dict] = {}
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not sink.closed:
                    sink.taken[body["messages"][0]["content"]] = body
                answer = json.dumps({"id": body.get("id")}).encode()
                self.send_response(503 if sink.closed else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def disk(tmp_path):
    """A small disk."""
    place = tmp_path / "disk"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", place], check=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


async def chat(session: aiohttp.ClientSession, teelog: Teelog, words: str) -> bool:
    """Whether a chat was answered as ever."""
    body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": words}]}
    try:
        async with session.post(teelog.base_url + "/chat/completions", json=body) as response:
            return response.status == 200 and (await response.read()).endswith(b"data: [DONE]\n\n")
    except aiohttp.ClientError:
        return False


async def chats(teelog: Teelog, name: str, count: int, over) -> tuple[int, int]:
    """Chats one after the other until `over`, and at least so many: how many, and how many of them went wrong."""
    number = wrong = 0
    async with aiohttp.ClientSession() as session:
        while number < count or not over():
            wrong += not await chat(session, teelog, f"{name} {number} " + "x" * 2000)
            number += 1
            await asyncio.sleep(0.002)
    return number, wrong


def during(teelog: Teelog, name: str, count: int, act):
    """Chat while something is done; how many chats, how many of them went wrong, and what came of the other."""
    done, came = threading.Event(), []

    def run() -> None:
        try:
            came.append(act())
        finally:
            done.set()

    thread = threading.Thread(target=run)
    thread.start()
    number, wrong = asyncio.run(chats(teelog, name, count, done.is_set))
    thread.join()
    return number, wrong, came[0]


def until(condition, patience: float) -> float:
    """Seconds until a condition holds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < patience, "not in time"
        time.sleep(0.05)
    return time.monotonic() - began


@pytest.mark.slow
@pytest.mark.skipif(not MOUNTABLE, reason="needs a disk of its own, which only root can mount")
def test_a_full_disk(tmp_path, disk, upstream):
    """No client sees it, health is red within 1 s and green within 5 s of the end, and finished = delivered + counted."""
    sink = Sink()
    settings = {
        "TEELOG_DATA_DIR": str(disk / "data"), "TEELOG_DELIVERY__URL": sink.url, "TEELOG_DELIVERY__API_KEY": "k" * 20,
        "TEELOG_DELIVERY__RECOVERY_PER_SECOND": "10000",
    }  # fmt: skip

    def lost(teelog) -> int:
        return sum(teelog.status()["ledger"]["by_reason"].values())

    def fill() -> float:
        with (disk / "filler").open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(64 * 1024))
            except OSError:
                pass
        return until(lambda: teelog.status()["health"] == "red", 5)

    with Teelog(tmp_path / "run", upstream.url, **settings) as teelog:
        before, wrong_before, _ = during(teelog, "before", 300, lambda: None)
        teelog.until(lambda: teelog.status()["recorder"]["counters"].get("recorded", 0) >= before)
        waiting = teelog.status()["recorder"]["sinks"]["analytics"]["depth"]

        full, wrong_full, red_after = during(teelog, "full", 200, fill)
        sink.closed = False  # what waited is delivered, and acknowledged, while the disk is full
        teelog.until(lambda: len(sink.taken) >= before, patience=60)
        more, wrong_more, _ = during(teelog, "more", 100, lambda: time.sleep(1))
        acknowledged = waiting - teelog.status()["recorder"]["sinks"]["analytics"]["depth"]
        assert teelog.status()["health"] == "red"

        (disk / "filler").unlink()
        green_after = until(lambda: teelog.status()["health"] == "green", 15)
        after, wrong_after, _ = during(teelog, "after", 50, lambda: None)
        finished, wrong = before + full + more + after, wrong_before + wrong_full + wrong_more + wrong_after
        teelog.until(lambda: len(sink.taken) + lost(teelog) >= finished, patience=30)
        counted = lost(teelog)
        teelog.kill()  # and what was counted is known after a kill
        teelog.start()
        assert lost(teelog) == counted > 0
        print(
            f"disk full: {wrong} of {finished} chats went wrong, red after {red_after:.2f} s, {acknowledged} of {waiting} "
            f"acknowledged meanwhile, green {green_after:.2f} s after it was freed, {len(sink.taken)} delivered + "
            f"{lost(teelog)} counted"
        )
        assert wrong == 0
        assert red_after < 1
        assert acknowledged == waiting
        assert green_after < 5
        assert len(sink.taken) + lost(teelog) == finished
    sink.close()
