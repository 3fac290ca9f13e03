"""Conversations erased from the store, and everything that comes late and must not bring them back."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from proxy.config import Conversation, Privacy
from proxy.core.exchange import decode
from proxy.core.fields import time_text
from proxy.errors import CommandRefused
from proxy.journal.reader import Position
from proxy.outbox.erasing import Erasing
from proxy.outbox.meant import Meant, conversations, line
from proxy.outbox.reading import Reading, SetAside
from proxy.outbox.store import ANALYTICS
from proxy.outbox.tidying import keep_tidy

from ..fakes import NOW
from .book import Book
from .office import Office, Sink, contents
from .scenes import assistant, exchange, new_id, note, read, says, user

LATER = NOW + 60_000


class Deleting(Sink):
    """A sink that deletes, too."""

    def __init__(self, answer=lambda path, body: None):
        super().__init__(answer)
        self.deleted = []

    async def delete(self, path, rev):
        self.answer(path, b"{}")
        self.deleted.append((path, rev))
        self.has.pop(path.removeprefix("/conversations/"), None)


@pytest.fixture
def book(store, tmp_path):
    return Book(store, tmp_path / "teelog.db")


def named(chat, who="", **more):
    """Headers of a chat and a user."""
    told = {"x-teelog-conversation-id": chat, "x-teelog-user": who}
    return {"headers": [(name, value) for name, value in told.items() if value], **more}


def erase(store, now=NOW + 1000, sinks=(), **meant):
    erasing = Erasing(store, Reading(Conversation()), Meant(**meant), now, sinks)
    erasing.run()
    return erasing


def feedback(book, payload):
    (recorded,) = book._store.take([read(payload)], "journal", Position(0, 0), NOW)
    return recorded.outcome


TALK = [user("my secret question"), assistant("a secret answer"), user("and another")]


def talk(book, *, started=NOW, **more):
    """A conversation of two turns; the payloads it came from."""
    first = exchange(TALK[:1], "a secret answer", started=started, **more)
    second = exchange(TALK, "more secrets", started=started + 10, **more)
    assert [book.take(one).outcome for one in (first, second)] == ["recorded", "recorded"]
    return first, second


#: A chat of one user as its client tells whose it is.
CALLERS = {
    "a named chat": named("c-1", "ada"), "a named chat of nobody": named("c-1"), "a user": named("", "ada"),
    "a history": {}, "a session": {"headers": [("x-session-id", "s-1")]},
}  # fmt: skip


@pytest.fixture(params=CALLERS)
def who(request):
    return CALLERS[request.param]


def erase_all(store, book):
    (name,) = book.all()
    return erase(store, ids=(name,))


def test_all_of_it_goes(store, book):
    """Conversations of a user go with what was said of them; those of others stay, word for word."""
    payload, _ = talk(book, **named("c-1", "ada"))
    book.take(exchange([user("mine")], **named("c-2", "bob")))
    feedback(book, note(messageId=decode(payload).id, details="secret thumbs"))
    feedback(book, note(messageId="unknown", details="secret words", userProperties={"userId": "ada"}))
    feedback(book, note("event", type="x", entityType="conversation", conversationId="c-1", properties={"a": "secret"}))
    erasing = erase(store, users=("ada",))

    assert erasing.erased.keys() == {"c-1"}
    assert {name: n for name, n in erasing.counts.items() if n} == {
        "conversations": 1, "messages": 4, "feedback": 2, "event": 1, "outbox": 3
    }  # fmt: skip
    assert book.texts() == [["mine", "Hello"]]
    assert [book.column(f"SELECT count(*) FROM {table}") for table in ("annotation", "conversation", "message", "outbox")] == [
        [0], [1], [2], [1]
    ]  # fmt: skip


def test_nothing_that_comes_again_is_recorded(store, book, who):
    """The same exchanges, read again from a journal or a replica, are nobody's any more."""
    payloads = talk(book, **who)
    erase_all(store, book)

    assert [book.take(one).outcome for one in payloads] == ["erased", "erased"]
    assert book.all() == {}


def test_a_replicas_exchange_that_began_before_is_not_recorded(store, book, who):
    """An exchange of the same chat that nobody here has seen, begun before the erasure, is of what was erased."""
    talk(book, **who)
    erase_all(store, book)
    history = [*TALK, assistant("more secrets"), user("a third question")]

    assert book.take(exchange(history, started=NOW + 500, **who)).outcome == "erased"
    assert book.take(exchange(TALK, "more secrets", started=NOW + 500, **who)).outcome == "erased"
    assert book.all() == {}


