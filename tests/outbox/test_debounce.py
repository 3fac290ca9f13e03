"""A conversation that goes on at once is not sent for every turn; nothing else waits for that."""

import pytest

from proxy.outbox.store import ANALYTICS, Store

from ..fakes import NOW
from .office import Office, Sink, chats, contents, talk
from .scenes import SECRET


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "teelog.db", secret=SECRET, debounce_seconds=1.0)
    yield store
    store.close()


async def test_a_first_turn_and_a_turn_after_a_pause_go_at_once(store, clock):
    """Nothing is held back whose conversation was not just sent."""
    sink = Sink()
    async with Office(store, clock, sink) as office:
        talk(store, "one")
        assert await office.deliver() == 1
        clock.forward(1)
        talk(store, "two", now=clock())
        assert await office.deliver() == 1


async def test_a_busy_conversation_is_sent_once_a_second(store, clock):
    """Ten turns in a second are two POSTs, and the second has all of them."""
    sink = Sink()
    async with Office(store, clock, sink) as office:
        for turn in range(10):
            talk(store, f"turn {turn}", now=clock())
            await office.deliver()
            clock.forward(0.1)
        await office.deliver_all()

    assert sink.posts == 2
    assert len(contents(sink.has["chat"])) == 20
    assert clock() <= NOW + 1100


async def test_a_turn_while_one_is_sent_waits_its_second(store, clock):
    """What was recorded during a POST is not sent right behind it."""
    talk(store, "one")
    (lease,) = await store.lease(ANALYTICS, NOW, NOW + 120_000, 1)
    parcel = await store.parcel(lease)
    talk(store, "two")
    await store.ack(lease, parcel.rev, NOW)

    assert await store.next_due(ANALYTICS) == NOW + 1000


async def test_the_others_do_not_wait(store, clock):
    """A busy conversation keeps no other waiting."""
    sink = Sink()
    async with Office(store, clock, sink) as office:
        talk(store, "one")
        await office.deliver()
        talk(store, "two")
        chats(store, 5)

        assert await office.deliver() == 5


async def test_the_end_waits_for_no_second(store, clock):
    """When teelog ends, what was only held back goes out; what waits after a failure goes on waiting."""
    sink = Sink()
    async with Office(store, clock, sink) as office:
        talk(store, "one")
        await office.deliver()
        talk(store, "two")
        chats(store, 1)
        (lease,) = await store.lease(ANALYTICS, NOW, NOW + 120_000, 1)
        await store.postpone(lease, NOW + 500, "down", NOW)
        await office.courier.drain(10)

    assert len(contents(sink.has["chat"])) == 4
    assert set(sink.has) == {"chat"}


async def test_a_clock_that_is_set_back(store, clock):
    """A conversation that was sent an hour from now waits a second, not an hour."""
    sink = Sink()
    async with Office(store, clock, sink) as office:
        clock.forward(3600)
        talk(store, "one", now=clock())
        await office.deliver()
        clock.forward(-3600)
        talk(store, "two", now=clock())

        assert await store.next_due(ANALYTICS) == NOW + 1000
