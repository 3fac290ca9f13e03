"""The work behind the figures: done a little at a time, while the server runs, whatever goes wrong."""

import asyncio

import pytest
import structlog

from proxy.analytics.keeper import Keeper
from proxy.analytics.prices import PriceList
from proxy.errors import DatabaseError
from tests.analytics.looking import log


async def test_it_does_what_there_is_to_do(store, clock):
    """Answers are priced, texts read, hours that are over summed; then there is nothing left to do."""
    answer = {
        "role": "assistant",
        "content": "so",
        "properties": {"model": "m", "usage": {"prompt_tokens": 1, "completion_tokens": 1}},
    }
    await log(store, {"role": "user", "content": "why"}, answer)
    clock.now += 3_600_000
    keeper = Keeper(store, PriceList("list", lambda *_: 7))

    pieces = 0
    while await keeper.do_some():
        pieces += 1
    assert pieces == 3

    def left(tx):
        ((cost,),) = tx.ask("SELECT cost FROM answer", {})
        ((unread,),) = tx.ask("SELECT count(*) FROM session WHERE question IS NULL", {})
        ((stale,),) = tx.ask("SELECT count(*) FROM stale", {})
        ((kept,),) = tx.ask("SELECT count(*) FROM kept", {})
        return cost, unread, stale, kept

    assert await store.read(left) == (7, 0, 0, 4)


async def test_the_hour_that_goes_on_is_not_summed(store):
    """An hour is summed when it is over: until then it changes with every message."""
    await log(store, {"role": "user", "content": "why"})
    keeper = Keeper(store)
    await keeper.do_some()

    assert await store.read(
        lambda tx: [len(list(tx.ask(f"SELECT * FROM {name}", {}))) for name in ("stale", "kept")]
    ) == [1, 0]


@pytest.mark.parametrize("error", [DatabaseError("disk I/O error"), ValueError("a fault of ours")], ids=str)
async def test_what_fails_is_tried_again(error):
    """When the database refuses, or a fault is ours, it says so and goes on later."""

    class Refusing:
        tries = 0

        def now(self):
            return 0

        async def write(self, work):
            self.tries += 1
            raise error

    store = Refusing()
    with structlog.testing.capture_logs() as logs:
        task = asyncio.get_running_loop().create_task(Keeper(store).run())
        while not logs:
            await asyncio.sleep(0)
        assert not task.done()
        task.cancel()

    assert [line["event"] for line in logs] == ["analytics.keeping_failed"]
    assert str(error) in logs[0]["error"]


async def test_it_runs_beside_the_server(client, store):
    """A server keeps by itself what was logged."""
    await log(store, {"role": "user", "content": "why"})

    async with asyncio.timeout(20):
        while await store.read(lambda tx: list(tx.ask("SELECT 1 FROM session WHERE question IS NULL", {}))):
            await asyncio.sleep(0.05)