def test_a_chat_that_goes_on_is_a_new_one(store, book, who):
    """What the client says later is a conversation of its own, without what was erased, and goes on like any other."""
    talk(book, **who)
    (before,) = book.all()
    erase_all(store, book)
    history = [*TALK, assistant("more secrets"), user("new")]
    assert book.take(exchange(history, "yes", started=LATER, **who), LATER).outcome == "recorded"
    history += [assistant("yes"), user("newer")]
    assert book.take(exchange(history, "indeed", started=LATER + 10, **who), LATER + 10).outcome == "recorded"

    assert list(book.all().values()) == [["new", "yes", "newer", "indeed"]]
    (name,) = book.all()
    assert name == "c-1~2" if before == "c-1" else name != before
    erase(store, LATER + 1000, ids=(name,))
    history += [assistant("indeed"), user("newest")]
    book.take(exchange(history, "at last", started=LATER + 2000, **who), LATER + 2000)
    assert list(book.all().values()) == [["newest", "at last"]]
    assert list(book.all()) == ["c-1~3"] or before != "c-1"


def test_a_window_of_an_erased_history_is_known_too(store, book, who):
    """A client that has dropped the beginning of its history does not bring the rest of it back."""
    talk(book, **who)
    erase_all(store, book)
    history = [user("and another"), assistant("more secrets"), user("new")]
    book.take(exchange(history, "yes", started=LATER, **who), LATER)

    assert book.texts() == [["new", "yes"]]


def test_an_answer_asked_for_anew_stands_alone(store, book):
    """A question that was erased with its chat is not brought back by the next try at it."""
    talk(book, **named("c-1"))
    erase_all(store, book)
    book.take(exchange(TALK, "a new answer", started=LATER, **named("c-1")), LATER)

    assert book.all() == {"c-1~2": ["a new answer"]}


def test_the_same_words_of_others_are_theirs(store, book):
    """Who was told the same as somebody erased keeps all of it, and goes on."""
    hello = [user("hi"), assistant("Hello"), user("more")]
    for key in ("1", "2"):
        book.take(exchange([user("hi")], connection=key, **named(f"c-{key}" if key == "1" else "")))
    erase(store, ids=("c-1",))
    book.take(exchange(hello, "fine", started=NOW + 500), LATER)
    assert book.texts() == [["hi", "Hello", "more", "fine"]]
    erase_all(store, book)
    for who in ("bob", ""):
        book.take(exchange([user("hi")], started=LATER, **named("", who)), LATER)
        book.take(exchange(hello, "fine", started=LATER, **named("", who)), LATER)

    assert book.texts() == [["hi", "Hello", "more", "fine"]] * 2


def test_another_users_chat_of_the_same_name(store, book):
    """Programs count their users' chats from 1: one's is erased, the other's goes on under its own id."""
    talk(book, **named("1", "ada"))
    book.take(exchange([user("mine")], **named("1", "bob")))
    first, second = book.all()
    erase(store, ids=(first,))
    book.take(exchange([user("mine"), assistant("Hello"), user("more")], started=LATER, **named("1", "bob")), LATER)
    book.take(exchange([user("new")], started=LATER, **named("1", "eve")), LATER)

    assert book.all()[second] == ["mine", "Hello", "more", "Hello"]
    assert first not in book.all()
    assert len(book.all()) == 2


def test_a_fork_stays_and_names_its_origin_no_more(store, book):
    """What begins like an erased conversation is another one: it stays, and its properties are sent once more."""
    talk(book, **named("c-1"))
    fork = [*TALK[:2], user("otherwise")]
    book.take(exchange(fork, "so be it", headers=[]))
    other = next(name for name in book.all() if name != "c-1")
    erasing = erase(store, ids=("c-1",))

    assert erasing.forks in ([], [other])
    assert "c-1" not in str(book.snapshots())


