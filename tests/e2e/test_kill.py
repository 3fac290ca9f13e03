"""`kill -9` under load: what a client has seen finish is in analytics afterwards, once."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import signal
from collections import Counter

import aiohttp
import pytest

from tests.e2e.process import Teelog, transcript

CLIENTS = 8


class Load:
    """Clients that hold one-turn chats, each with words of its own, and remember which answers they saw end."""

    def __init__(self, base_url: str, seed: int) -> None:
        self.url = base_url + "/chat/completions"
        self.rng = random.Random(seed)
        self.numbers = itertools.count()
        self.seed = seed
        #: Words of every chat whose end was seen; [DONE] counts.
        self.finished: list[str] = []
        self.begun: list[str] = []

    async def run(self, kill, after: float) -> None:
        """Chat until something is killed, then stop."""
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            tasks = [asyncio.ensure_future(self._client(session)) for _ in range(CLIENTS)]
            await asyncio.sleep(after)  # the load's length
            kill()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _client(self, session: aiohttp.ClientSession) -> None:
        while True:
            words = f"chat {self.seed} {next(self.numbers)}"
            self.begun.append(words)
            body = {"model": "m", "stream": self.rng.random() < 0.7, "messages": [{"role": "user", "content": words}]}
            try:
                async with session.post(self.url, json=body) as response:
                    if body["stream"]:
                        seen = b""
                        async for data in response.content.iter_any():
                            seen += data
                            if b"data: [DONE]" in seen:
                                self.finished.append(words)
                                break
                    else:
                        await response.read()
                        self.finished.append(words)
            except (aiohttp.ClientError, ConnectionError):
                await asyncio.sleep(0.01)  # it was killed, and is not back yet


def check(teelog: Teelog, finished: list[str], begun: list[str]) -> None:
    """Every finished chat is there once and whole; of the others nothing is there twice."""

    def missing() -> set[str]:
        found = Counter(c["messages"][0]["content"] for c in teelog.conversations())
        return set(finished) - set(found)

    def waiting() -> int:
        recorder = teelog.status()["recorder"]
        return sum(sink["depth"] for sink in recorder["sinks"].values()) if "sinks" in recorder else 1

    try:
        teelog.until(lambda: not waiting() and not missing(), patience=100)
    except AssertionError as error:
        recorder = teelog.status()
        raise AssertionError(f"waiting {waiting()}, missing {sorted(missing())}, {recorder}") from error
    logged = teelog.conversations()
    found = Counter(c["messages"][0]["content"] for c in logged)
    assert [words for words, count in found.items() if count > 1] == []
    assert set(found) <= set(begun)
    whole = {words: [("user", words), ("assistant", f"echo of {words}")] for words in finished}
    assert [t for c in logged if (t := transcript(c)) and t[0][1] in whole and t != whole[t[0][1]]] == []


QUICK, ALL = 4, 50


@pytest.mark.parametrize("kills", [QUICK, pytest.param(ALL, marks=pytest.mark.slow)])
def test_killing_everything_loses_nothing(tmp_path, upstream, kills):
    """All processes are killed under load, again and again: nothing that a client saw end is lost or doubled."""
    rng = random.Random(kills)
    upstream.pause = 0.004  # most chats are in their middle when the kill comes
    finished, begun = [], []
    # what a kill leaves goes out at once: the pace after an outage is tried elsewhere
    teelog = Teelog(tmp_path, upstream.url, TEELOG_DELIVERY__RECOVERY_PER_SECOND="10000")
    try:
        for number in range(kills):
            # two times of three chats begin before the recorder is there, and it is killed at its start
            teelog.start("teelog.started" if number % 3 else "teelog.ready")
            load = Load(teelog.base_url, number)
            asyncio.run(load.run(teelog.kill, rng.uniform(0.1, 0.4)))
            finished += load.finished
            begun += load.begun
        teelog.start()
        check(teelog, finished, begun)
        print(f"{kills} kills: {len(finished)} of {len(begun)} chats seen to end, 0 lost, 0 doubled")
        assert len(finished) > kills
    finally:
        teelog.kill()


@pytest.mark.parametrize("kills", [QUICK, pytest.param(20, marks=pytest.mark.slow)])
def test_killing_the_recorder_loses_nothing(tmp_path, upstream, kills):
    """The recorder alone is killed under load: the relay serves on, a new one takes over, nothing is lost or doubled."""
    rng = random.Random(kills)
    upstream.pause = 0.001
    finished, begun = [], []
    with Teelog(tmp_path, upstream.url) as teelog:
        for number in range(kills):
            pid = teelog.until(lambda: (pids := teelog.pids()) and len(pids) > 1 and pids[1])
            load = Load(teelog.base_url, number)
            asyncio.run(load.run(lambda pid=pid: os.kill(pid, signal.SIGKILL), rng.uniform(0.1, 0.5)))
            finished += load.finished
            begun += load.begun
            teelog.until(lambda pid=pid: (pids := teelog.pids()) and len(pids) > 1 and pids[1] != pid)
        check(teelog, finished, begun)
        print(f"{kills} kills: {len(finished)} of {len(begun)} chats seen to end, 0 lost, 0 doubled")
        assert teelog.process.poll() is None
        assert len(finished) > kills
