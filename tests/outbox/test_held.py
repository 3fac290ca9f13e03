"""What a person sees of the outbox, and does to it."""

import orjson
import pytest

from proxy.config import Conversation
from proxy.core.redact import Redactor
from proxy.errors import CommandRefused
from proxy.journal.reader import Position
from proxy.outbox import held
from proxy.outbox.commands import Commands
from proxy.outbox.reading import Reading, SetAside
from proxy.outbox.replay import replay_failed
from proxy.outbox.store import ANALYTICS

from ..fakes import NOW
from .scenes import exchange, note, read, user

READING = Reading(Conversation())


def chat(store, name, now=NOW):
    """A named conversation, recorded."""
    take(store, exchange([user(f"hi from {name}")], headers=[("x-teelog-conversation-id", name)]), now=now)


def take(store, *payloads, now=NOW):
    return store.take([read(payload) for payload in payloads], "journal", Position(0, 0), now)


def set_aside(store, payload=b"nothing", reason="it cannot be read", name="", now=NOW):
    store.take([SetAside(name, reason, payload)], "journal", Position(0, 0), now)


async def bury(store, reason="refused", error="the sink answered 400", limit=10, now=NOW):
    for row in await store.lease(ANALYTICS, now, now + 1000, limit):
        await store.bury(row, row.wanted_rev, reason, error, now)


def lines(store, **filters):
    return list(held.lines(store, held.Wanted(**filters)))


def ids(store, **filters):
    return [line["id"] for line in lines(store, **filters)]


def ask(store, verb, **filters):
    *found, done = Commands(store, READING, Redactor({}), clock=lambda: NOW).answer({"verb": verb, **filters})
    return found, done


async def scene(store):
    """One of each state: dead, due, leased, waiting, and a record that could not be read."""
    chat(store, "dead")
    await bury(store)
    chat(store, "leased", now=NOW + 1)
    await store.lease(ANALYTICS, NOW + 1, NOW + 60_000, 10)
    chat(store, "due", now=NOW + 2)
    take(store, note(name="thumb", messageId="unheard-of"), now=NOW + 3)
    set_aside(store, now=NOW + 4)


FILTERS = {
    "all": ({}, ["dead", "leased", "due", "thumb", "unread-1"]),
    "state": ({"state": "dead"}, ["dead"]),
    "state failed": ({"state": "failed"}, ["unread-1"]),
    "kind": ({"kind": "feedback"}, ["thumb"]),
    "kind exchange": ({"kind": "exchange"}, ["unread-1"]),
    "kind and state that exclude each other": ({"kind": "exchange", "state": "dead"}, []),
    "sink": ({"sink": ANALYTICS}, ["dead", "leased", "due", "thumb"]),
    "another sink": ({"sink": "elsewhere"}, []),
    "reason": ({"reason": "REFUSED"}, ["dead"]),
    "last error": ({"reason": "answered 400"}, ["dead"]),
    "reason of a record": ({"reason": "cannot be"}, ["unread-1"]),
    "older": ({"before": NOW + 2}, ["dead", "leased"]),
    "id": ({"ids": ("due", "unread-1", "never")}, ["due", "unread-1"]),
    "limit": ({"limit": 2}, ["dead", "leased"]),
    "a limit over both tables": ({"limit": 5}, ["dead", "leased", "due", "thumb", "unread-1"]),
}


@pytest.mark.parametrize("name", FILTERS)
async def test_filters(store, name):
    """What is listed fits every filter, the outbox first, records that could not be read last."""
    await scene(store)
    filters, expected = FILTERS[name]

    assert ids(store, **filters) == expected
    if "limit" not in filters:
        assert sum(held.totals(store, held.Wanted(**filters)).values()) == len(expected)


async def test_a_line_has_what_one_asks_for_and_no_body(store):
    """A line says id, kind, state, tries, times, errors and size; nothing of what was said."""
    await scene(store)

    dead, *_, record = lines(store)
    assert dead == {
        "id": "dead", "kind": "conversation", "state": "dead", "sink": ANALYTICS, "tries": 1,
        "since": "2023-11-14T22:13:20.000Z", "due": None, "last_error": "the sink answered 400",
        "dead_reason": "refused", "bytes": dead["bytes"],
    }  # fmt: skip
    assert 50 < dead["bytes"] < 1000
    assert record == {
        "id": "unread-1", "kind": "exchange", "state": "failed", "since": "2023-11-14T22:13:20.004Z",
        "reason": "it cannot be read", "bytes": 7,
    }  # fmt: skip
    assert "hi from" not in orjson.dumps(lines(store)).decode()


