"""How the outbox stands: sizes, errors, and what failed since when."""

from proxy.journal.reader import Position
from proxy.outbox.reading import SetAside
from proxy.outbox.standing import SAMPLE
from proxy.outbox.store import ANALYTICS

from ..fakes import NOW
from .scenes import exchange, note, read, user

LATER = NOW + 60_000


def chats(store, count, words="hi"):
    items = [
        read(exchange([user(words)], headers=[("x-teelog-conversation-id", f"{words[:9]}{number}")]))
        for number in range(count)
    ]
    store.take(items, "journal", Position(0, 0), NOW)


async def sink(store, now=NOW):
    return (await store.status(now))["sinks"][ANALYTICS]


async def test_the_last_error_has_its_time(store):
    """Of several errors the newest is told, with when it was, until its row has been delivered."""
    chats(store, 2)
    first, second = await store.lease(ANALYTICS, NOW, LATER, 2)
    await store.postpone(first, NOW, "an old one", NOW + 1000)
    await store.postpone(second, NOW, "the newest", NOW + 2000)
    told = await sink(store)
    assert (told["last_error"], told["last_error_at"]) == ("the newest", "2023-11-14T22:13:22.000Z")

    for row in await store.lease(ANALYTICS, NOW, LATER, 2):
        await store.ack(row, row.wanted_rev, NOW)
    told = await sink(store)
    assert (told["last_error"], told["last_error_at"]) == (None, None)


async def test_what_fails_is_told_from_what_has_failed(store):
    """Rows that are due and were tried in vain are failing; dead letters are not, and neither is what is new."""
    chats(store, 3)
    first, second = await store.lease(ANALYTICS, NOW, LATER, 2)
    await store.postpone(first, NOW, "503", NOW)
    await store.bury(second, second.wanted_rev, "refused", "400", NOW)

    told = await sink(store)
    assert (told["depth"], told["failing"], told["dead"]) == (2, 1, {"refused": 1})


async def test_the_size_of_much_is_told_from_some(store):
    """The bytes of what waits are counted where it is little, and told from a sample where it is much."""
    chats(store, 1, words="x" * 1000)
    one = (await sink(store))["bytes"]
    assert 1000 < one < 2000
    chats(store, 3 * SAMPLE, words="y" * 1000)

    assert 0.9 * one < (await sink(store))["bytes"] / (3 * SAMPLE + 1) < 1.1 * one


async def test_an_annotation_has_a_size_too(store):
    """An event that waits for nothing is counted with its bytes."""
    store.take([read(note("event", entityType="x"))], "journal", Position(0, 0), NOW)

    told = await sink(store)
    assert told["depth"] == 1
    assert told["bytes"] > 20


async def test_records_that_failed_are_counted(store):
    """How many could not be read, what they take, and how old the newest and the oldest are."""
    assert (await store.status(NOW))["failed_exchanges"] == {
        "count": 0,
        "bytes": 0,
        "newest_seconds": None,
        "oldest_seconds": None,
    }
    for at in (NOW, NOW + 1000):
        store.take([SetAside("", "no", b"12345")], "journal", Position(0, 0), at)

    told = await store.status(NOW + 3000)
    assert told["failed_exchanges"] == {
        "count": 2, "bytes": 10, "newest_seconds": 2.0, "oldest_seconds": 3.0
    }  # fmt: skip
