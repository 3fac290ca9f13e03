"""`kill -9` while answers stream: every request is kept, and of its answer all but the last second."""

from __future__ import annotations

import asyncio
import random
import time

import aiohttp
import pytest

from tests.e2e.process import Teelog
from tests.e2e.slow_upstream import SlowUpstream, sent_at

STREAMS = 40


async def streaming(base_url: str, words: list[str], seconds: float, kill) -> tuple[dict[str, list[int]], int]:
    """Hold streams, kill everything after a time; which tokens each client had by then, and when that was (ms)."""
    seen: dict[str, str] = dict.fromkeys(words, "")

    async def one(session: aiohttp.ClientSession, word: str) -> None:
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": word}]}
        await asyncio.sleep(random.random() * 0.5)  # so that they are not all of one age
        async with session.post(f"{base_url}/chat/completions", json=body) as response:
            async for line in response.content:
                if line.startswith(b'data: {"id"') and b'"content": "' in line:
                    seen[word] += line.split(b'"content": "')[1].split(b'"')[0].decode()

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        tasks = [asyncio.ensure_future(one(session, word)) for word in words]
        await asyncio.sleep(seconds)
        killed = time.monotonic_ns() // 1_000_000
        kill()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return {word: sent_at(text) for word, text in seen.items()}, killed


@pytest.mark.parametrize("rounds", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_a_kill_takes_a_second_of_each_stream(tmp_path, rounds):
    """All requests are kept, marked as cut by a crash, and no answer is more than a second behind its client."""
    rng = random.Random(rounds)
    words: list[str] = []
    behind: list[int] = []
    with SlowUpstream(pause=0.05) as upstream:
        teelog = Teelog(tmp_path, upstream.url)
        try:
            for number in range(rounds):
                teelog.start()
                new = [f"stream {number} {n}" for n in range(STREAMS)]
                seen, killed = asyncio.run(streaming(teelog.base_url + "", new, 1.6 + rng.uniform(0, 2), teelog.kill))
                words += new
                teelog.start()
                logged = {}

                def all_there(words=words, logged=logged):
                    logged |= {c["messages"][0]["content"]: c["messages"] for c in teelog.conversations()}
                    return set(words) <= set(logged)

                teelog.until(all_there)
                for word in new:
                    question, answer = logged[word]
                    assert answer["properties"]["interrupted"] == "crash"
                    kept = sent_at(answer["content"])
                    assert kept == seen[word][: len(kept)]
                    lost = seen[word][len(kept) :]
                    behind.append(killed - lost[0] if lost else 0)
                teelog.kill()
        finally:
            teelog.kill()
    print(f"{rounds} kills, {len(behind)} streams: all requests kept, answers at most {max(behind)} ms behind")
    assert max(behind) <= 1000
