"""Power loss, simulated: at thirty moments every file is cut back to what was synced, and teelog started on what is left."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import signal
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aiohttp
import pytest

from tests.e2e.process import Teelog
from tests.e2e.shim import needs_compiler, shimmed

POINTS, CLIENTS = 30, 4
PROMISED_MS = {"process": 250, "power": 0}


class Finished:
    """Clients that chat until they are told to end, and when each chat's end was seen (monotonic ns)."""

    def __init__(self, base_url: str) -> None:
        self.at: dict[str, int] = {}
        self.over = False
        self._url = base_url + "/chat/completions"

    async def run(self, points, freeze) -> None:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            tasks = [asyncio.ensure_future(self._client(session, number)) for number in range(CLIENTS)]
            for pause in points:
                await asyncio.sleep(pause)
                await asyncio.to_thread(freeze)
            self.over = True
            await asyncio.gather(*tasks)

    async def _client(self, session: aiohttp.ClientSession, client: int) -> None:
        number = 0
        while not self.over:
            words = f"chat {client} {number}"
            number += 1
            body = {"model": "m", "stream": bool(number % 2), "messages": [{"role": "user", "content": words}]}
            async with session.post(self._url, json=body) as response:
                await response.read()
            self.at[words] = time.monotonic_ns()
            await asyncio.sleep(0.04)


def stopped(pid: int) -> bool:
    """Whether every thread of a process stands still."""
    stats = [path.read_text().rpartition(")")[2].split()[0] for path in Path(f"/proc/{pid}/task").glob("*/stat")]
    return set(stats) == {"T"}


def slowest_sync(told: str) -> float:
    """How long the disk took at most for what the journal asked of it (ms)."""
    lines = (line.split(" ", 4) for line in told.splitlines())
    return max(
        (int(when) - int(began)) / 1e6 for when, what, began, _, path in lines if what == "sync" and ".log" in path
    )


def cut_back(folder: Path, original: Path, told: str, at: int) -> None:
    """Take from a copy of the files whatever had not been synced at a time (ns)."""
    writes: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
    synced: dict[str, int] = defaultdict(int)
    for line in told.splitlines():
        when, what, one, two, path = line.split(" ", 4)
        if int(when) > at:
            break
        if what == "write":
            writes[path].append((int(when), int(one), int(two)))
        elif what == "sync":
            synced[path] = max(synced[path], int(one))
    for path, done in writes.items():
        copy = folder / Path(path).relative_to(original)
        if not copy.exists():
            continue
        unsafe = [(offset, size) for when, offset, size in done if when > synced[path]]
        if copy.suffix == ".open" or (copy.suffix == ".log" and synced[str(original / "journal")] < done[0][0]):
            copy.unlink()  # not even its name was safe
        elif copy.suffix == ".log" and unsafe:
            os.truncate(copy, min(offset for offset, _ in unsafe))
        elif unsafe and copy.name.startswith(("teelog.db", "analytics.db")):
            with copy.open("r+b") as file:
                for offset, size in unsafe:
                    file.seek(offset)
                    file.write(bytes(size))
    for shared in folder.glob("*-shm"):
        shared.unlink()


@pytest.mark.slow
@needs_compiler
@pytest.mark.parametrize("durability", PROMISED_MS)
def test_power_loss(tmp_path, upstream, durability):
    """
    Whatever finished longer ago than was promised is recorded: 250 ms with "process", nothing with "power".

    The 250 ms are those of a disk that does what it is asked; what this one took for its slowest sync comes on top.
    """
    rng = random.Random(durability)
    settings = {"TEELOG_JOURNAL__DURABILITY": durability, "TEELOG_DELIVERY__RECOVERY_PER_SECOND": "10000"}
    data, moments = tmp_path / "data", []
    with Teelog(tmp_path, upstream.url, **settings, **shimmed(tmp_path)) as teelog:

        def freeze() -> None:
            pids = teelog.pids()
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            while not all(stopped(pid) for pid in pids):
                time.sleep(0.001)
            at = time.monotonic_ns()
            try:
                copy = tmp_path / f"point {len(moments)}"
                shutil.copytree(data, copy / "data", ignore=shutil.ignore_patterns("control.sock", "ballast"))
                moments.append((copy, at))
            finally:
                for pid in pids:
                    os.kill(pid, signal.SIGCONT)

        load = Finished(teelog.base_url)
        asyncio.run(load.run([rng.uniform(0.1, 0.4) for _ in range(POINTS)], freeze))
    told = (tmp_path / "shim").read_text()

    def lost_at(moment) -> tuple[int, float]:
        """How many finished chats are gone, and how long before the loss the oldest of them had finished (ms)."""
        copy, at = moment
        cut_back(copy / "data", data, told, at)
        expected = {words: (at - when) / 1e6 for words, when in load.at.items() if when < at}
        with Teelog(copy, upstream.url, **settings) as after:
            late = {words for words, ago in expected.items() if ago > PROMISED_MS[durability]}

            def found() -> set[str]:
                return {one["messages"][0]["content"] for one in after.conversations()}

            end = time.monotonic() + 20
            while not late <= found() and time.monotonic() < end:
                time.sleep(0.3)
            there = found()
        gone = [ago for words, ago in expected.items() if words not in there]
        return len(gone), max(gone, default=0.0)

    with ThreadPoolExecutor(2) as pool:
        lost = list(pool.map(lost_at, moments))
    oldest, slow = max(ago for _, ago in lost), slowest_sync(told)
    print(
        f"power loss, {durability}: {POINTS} points, {len(load.at)} chats; {sum(count for count, _ in lost)} lost in all, "
        f"the oldest had finished {oldest:.0f} ms before (the disk's slowest sync took {slow:.0f} ms)"
    )
    assert oldest <= (PROMISED_MS[durability] and PROMISED_MS[durability] + slow)