def test_a_front_ends_title_does_not_quote_it(store, book):
    """A request for a title that quotes an erased chat is not recorded, nor what it says."""
    talk(book, **named("c-1"))
    erase_all(store, book)
    task = "### Task:\nGenerate a concise title.\n### Chat History:\n<chat_history>\nUSER: my secret question\nASSISTANT: a secret answer\n</chat_history>"
    outcome = book.take(exchange([user(task)], '{"title": "secret"}', started=NOW + 500, **named("c-1"))).outcome

    assert outcome == "erased"
    assert book.events() == []
    assert book.all() == {}


LATE_NOTES = {
    "a thumb": lambda one: note(messageId=one.id), "by its completion": lambda one: note(messageId=f"chatcmpl-{one.id}"),
    "an event": lambda one: note("event", type="x", entityType="message", messageId=one.id),
    "of the conversation": lambda _: note("event", type="x", entityType="conversation", conversationId="c-1"),
    "of the tenant": lambda one: note(messageId=one.id, tenant=one.tenant),
}  # fmt: skip


@pytest.mark.parametrize("name", LATE_NOTES)
def test_late_feedback_finds_nothing_and_waits_for_nothing(store, book, name):
    """Feedback and events on what was erased are not kept, whether they were there before or come later."""
    payload, _ = talk(book, **named("c-1"))
    late = LATE_NOTES[name](decode(payload))
    again = LATE_NOTES[name](decode(payload))
    assert feedback(book, late) != "erased"
    erase_all(store, book)

    assert [feedback(book, one) for one in (late, again)] == ["erased", "erased"]
    assert book.column("SELECT count(*) FROM annotation") == [0]


def test_an_id_that_was_erased_is_free_to_others(store, book):
    """Programs count their thumbs from 1: another tenant's of an erased id is kept, and one with the id of an erased chat."""
    payload, _ = talk(book, **named("1"))
    thumb = note(messageId=decode(payload).id, name="2", tenant=decode(payload).tenant)
    assert feedback(book, thumb) == "feedback"
    erase_all(store, book)

    others = [note(messageId=f"m-{name}", name=name, tenant="another") for name in ("1", "2")]
    assert [feedback(book, one) for one in (*others, thumb)] == ["feedback", "feedback", "erased"]


def test_what_waits_for_a_message_that_was_erased_goes_too(store, book):
    """Feedback that came before its message, by another name of it, is gone with it."""
    payload = exchange([user("hi")], name=new_id())
    feedback(book, note(messageId="never", details="stays"))
    book.take(payload)
    feedback(book, note(messageId=decode(payload).id, tenant="another", details="another tenant's"))
    erase_all(store, book)

    assert book.column("SELECT json_extract(body, '$.details') FROM annotation") == ["stays", "another tenant's"]


MEANT = {
    "user": ({"users": ("ada",)}, {"c-1", "c-2"}),
    "users": ({"users": ("ada", "bob")}, {"c-1", "c-2", "c-3"}),
    "id": ({"ids": ("c-2", "never")}, {"c-2"}),
    "age": ({"before": NOW + 5000}, {"c-1", "c-3"}),
    "user and age": ({"users": ("ada",), "before": NOW + 5000}, {"c-1"}),
    "user and id": ({"users": ("ada",), "ids": ("c-2", "c-3")}, {"c-2"}),
    "nobody": ({"users": ("eve",)}, set()),
    "a pattern": ({"users": ("%",)}, set()),
    "hostile": ({"users": ("' OR 1=1 --", "[", "ад" * 5000)}, set()),
}


@pytest.mark.parametrize("name", MEANT)
def test_what_is_meant(store, book, name):
    """Filters of one kind widen, kinds narrow each other; what is told before is what goes."""
    meant, expected = MEANT[name]
    for chat, who, started in (("c-1", "ada", NOW), ("c-2", "ada", NOW + 10_000), ("c-3", "bob", NOW)):
        book.take(exchange([user("hi")], started=started, **named(chat, who)), started)

    assert {row["id"] for row in conversations(store, Meant(**meant))} == expected
    assert erase(store, NOW + 20_000, **meant).erased.keys() == expected
    assert book.all().keys() == {"c-1", "c-2", "c-3"} - expected


