"""SIGTERM with a hundred open streams: they finish; a second one ends at once, and loses none of them."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.process import ROOT, Teelog
from tests.e2e.slow_upstream import SlowUpstream, sent_at

STREAMS = 100


async def hold(teelog: Teelog, upstream: SlowUpstream, act) -> dict[str, tuple[str, bool]]:
    """Hold streams; once all have begun, `act`; what each client got, and whether it saw the end."""

    async def one(session: aiohttp.ClientSession, word: str) -> tuple[str, bool]:
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": word}]}
        text, ended = "", False
        try:
            async with session.post(f"{teelog.base_url}/chat/completions", json=body) as response:
                async for line in response.content:
                    if b'"content": "' in line:
                        text += line.split(b'"content": "')[1].split(b'"')[0].decode()
                    ended = ended or line.startswith(b"data: [DONE]")
        except aiohttp.ClientError:
            pass
        return text, ended

    words = [f"stream {number}" for number in range(STREAMS)]
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        tasks = [asyncio.ensure_future(one(session, word)) for word in words]
        while upstream.begun < STREAMS:
            await asyncio.sleep(0.02)
        await act()
        return dict(zip(words, await asyncio.gather(*tasks), strict=True))


def logged(teelog: Teelog) -> dict[str, dict]:
    """The answer of each question that is in analytics."""
    return {c["messages"][0]["content"]: c["messages"][1] for c in teelog.conversations()}


def test_a_signal_lets_a_hundred_streams_finish(tmp_path):
    """SIGTERM: no stream is cut within the grace, each is in analytics whole, and the exit code is 0."""
    with SlowUpstream(pause=0.02) as upstream, Teelog(tmp_path, upstream.url) as teelog:

        async def act() -> None:
            teelog.process.terminate()
            await asyncio.to_thread(teelog.wait_for, "teelog.draining")
            await asyncio.sleep(1.0)  # the grace is in use
            assert teelog.process.poll() is None
            upstream.finish = True

        seen = asyncio.run(hold(teelog, upstream, act))
        code = teelog.process.wait(30)
        cut = [word for word, (_, ended) in seen.items() if not ended]
        teelog.start()
        teelog.until(lambda: len(teelog.conversations()) == STREAMS)
        found = logged(teelog)
        lost = [word for word, (text, _) in seen.items() if found[word]["content"] != text]
        print(f"{STREAMS} open streams, SIGTERM: {len(cut)} cut, {len(lost)} lost, exit {code}")

        assert (cut, lost, code) == ([], [], 0)
        assert not any("interrupted" in (answer.get("properties") or {}) for answer in found.values())


def test_a_second_signal_ends_at_once(tmp_path):
    """The second SIGTERM cuts the streams; each is kept to the last token that its client got, and the exit code is 0."""
    with SlowUpstream(pause=0.02) as upstream, Teelog(tmp_path, upstream.url) as teelog:
        took = 0.0

        async def act() -> None:
            nonlocal took
            teelog.process.terminate()
            await asyncio.to_thread(teelog.wait_for, "teelog.draining")
            began = time.monotonic()
            teelog.process.terminate()
            await asyncio.to_thread(teelog.process.wait, 10)
            took = time.monotonic() - began

        seen = asyncio.run(hold(teelog, upstream, act))
        code = teelog.process.returncode
        teelog.start()
        teelog.until(lambda: len(teelog.conversations()) == STREAMS)
        found = logged(teelog)
        lost = [word for word, (text, _) in seen.items() if not found[word]["content"].startswith(text)]
        print(f"{STREAMS} open streams, two SIGTERMs: over in {took:.2f} s, {len(lost)} lost, exit {code}")

        assert (lost, code) == ([], 0)
        assert took < 2
        assert {answer["properties"]["interrupted"] for answer in found.values()} == {"crash"}
        assert all(sent_at(answer["content"]) for answer in found.values())


def started_with(teelog, number, handler):
    """The same, started by somebody who deals so with a signal: the process inherits it."""
    before = signal.signal(number, handler)
    try:
        return teelog.start()
    finally:
        signal.signal(number, before)


def test_a_closed_terminal_ends_it_in_order(tmp_path, upstream):
    """SIGHUP to every process, as from a terminal that goes away, is an end like any other: exit code 0."""
    teelog = started_with(Teelog(tmp_path, upstream.url), signal.SIGHUP, signal.SIG_DFL)
    for pid in reversed(teelog.pids()):
        os.kill(pid, signal.SIGHUP)

    assert teelog.process.wait(20) == 0
    events = [line["event"] for line in teelog.lines()]
    assert events[-2:] == ["teelog.draining", "teelog.stopped"]


def test_an_interrupt_ends_it_in_the_background(tmp_path, upstream):
    """Shells have what they start in the background ignore SIGINT; teelog ends by it all the same."""
    teelog = started_with(Teelog(tmp_path, upstream.url), signal.SIGINT, signal.SIG_IGN)
    teelog.process.send_signal(signal.SIGINT)

    assert teelog.process.wait(20) == 0


def test_who_ignores_closed_terminals_goes_on(tmp_path, upstream):
    """Started by nohup, it outlives its terminal."""
    teelog = started_with(Teelog(tmp_path, upstream.url), signal.SIGHUP, signal.SIG_IGN)
    with_recorder = teelog.pids()
    for pid in with_recorder:
        os.kill(pid, signal.SIGHUP)

    assert teelog.status()["health"] == "green"
    assert teelog.pids() == with_recorder
    assert teelog.stop() == 0


def takes_sigterm(pid: int) -> bool:
    """Whether a process has a handler for SIGTERM."""
    status = Path(f"/proc/{pid}/status").read_text()
    caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a process 1")
@pytest.mark.parametrize("wait", [0.0, 0.2, 0.5, 1.0])
def test_process_one_ends_while_it_starts(tmp_path, upstream, wait):
    """As process 1, to which the kernel gives no signal without a handler, it ends at SIGTERM long before it is ready."""
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("TEELOG_")},
        "TEELOG_DATA_DIR": str(tmp_path / "data"), "UPSTREAM_BASE_URL": upstream.url, "TEELOG_LISTEN__PORT": "0",
        "TEELOG_ANALYTICS__PORT": "0",
    }  # fmt: skip
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-m", "proxy", "serve"]
    outer = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
        while not (found := children.read_text().split()) or not takes_sigterm(int(found[0])):
            time.sleep(0.005)
        time.sleep(wait)  # some time during the start
        os.kill(int(found[0]), signal.SIGTERM)
        assert outer.wait(20) == 0
    finally:
        outer.kill()
        outer.wait()
