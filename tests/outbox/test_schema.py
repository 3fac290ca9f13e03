"""The schema's way forward: what an older teelog has recorded goes on as if it had been recorded now."""

import sqlite3
from contextlib import closing

import pytest

from proxy.db.sqlite import Database
from proxy.outbox.retention import Bounds
from proxy.outbox.store import MIGRATIONS, Store

from ..fakes import NOW
from .book import Book
from .scenes import SECRET, assistant, exchange, user

HI = [user("hi")]
NAMED = [("x-teelog-conversation-id", "chat"), ("x-teelog-user", "ada")]
TITLE = [user("### Task:\nGenerate a concise title.\n### Chat History:\n<chat_history>\nUSER: hi\n</chat_history>")]
CHOICES = [{"message": assistant(text), "finish_reason": "stop"} for text in ("Hello", "Hey")]
#: The tips of a conversation in schema 2, its own among them; a title's stood nowhere.
TIPS = """
    INSERT INTO tip (conversation, hash, user, thread, connection, kin, rev, former, choice)
    SELECT key, tip, user, thread, connection, kin, rev, NULL, 0 FROM new.conversation WHERE tip IS NOT NULL
    UNION ALL SELECT conversation, hash, user, thread, connection, kin, rev, former, choice FROM new.other_tip
"""


def goes_on(said, *, then="and?"):
    """The next turn of a client that was told this."""
    return [*HI, assistant(said), user(then)]


def aged(path, tips=TIPS):
    """The file as a teelog of schema 2 would have written it."""
    older = path.with_name("older.db")
    Database(older, queries={}, migrations=MIGRATIONS[:2]).close()
    with closing(sqlite3.connect(older)) as file:
        file.execute("ATTACH ? AS new", (str(path),))
        for table in ("conversation", "message", "key", "outbox"):
            file.execute(f"INSERT INTO {table} SELECT * FROM new.{table}")
        file.execute(tips)
        file.execute("UPDATE conversation SET tip = x'00' WHERE tip IS NULL")
        file.commit()
    older.replace(path)


@pytest.fixture(params=["now", "by an older teelog"])
def remembered(request, tmp_path):
    """What the next turns make of a conversation that was recorded now, or by an older teelog."""
    path = tmp_path / "teelog.db"
    stores = [Store(path, secret=SECRET)]

    def open_again(*payloads):
        book = Book(stores[0], path)
        for payload in payloads:
            book.take(payload)
        if request.param != "now":
            stores.pop().close()
            aged(path)
            stores.append(Store(path, secret=SECRET))
        return Book(stores[0], path)

    yield open_again
    stores[0].close()


def test_a_conversation_goes_on(remembered):
    """Its answer is known, also where somebody else was told the same."""
    book = remembered(exchange(HI), exchange(HI, headers=NAMED))

    book.take(exchange(goes_on("Hello"), "Well", headers=NAMED))
    book.take(exchange(goes_on("Hello", then="why?"), "So", connection="2"))

    assert book.texts() == [["hi", "Hello", "and?", "Well"], ["hi", "Hello", "why?", "So"]]


def test_another_choice_goes_on(remembered):
    """A client may still choose the other answer that it was given."""
    book = remembered(exchange(HI, choices=CHOICES, n=2))

    book.take(exchange(goes_on("Hey"), "Well"))

    assert book.texts() == [["hi", "Hey", "and?", "Well"]]


def test_a_replaced_answer_goes_on(remembered):
    """A client may still go back to an answer that it had made anew."""
    book = remembered(
        exchange(HI, "Hello", headers=NAMED),
        exchange(goes_on("Hello"), "Well", headers=NAMED),
        exchange(goes_on("Hello"), "Good", headers=NAMED, started=NOW + 1000),
    )

    book.take(exchange([*goes_on("Hello"), assistant("Well"), user("bye")], "Bye", headers=NAMED, started=NOW + 2000))

    assert book.texts() == [["hi", "Hello", "and?", "Well", "bye", "Bye"]]


def test_a_title_is_not_gone_on_with(remembered):
    """Nobody goes on with what a front end has asked for itself."""
    book = remembered(exchange(TITLE, '{"title": "Hi"}'))

    assert book.column("SELECT tip FROM conversation") == [None]


async def test_what_is_old_goes(remembered):
    """Sweeps find what nobody has spoken in for long."""
    book = remembered(exchange(HI), exchange(HI, headers=NAMED, started=NOW + 1000))
    book.take(exchange(goes_on("Hello"), started=NOW + 2000), NOW + 2000)

    await book._store.expire(Bounds(NOW + 2000, None, 1 << 40), 0)

    assert book.texts() == [["hi", "Hello", "and?", "Hello"]]


def test_a_conversation_that_lost_its_tip_goes_on(tmp_path):
    """Where damage took the tip of an older file, the conversation's own row still knows it."""
    path = tmp_path / "teelog.db"
    with closing(Store(path, secret=SECRET)) as store:
        Book(store, path).take(exchange(HI))
    aged(path, tips="SELECT 1")

    with closing(Store(path, secret=SECRET)) as store:
        book = Book(store, path)
        book.take(exchange(goes_on("Hello"), "Well"))

        assert book.texts() == [["hi", "Hello", "and?", "Well"]]