def test_late_exchanges_of_a_user_and_of_an_age(store, book):
    """What comes late of an erased user, or of an erased time, is not recorded; what is of a living chat is."""
    book.take(exchange([user("hi")], started=NOW + 5000, **named("c-9", "bob")), NOW + 5000)
    erase(store, NOW + 10_000, users=("ada",))
    erase(store, NOW + 10_000, before=NOW + 1000)

    assert book.take(exchange([user("x")], started=NOW + 9000, **named("c-1", "ada"))).outcome == "erased"
    assert book.take(exchange([user("x")], started=NOW + 11_000, **named("c-1", "ada"))).outcome == "recorded"
    assert book.take(exchange([user("y")], started=NOW + 500, **named("c-2", "bob"))).outcome == "erased"
    assert book.take(exchange([user("more")], started=NOW + 500, **named("c-9", "bob"))).outcome == "recorded"


def test_records_that_nothing_could_be_made_of(store, book):
    """Of those the erased user's and chat's go, and the ones that nobody can read; others' stay."""
    talk(book, **named("c-1", "ada"))
    payloads = [
        exchange([user("secret")], **named("", "ada")), exchange([user("secret")], **named("c-1", "x")), b"garbage",
        exchange([*TALK, assistant("more secrets"), user("next")], **named("c-1", "ada")),
        exchange([user("mine")], **named("", "bob")), exchange([user("theirs")], key="sk-other"),
    ]  # fmt: skip
    store.take([SetAside(f"e-{n}", "broken", one) for n, one in enumerate(payloads)], "journal", Position(0, 0), NOW)
    erasing = erase(store, users=("ada",))
    assert book.column("SELECT id FROM failed_exchange") == ["e-1", "e-4", "e-5"]
    assert erasing.counts["records"] == 3
    again = [SetAside("e-0", "broken", payloads[0]), SetAside("e-9", "broken", b"")]
    outcomes = store.take(again, "journal", Position(0, 0), NOW)
    assert [one.outcome for one in outcomes] == ["erased", "set_aside"]

    erase(store, before=NOW + 1)
    assert book.column("SELECT id FROM failed_exchange") == []


async def test_a_sink_is_asked_to_delete(store, book, clock):
    """What a sink has is deleted there, feedback too; what it never had is not asked for; nothing is left of the asking."""
    office = Office(store, clock, Deleting())
    payload, _ = talk(book, **named("c/1 ü"))
    await office.deliver()
    thumb = note(messageId=decode(payload).id)
    feedback(book, thumb)
    await office.deliver()
    book.take(exchange([user("unsent")], **named("c-2")))
    clock.now += 2000
    erasing = erase(store, clock(), (ANALYTICS,), before=clock())

    assert erasing.counts["queued"] == 2
    await office.deliver()
    assert sorted(path for path, _ in office.client.deleted) == [
        "/conversations/c%2F1%20%C3%BC", f"/feedback/{decode(thumb).id}"
    ]  # fmt: skip
    assert [rev >= NOW for _, rev in office.client.deleted] == [True, True]
    assert [book.column(f"SELECT count(*) FROM {name}") for name in ("outbox", "deletion")] == [[0], [0]]


async def test_no_id_is_left_once_the_sink_has_deleted(store, book, clock, tmp_path):
    """An id is kept until the sink has deleted it; then the file is scrubbed of it by the next tidying."""
    office = Office(store, clock, Deleting())
    talk(book, **named("chat-of-ada"))
    await office.deliver()
    erase(store, clock(), (ANALYTICS,), ids=("chat-of-ada",))
    store.scrub()
    assert b"chat-of-ada" in (tmp_path / "teelog.db").read_bytes()
    await office.deliver()
    assert store.scrub_is_due

    turns = []

    async def sleep(seconds):
        turns.append(seconds)
        if len(turns) > 1:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await keep_tidy(store, Conversation(), Privacy(), clock=clock, sleep=sleep)
    assert not any(b"chat-of-ada" in path.read_bytes() for path in tmp_path.iterdir())
    assert not store.scrub_is_due


async def test_a_post_in_doubt_is_deleted_twice(store, book, clock):
    """Where a POST may still be applied, the sink is asked again once that is over."""

    def fail(path, body):
        raise TimeoutError

    sink = Deleting(fail)
    office = Office(store, clock, sink)
    talk(book, **named("c-1"))
    await office.deliver()
    sink.answer = lambda path, body: None
    erase(store, clock(), (ANALYTICS,), ids=("c-1",))
    await office.deliver_all()
    assert [path for path, _ in sink.deleted] == ["/conversations/c-1"] * 2
    assert clock() >= NOW + 60_000
    assert book.column("SELECT count(*) FROM outbox") == [0]


