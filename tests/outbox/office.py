"""A courier with its store, its clock and its sink, and conversations for it to deliver."""

from __future__ import annotations

import orjson

from proxy.config import Delivery, Secret
from proxy.journal.reader import Position
from proxy.outbox.client import AnalyticsClient
from proxy.outbox.courier import Courier
from proxy.outbox.store import ANALYTICS

from ..fakes import NOW
from .scenes import exchange, read, user


def take(store, *payloads, now=NOW):
    store.take([read(payload) for payload in payloads], "journal", Position(0, 0), now)


def talk(store, *words, name="chat", now=NOW):
    for word in words:
        take(store, named_turn(word, name), now=now)


def chats(store, count, first=0, now=NOW):
    """So many conversations of one turn."""
    items = [
        read(exchange([user("hi")], headers=[("x-teelog-conversation-id", f"chat-{number:04}")]))
        for number in range(first, first + count)
    ]
    store.take(items, "journal", Position(0, 0), now)


class Office:
    """A courier; `analytics` is a fake with a URL, or a client itself."""

    def __init__(self, store, clock, analytics, *, chance=lambda: 0.5, **delivery):
        self.store, self.clock, self.analytics = store, clock, analytics
        #: Seconds by which the clock was set.
        self.jumped = 0.0
        self.client = analytics
        if hasattr(analytics, "url"):
            self.client = AnalyticsClient(
                analytics.url,
                Secret("sk-key"),
                timeout_seconds=delivery.get("timeout_seconds", 30.0),
                redact=str,
                clock=clock,
            )
        self.courier = Courier(
            store, self.client, Delivery(**delivery), clock=clock, steady=lambda: clock() / 1000 - self.jumped,
            chance=chance, sleep=clock.sleep,
        )  # fmt: skip

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        if isinstance(self.client, AnalyticsClient):
            await self.client.close()

    async def deliver(self):
        """Deliver what is due now; how many rows were tried."""
        return await self.courier.deliver_due()

    async def deliver_all(self):
        """Deliver, and move the clock to what is due next, until nothing is."""
        await self.deliver()
        while (due := await self.courier.next_due()) is not None:
            self.clock.now = max(self.clock.now, due)
            await self.deliver()

    async def deliver_until(self, now):
        """The same up to a time, at which the clock stands then."""
        await self.deliver()
        while (due := await self.courier.next_due()) is not None and due <= now:
            self.clock.now = max(self.clock.now, due)
            await self.deliver()
        self.clock.now = max(self.clock.now, now)

    async def sink(self):
        return (await self.store.status(self.clock()))["sinks"][ANALYTICS]


def named_turn(words, name):
    return exchange([user(words)], f"re {words}", headers=[("x-teelog-conversation-id", name)])


def contents(body):
    return [message["content"] for message in body["messages"]]


class Sink:
    """An analytics API without a socket: keeps what it takes, unless `answer(path, body)` raises what it refuses with."""

    def __init__(self, answer=lambda path, body: None):
        self.answer = answer
        self.posts = 0
        #: Of each conversation what it has, and what was taken besides.
        self.has: dict[str, dict] = {}
        self.others: list[tuple[str, dict]] = []

    async def post(self, path, body):
        self.posts += 1
        self.answer(path, body)
        self.take(path, orjson.loads(body))

    def take(self, path, told):
        if path == "/conversations":
            self.has[told["id"]] = told
        else:
            self.others.append((path, told))
