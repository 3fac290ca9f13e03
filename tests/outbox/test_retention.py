"""What is kept for so long, and no longer."""

from __future__ import annotations

import asyncio

import pytest

from proxy.config import Conversation, Privacy
from proxy.core.buckets import DAY_MS
from proxy.core.calm import CALM_SECONDS
from proxy.journal.reader import Position
from proxy.outbox.reading import SetAside
from proxy.outbox.store import ANALYTICS
from proxy.outbox.tidying import keep_tidy

from ..fakes import NOW
from .book import Book
from .office import Office, Sink, take
from .scenes import assistant, exchange, note, user


@pytest.fixture
def book(store, tmp_path):
    return Book(store, tmp_path / "teelog.db")


def chat(name, words="hi", **more):
    return exchange([user(words)], headers=[("x-teelog-conversation-id", name)], **more)


async def tidied(store, now, **privacy):
    """One round of tidying, after a look at clocks that have gone side by side since then."""
    looks = []

    async def sleep(seconds):
        looks.extend([seconds] if seconds else [])
        if len(looks) > 2:
            raise asyncio.CancelledError

    def wall():
        return round(now + (len(looks) - 2) * CALM_SECONDS * 1000)

    clocks = {"clock": wall, "steady": lambda: len(looks) * CALM_SECONDS}
    with pytest.raises(asyncio.CancelledError):
        await keep_tidy(store, Conversation(), Privacy(**privacy), **clocks, sleep=sleep)


async def bury(store, *, kind="refused", now=NOW):
    for row in await store.lease(ANALYTICS, now, now + 1000, 999):
        await store.bury(row, row.wanted_rev, kind, "the analytics API answered 400", now)


async def dead(store, now=NOW):
    return (await store.status(now))["sinks"][ANALYTICS]


async def test_conversations_go_after_their_days(store, book, clock):
    """What has not changed for so many days is gone, delivered or not; what has is there; 0 keeps all."""
    office = Office(store, clock, Sink())
    for number in range(120):
        take(store, chat(f"c-{number}"))
    await office.deliver()
    take(store, chat("unsent"), note(messageId="never", details="words"))
    take(store, chat("new"), now=NOW + 2 * DAY_MS)
    await tidied(store, NOW + 8 * DAY_MS)
    assert len(book.column("SELECT key FROM conversation")) == 122

    await tidied(store, NOW + 8 * DAY_MS, retention_days=7)
    assert book.column("SELECT id FROM conversation") == ["new"]
    assert book.column("SELECT count(*) FROM message") == [2]
    assert (await store.status(NOW))["counters"]["dropped"] == 1


async def test_conversations_that_went_on_stay(store, book):
    """Of those that began long ago only those go in which nobody has spoken since, however many are kept."""
    for number in range(120):
        take(store, chat(f"c-{number}"))
    take(store, *(chat(f"c-{number}", "more") for number in range(110)), now=NOW + 2 * DAY_MS)

    await tidied(store, NOW + 8 * DAY_MS, retention_days=7)
    assert len(book.column("SELECT key FROM conversation")) == 110

    await tidied(store, NOW + 10 * DAY_MS, retention_days=7)
    assert book.column("SELECT key FROM conversation") == []


async def test_its_id_is_never_given_to_another(store, book):
    """A chat that goes on after its days is a new conversation, and does not replace what analytics has of the old one."""
    take(store, chat("c-1", started=NOW))
    await tidied(store, NOW + 8 * DAY_MS, retention_days=7)
    later = NOW + 9 * DAY_MS
    history = [user("hi"), assistant("Hello"), user("more")]
    again = exchange(history, headers=[("x-teelog-conversation-id", "c-1")], started=later)

    assert book.take(chat("c-1", started=NOW), later).outcome == "erased"
    assert book.take(again, later).outcome == "recorded"
    assert book.all() == {"c-1~2": ["hi", "Hello", "more", "Hello"]}


async def test_dead_letters_go_for_their_age(store, book):
    """After so many days a dead letter is given up and counted; its conversation stays; feedback goes whole."""
    take(store, chat("c-1"))
    take(store, note(messageId="never", details="words"))
    await bury(store)
    await store.bury_unknown(ANALYTICS, NOW + 1)
    await tidied(store, NOW + 29 * DAY_MS)
    told = await dead(store, NOW + 29 * DAY_MS)
    assert (sum(told["dead"].values()), told["dead_oldest_seconds"]) == (2, 29 * 86_400)
    assert told["dead_bytes"] > 100
    await tidied(store, NOW + 31 * DAY_MS, set_aside_days=0)
    assert sum((await dead(store))["dead"].values()) == 2

    await tidied(store, NOW + 31 * DAY_MS)
    assert (await dead(store))["dead"] == {}
    assert (await store.status(NOW))["counters"]["dropped"] == 2
    assert book.column("SELECT id FROM conversation") == ["c-1"]
    assert book.column("SELECT count(*) FROM annotation") == [0]


async def test_the_oldest_dead_letters_go_when_they_are_too_much(store):
    """Over so many bytes the oldest dead letters are given up, until the rest fits."""
    for number in range(6):
        take(store, chat(f"c-{number}", "x" * 400_000))
        await bury(store, now=NOW + number)
    await tidied(store, NOW + 10, set_aside_max_bytes=1024**2)
    left = store.read(lambda tx: [row["id"] for row in tx.all("held", after=0, sent=False, limit=9, **dict.fromkeys(("state", "sink", "kind", "before", "reason", "ids")))])  # fmt: skip

    assert left == ["c-4", "c-5"]


async def test_records_go_for_their_age(store):
    """Records that nothing could be made of go after so many days, and are counted; `/status` tells the oldest."""
    for at in (NOW, NOW + 5 * DAY_MS):
        store.take([SetAside("e", "broken", b"x")] * 60, "journal", Position(0, 0), at)
    assert (await store.status(NOW + 5 * DAY_MS))["failed_exchanges"]["oldest_seconds"] == 5 * 86_400
    await tidied(store, NOW + 31 * DAY_MS)
    told = await store.status(NOW)

    assert (told["failed_exchanges"]["count"], told["counters"]["set_aside_lost"]) == (60, 60)


async def test_what_was_said_of_nothing_goes_once_it_was_sent(store, book, clock):
    """A search that was sent is kept as long as conversations are known, and no longer."""
    office = Office(store, clock, Sink())
    take(store, note("event", type="x", entityType="search", searchQuery="words"))
    await office.deliver()
    await tidied(store, NOW + 89 * DAY_MS)
    assert book.column("SELECT count(*) FROM annotation") == [1]

    await tidied(store, NOW + 91 * DAY_MS)
    assert book.column("SELECT count(*) FROM annotation") == [0]