async def test_a_lease_that_is_on_its_way_ends_in_nothing(store, book, clock):
    """What is being sent while it is erased leaves no row, however it ends, and the sink is asked to delete it."""
    talk(book, **named("c-1"))
    (lease,) = await store.lease(ANALYTICS, clock(), clock() + 1000, 9)
    parcel = await store.parcel(lease)
    erase(store, clock(), (ANALYTICS,), ids=("c-1",))
    await store.ack(lease, parcel.rev, clock())
    await store.postpone(lease, clock(), "too late", clock())
    assert await store.bury(lease, parcel.rev, "refused", "too late", clock()) is False

    assert book.column("SELECT kind || state FROM outbox") == ["deletionready"]
    assert contents(orjson.loads(parcel.body)) == [
        "my secret question",
        "a secret answer",
        "and another",
        "more secrets",
    ]


async def test_an_unknown_id_is_asked_for_all_the_same(store, book, clock):
    """A conversation that teelog has forgotten long ago may still be at the sink: its id is enough."""
    office = Office(store, clock, Deleting())
    erasing = erase(store, clock(), (ANALYTICS,), ids=("long-ago",))
    await office.deliver()

    assert (erasing.erased, erasing.counts["queued"]) == ({}, 1)
    assert [path for path, _ in office.client.deleted] == ["/conversations/long-ago"]


def test_what_was_freed_can_be_erased(store, book):
    """A conversation whose words were taken out long ago is erased as well, and stays so."""
    payloads = talk(book, **named("c-1"))
    store.write(lambda tx: [tx.run("mark_freed", key=1, freed=1), tx.run("free_standing", key=1)])

    assert erase(store, ids=("c-1",)).counts["conversations"] == 1
    assert [book.take(one).outcome for one in payloads] == ["erased", "erased"]


def test_marks_name_nobody(store, book, tmp_path):
    """After an erasure and a scrub no byte of the file is of what was erased: neither words nor ids."""
    talk(book, **named("chat-of-ada", "ada@example.com"))
    book.take(exchange([says("user", "mine")], **named("c-2", "bob")))
    assert erase(store, users=("ada@example.com",)).erased
    store.scrub()
    files = [path.read_bytes() for path in tmp_path.iterdir()]

    for words in (b"secret", b"chat-of-ada", b"ada@example.com", b"and another"):
        assert not any(words in one for one in files)
    assert any(b"mine" in one for one in files)


def test_a_damaged_note_is_searched(store, book):
    """Of feedback that cannot be read any more what is left of it tells whose it is."""
    for who in ("ada", "bob"):
        feedback(book, note(messageId=f"never {who}", details="words", userProperties={"userId": who}))
    store.write(lambda tx: tx._connection.execute("UPDATE annotation SET body = substr(body, 2)"))

    assert erase(store, users=("ada",)).counts["feedback"] == 1
    assert book.column("SELECT about FROM annotation") == ["never bob"]


REFUSED = {
    "nothing": ({}, "erase what?"), "an empty name": ({"users": [""]}, "users"), "no list": ({"ids": "c-1"}, "ids"),
    "a number": ({"users": [1]}, "users"), "a zero": ({"users": ["ada\0"]}, "users"),
    "half a character": ({"ids": ["\udcff"]}, "ids"),
    "the future": ({"before": NOW + 1}, "before"), "a word": ({"before": "today"}, "before"),
    "something else": ({"user": ["ada"]}, "there is no filter user"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_asked(name):
    """What is no name, no past time, or nothing at all is refused in words."""
    given, said = REFUSED[name]
    with pytest.raises(CommandRefused, match=said.replace("?", "[?]")):
        Meant.read(given, NOW)


def test_what_can_be_asked(store, book):
    """Names of any script and length are taken, and each conversation is told with its times."""
    talk(book, **named("c-1", "ада"))
    meant = Meant.read({"users": ["ада", "a\nb\xa0c", "x" * 100_000, "' OR 1=1"], "before": NOW}, NOW)
    assert list(conversations(store, meant)) == []
    (row,) = conversations(store, Meant.read({"users": ["ада"]}, NOW))

    assert line(row) == {
        "conversation": "c-1", "messages": 4, "since": time_text(NOW), "last": time_text(NOW + 510)
    }  # fmt: skip