async def test_pages_are_put_together(store, monkeypatch):
    """More lines than one transaction looks at come all the same, each once."""
    for number in range(2 * held.STEP + 3):
        chat(store, f"c{number}", now=NOW + number)

    assert ids(store) == [f"c{number}" for number in range(2 * held.STEP + 3)]
    assert len(ids(store, limit=held.STEP + 1)) == held.STEP + 1


async def test_the_sum_counts_what_the_limit_hides(store):
    """The sum says how many match, by state, and how many of them are shown."""
    await scene(store)

    _, done = ask(store, "list", limit=1)
    assert done == {
        "matched": 5, "shown": 1, "by_state": {"waiting": 1, "ready": 1, "leased": 1, "dead": 1, "failed": 1}
    }  # fmt: skip


# ── show ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_show_has_all_of_a_row(store):
    """A row is shown with its revs, its times and what would be sent."""
    chat(store, "one")
    await bury(store)

    (shown,), done = ask(store, "show", ids=["one"])
    assert (shown["wanted_rev"], shown["sent_rev"], shown["last_failed_at"]) == (NOW, 0, "2023-11-14T22:13:20.000Z")
    assert [message["content"] for message in shown["body"]["messages"]] == ["hi from one", "Hello"]
    assert done == {"matched": 1, "shown": 1}


async def test_show_finds_what_has_been_delivered(store):
    """What the sink has is shown by its id, though no list has it."""
    chat(store, "one")
    (row,) = await store.lease(ANALYTICS, NOW, NOW + 1000, 1)
    await store.ack(row, row.wanted_rev, NOW)

    (shown,), _ = ask(store, "show", ids=["one"])
    assert shown["state"] == "sent"
    assert ids(store) == []


async def test_show_tells_what_a_record_was(store):
    """A record that could not be read is shown with its request and answer, as far as they can be told."""
    payload = exchange([user("what I asked")], "what it said", name="e-1")
    set_aside(store, payload, name="e-1")
    set_aside(store, b"garbage")

    (shown, bare), _ = ask(store, "show", ids=["e-1", "unread-2"])
    assert "what I asked" in shown["request"]
    assert "what it said" in shown["answer"]
    assert (shown["target"], shown["status"]) == ("/v1/chat/completions", 200)
    assert "request" not in bare


async def test_show_shows_no_secret(store):
    """A credential that somebody quoted is not shown, in a conversation or in a record."""
    secret = "sk-" + "Ab3dEf6h" * 5
    take(store, exchange([user(f"my key is {secret}")], headers=[("x-teelog-conversation-id", "one")]))
    set_aside(store, exchange([user(f"my key is {secret}")]), name="e-1")

    shown, _ = ask(store, "show", ids=["one", "e-1"])
    assert len(shown) == 2
    assert secret not in orjson.dumps(shown).decode()


# ── retry ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_retry_makes_dead_rows_due_now(store):
    """Dead rows that are meant are due at once, as new; others are left as they are."""
    chat(store, "a")
    chat(store, "b")
    await bury(store)

    _, done = ask(store, "retry", ids=["a"])
    assert done == {"matched": 1, "retried": 1, "recorded": 0, "failed_again": 0}
    (row,) = await store.lease(ANALYTICS, NOW, NOW + 1000, 10)
    assert row.tries == 1
    assert ids(store, state="dead") == ["b"]


async def test_a_retry_sends_the_newest_rev(store):
    """What a retry sends is the conversation as it stands now."""
    chat(store, "a")
    await bury(store)
    ask(store, "retry")

    (row,) = await store.lease(ANALYTICS, NOW, NOW + 1000, 10)
    parcel = await store.parcel(row)
    assert parcel.rev == row.wanted_rev == NOW


async def test_an_annotation_without_its_message_waits_anew(store):
    """Feedback that was buried since its message never came waits for it again, and goes once it has come."""
    take(store, note(name="thumb", messageId="chatcmpl-late"))
    await store.bury_old(ANALYTICS, NOW + 1)
    ask(store, "retry")
    assert [line["state"] for line in lines(store)] == ["waiting"]

    take(store, exchange([user("hi")], completion_id="chatcmpl-late"))
    (row,) = await store.lease(ANALYTICS, NOW, NOW + 1000, 10)
    await store.ack(row, row.wanted_rev, NOW)
    (row,) = await store.lease(ANALYTICS, NOW, NOW + 1000, 10)
    assert row.kind == "feedback"


