"""Upserts of one conversation that come all at once, to the real server."""

import asyncio
import random

import aiohttp

from tests.e2e.process import KEY, Teelog

AT_ONCE, ROUNDS = 20, 50


def snapshot(name, rev):
    """A conversation as a teelog sends it: each revision has one message more, and changes the first."""
    said = [{"role": "user", "content": f"question of {rev}", "id": f"{name}-first"}]
    said += [{"role": "assistant", "content": f"answer {turn}"} for turn in range(rev)]
    return {"type": "openai", "id": name, "messages": said, "properties": {"source": "teelog", "teelogRev": rev}}


async def upserted(teelog, rounds):
    """The statuses of all posts, each conversation as it is afterwards, and how many there are."""
    chance = random.Random(7)
    async with aiohttp.ClientSession(
        teelog.analytics, headers={"Authorization": f"Bearer {KEY}"}, connector=aiohttp.TCPConnector(limit=0)
    ) as client:

        async def post(body):
            async with client.post("/conversations", json=body) as answer:
                return answer.status, (await answer.json())["id"]

        statuses, found = set(), {}
        for number in range(rounds):
            name = f"c{number}"
            bodies = [snapshot(name, rev) for rev in range(1, AT_ONCE + 1)]
            chance.shuffle(bodies)
            statuses |= set(await asyncio.gather(*map(post, bodies)))
            async with client.get(f"/conversations/{name}") as answer:
                found[name] = await answer.json()
        async with client.get("/conversations?limit=0") as answer:
            return statuses, found, (await answer.json())["total"]


def test_upserts_at_once_leave_the_newest(tmp_path):
    """Of twenty revisions of one conversation that are posted at once, in any order, the newest stays, once and whole."""
    with Teelog(tmp_path, "http://127.0.0.1:9/v1") as teelog:
        statuses, found, total = asyncio.run(upserted(teelog, ROUNDS))

    assert statuses == {(200, name) for name in found}
    assert total == len(found) == ROUNDS
    for name, told in found.items():
        said = [message["content"] for message in told["messages"]]
        assert said == [message["content"] for message in snapshot(name, AT_ONCE)["messages"]]
        assert told["properties"]["teelogRev"] == AT_ONCE
        assert len({message["id"] for message in told["messages"]}) == AT_ONCE + 1
