"""What damage has taken of the recorder's memory costs analytics nothing that it has."""

import sqlite3
from contextlib import closing

import pytest

from proxy.db.mend import mend
from proxy.outbox.retention import Bounds
from proxy.outbox.store import ANALYTICS, MIGRATIONS, SETTLE, Store

from ..fakes import NOW
from .book import Book
from .office import Office, Sink, named_turn
from .scenes import SECRET, assistant, exchange, note, user

NAMED = [("x-teelog-conversation-id", "chat")]
HOW = [user("hi"), assistant("Hello"), user("how?")]
AFTER = [*HOW, assistant("Well"), user("bye")]


class Desk:
    """A store whose file is damaged and mended when the test says so."""

    def __init__(self, folder):
        self._path = folder / "teelog.db"
        self.open()

    def open(self):
        self.store = Store(self._path, secret=SECRET)
        self.book = Book(self.store, self._path)

    def damage(self, *statements):
        """As if the pages of some rows could not be read any more."""
        self.store.close()
        with closing(sqlite3.connect(self._path)) as plain:
            plain.execute("PRAGMA foreign_keys = OFF")
            for statement in statements:
                plain.execute(statement)
            plain.execute("PRAGMA application_id = 0")  # which is what is found to be wrong
            plain.commit()
        assert mend(self._path, MIGRATIONS, "20261122T120000Z", settle=SETTLE) is not None
        self.open()

    async def deliver(self, clock):
        """Deliver all that is owed; what the sink has then, and the courier's view of it."""
        sink = Sink()
        async with Office(self.store, clock, sink) as office:
            await office.deliver_all()
            told = await office.sink()
        return sink, told


@pytest.fixture
def desk(tmp_path):
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def said(sink):
    return {name: [one["content"] for one in told["messages"]] for name, told in sink.has.items()}


async def again(desk):
    await desk.store.send_again(ANALYTICS, NOW)


LOST = {
    "all of it": "DELETE FROM message",
    "its beginning": "DELETE FROM message WHERE place = 1",
    "its middle": "DELETE FROM message WHERE place = 2",
    "its end": "DELETE FROM message WHERE place = 4",
}


@pytest.mark.parametrize("statement", LOST.values(), ids=LOST)
async def test_a_conversation_with_holes_is_not_sent_again(desk, clock, statement):
    """What analytics has is not replaced by less, also when everything is to be sent again."""
    desk.book.take(exchange([user("hi")], headers=NAMED))
    desk.book.take(exchange(HOW, "Well", headers=NAMED))
    await desk.deliver(clock)
    desk.damage(statement)
    await again(desk)

    sink, told = await desk.deliver(clock)

    assert (sink.has, told["depth"], told["dead"]) == ({}, 0, {})


async def test_a_conversation_with_holes_is_filled_by_its_client(desk, clock):
    """The next turn brings the history; as its beginning is not here any more, it is a conversation of its own."""
    desk.book.take(exchange([user("hi")], headers=NAMED))
    desk.book.take(exchange(HOW, "Well", headers=NAMED))
    await desk.deliver(clock)
    desk.damage("DELETE FROM message WHERE place = 2")
    desk.book.take(exchange(AFTER, "Bye", headers=NAMED))

    sink, _ = await desk.deliver(clock)

    (name,) = sink.has
    assert name.startswith("chat~")
    assert said(sink)[name] == ["hi", "Hello", "how?", "Well", "bye", "Bye"]


async def test_what_no_sink_has_had_is_sent_as_far_as_it_is_there(desk, clock):
    """A part is more than nothing, and says that it is one."""
    desk.book.take(exchange([user("hi")], headers=NAMED))
    desk.book.take(exchange(HOW, "Well", headers=NAMED))
    desk.damage("DELETE FROM message WHERE place = 1")

    sink, told = await desk.deliver(clock)

    assert said(sink) == {"chat": ["Hello", "how?", "Well"]}
    assert sink.has["chat"]["properties"]["history"] == "partial"
    assert told["dead"] == {}


async def test_what_is_owed_and_gone_becomes_a_dead_letter(desk, clock):
    """A newer state that cannot be made any more, and a conversation of which nothing is left, are told."""
    desk.book.take(exchange([user("hi")], headers=NAMED))
    await desk.deliver(clock)
    desk.book.take(exchange(HOW, "Well", headers=NAMED))
    desk.book.take(named_turn("hi", "other"))
    desk.damage("DELETE FROM message WHERE place = 2")
    desk.damage("DELETE FROM message WHERE conversation = 2")

    sink, told = await desk.deliver(clock)

    assert (sink.has, told["depth"], told["dead"]) == ({}, 0, {"not rendered": 2})


async def test_what_nobody_knows_to_be_sent_is_sent(desk, clock):
    """Where damage took the row that says what a sink has, it gets conversation and feedback once more."""
    desk.book.take(exchange([user("hi")], headers=NAMED, name="e-1"))
    desk.book.take(note(messageId="e-1"))
    desk.book.take(note(messageId="nobody"))
    await desk.deliver(clock)
    desk.damage("DELETE FROM outbox")

    sink, told = await desk.deliver(clock)

    assert said(sink) == {"chat": ["hi", "Hello"]}
    assert [body["messageId"] for _, body in sink.others] == ["e-1"]
    assert (told["depth"], told["waiting"]) == (0, 1)


async def test_what_was_freed_is_not_asked_for_again(desk, clock):
    """A sink that has lost what it had gets what is still here; of the rest nothing is set aside."""
    desk.book.take(exchange([user("hi")]))
    await desk.deliver(clock)
    while await desk.store.tidy(NOW + 1000, 0):
        pass
    await again(desk)

    sink, told = await desk.deliver(clock)

    assert (sink.has, told["depth"], told["dead"]) == ({}, 0, {})


async def test_what_is_to_be_deleted_is_asked_for_again(desk):
    """Where damage took the row that says that a sink has deleted something, it is asked once more."""
    desk.damage("INSERT INTO deletion (kind, id, rev) VALUES ('conversation', 'erased', 1)")

    told = (await desk.store.status(NOW))["sinks"][ANALYTICS]
    assert (told["depth"], told["dead"]) == (1, {})


async def test_what_is_old_goes_though_nobody_knew_it(desk):
    """Where damage took what the sweeps look up, it is made anew with the conversations."""
    desk.book.take(named_turn("hi", "chat"))
    desk.damage("DELETE FROM quiet")

    await desk.store.expire(Bounds(NOW + 1, None, 1 << 40), 0)

    assert desk.book.texts() == []