async def test_a_record_that_can_now_be_read_is_recorded(store):
    """A failed record is read again: it becomes part of its conversation, and is no longer listed."""
    set_aside(store, exchange([user("hi")], "Hello", headers=[("x-teelog-conversation-id", "one")]), name="e-1")

    _, done = ask(store, "retry", state="failed")
    assert done == {"matched": 1, "retried": 0, "recorded": 1, "failed_again": 0}
    assert [(line["id"], line["state"]) for line in lines(store)] == [("one", "ready")]


async def test_a_record_that_fails_again_stays(store):
    """A record that still cannot be read stays, once, with the newest reason."""
    set_aside(store, b"garbage", reason="an old reason")

    _, done = ask(store, "retry")
    assert done == {"matched": 1, "retried": 0, "recorded": 0, "failed_again": 1}
    (line,) = lines(store)
    assert line["reason"].startswith("journal record cannot be read")


async def test_a_record_that_was_not_kept_keeps_its_reason(store):
    """Where only the reason was kept of a record, there is nothing to read again, and the reason stays."""
    set_aside(store, b"", reason="a body that is no JSON")

    assert ask(store, "retry")[1]["failed_again"] == 1
    assert [line["reason"] for line in lines(store)] == ["a body that is no JSON"]


class Deadly(Reading):
    """A reading with a fault of its own."""

    def read(self, payload):
        raise ZeroDivisionError


async def test_a_record_that_raises_does_not_stop_the_others(store):
    """A fault of ours leaves the record where it is, with the place of the fault as its reason."""
    set_aside(store, b"a")
    set_aside(store, b"b")

    assert replay_failed(store, Deadly(Conversation()), [1, 2, 3], NOW) == (0, 2)
    assert all(line["reason"].startswith("ZeroDivisionError in read") for line in lines(store))


async def test_a_retry_wakes_the_courier(store):
    """Whoever delivers is told that something is due."""
    woken = []
    commands = Commands(store, READING, Redactor({}), lambda: woken.append(True))
    list(commands.answer({"verb": "retry"}))

    assert woken


# ── drop ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_drop_gives_up_all_but_what_is_being_sent(store):
    """What is dropped is listed no more, and is counted; a row that is being sent is left, and that is said."""
    await scene(store)

    _, done = ask(store, "drop")
    assert done == {"matched": 5, "dropped": 4, "left": 1}
    assert ids(store) == ["leased"]
    assert (await store.status(NOW))["counters"]["dropped"] == 4


async def test_a_dropped_conversation_that_goes_on_is_sent_whole(store):
    """Dropping is about now: the next turn brings the whole conversation."""
    chat(store, "a")
    ask(store, "drop")
    assert await store.lease(ANALYTICS, NOW, NOW + 1000, 10) == []
    take(store, exchange([user("more")], "yes", headers=[("x-teelog-conversation-id", "a")]), now=NOW + 5)

    (row,) = await store.lease(ANALYTICS, NOW + 5, NOW + 1000, 10)
    body = orjson.loads((await store.parcel(row)).body)
    assert len(body["messages"]) == 4


async def test_a_limit_bounds_what_is_dropped(store):
    """Only so many are given up, the oldest first."""
    for number in range(5):
        chat(store, f"c{number}", now=NOW + number)
    set_aside(store)

    assert ask(store, "drop", limit=2)[1]["dropped"] == 2
    assert ids(store) == ["c2", "c3", "c4", "unread-1"]


# ── wrong use ───────────────────────────────────────────────────────────────────────────────────────────────────────

WRONG = {
    "no verb": {},
    "unknown verb": {"verb": "lits"},
    "unknown filter": {"verb": "list", "stat": "dead"},
    "unknown state": {"verb": "list", "state": "sent"},
    "unknown kind": {"verb": "list", "kind": "chat"},
    "ids that are none": {"verb": "drop", "ids": [1]},
    "a text for a number": {"verb": "drop", "limit": "1"},
    "show of nothing": {"verb": "show"},
}


@pytest.mark.parametrize("name", WRONG)
async def test_what_cannot_be_asked(store, name):
    """A request that is none is refused before anything is done."""
    chat(store, "a")
    with pytest.raises(CommandRefused):
        list(Commands(store, READING, Redactor({})).answer(WRONG[name]))

    assert ids(store) == ["a"]
