"""The life of an outbox row, and how far the journal has been read."""

import orjson
import pytest

from proxy.errors import DatabaseError
from proxy.journal.reader import Position
from proxy.outbox.reading import Passed, SetAside
from proxy.outbox.store import ANALYTICS, Store

from ..fakes import NOW
from .scenes import SECRET, assistant, exchange, note, read, user

LATER = NOW + 60_000
HI = [user("hi")]
NAMED = [("x-teelog-conversation-id", "chat")]


def take(store, *payloads, now=NOW):
    return store.take([read(payload) for payload in payloads], "journal", Position(0, 0), now)


async def lease(store, now=NOW, until=LATER, limit=10):
    return await store.lease(ANALYTICS, now, until, limit)


async def sink(store, now=NOW):
    return (await store.status(now))["sinks"][ANALYTICS]


async def messages_in(store, lease):
    parcel = await store.parcel(lease)
    return parcel.rev, [message["content"] for message in orjson.loads(parcel.body)["messages"]]


def talk(store, turns, now=NOW, first=0):
    """A named conversation of so many turns; every turn a rev of its own."""
    for turn in range(first, first + turns):
        take(store, exchange([user(f"q{turn}")], f"a{turn}", headers=NAMED), now=now)


async def test_a_new_rev_is_due_at_once(store):
    """A recorded exchange makes its conversation due, once."""
    talk(store, 1)

    (row,) = await lease(store)
    assert (row.kind, row.wanted_rev, row.tries) == ("conversation", NOW, 1)
    assert await lease(store) == []


async def test_many_turns_are_one_post(store):
    """Turns that come before the first is sent go out together, in their newest rev."""
    talk(store, 50)

    (row,) = await lease(store)
    rev, contents = await messages_in(store, row)
    assert rev == NOW + 49
    assert len(contents) == 100
    await store.ack(row, rev, NOW)
    assert await lease(store) == []


async def test_a_turn_while_one_is_sent(store):
    """A turn that is recorded while an older rev is on its way goes out after it, never at the same time."""
    talk(store, 1)
    (row,) = await lease(store)
    rev, _ = await messages_in(store, row)
    talk(store, 1)

    assert await lease(store) == []
    await store.ack(row, rev, NOW)
    (again,) = await lease(store)
    assert again.wanted_rev == NOW + 1
    await store.ack(again, again.wanted_rev, NOW)
    assert await lease(store) == []


async def test_what_is_rendered_is_the_newest(store):
    """The body is made when it is sent, with all that was recorded by then; its ack covers all of it."""
    talk(store, 1)
    (row,) = await lease(store)
    talk(store, 1, first=1)

    rev, contents = await messages_in(store, row)
    assert contents == ["q0", "a0", "q1", "a1"]
    await store.ack(row, rev, NOW)
    assert await lease(store) == []


async def test_what_is_due_longest_goes_first(store):
    """Of more rows than may be leased those that became due first are."""
    for number in range(4):
        take(store, exchange([user(f"{number}")]), now=NOW + 10 - number)

    rows = await lease(store, now=NOW + 10, limit=2)
    assert {row.wanted_rev for row in rows} == {NOW + 7, NOW + 8}


async def test_postponed(store):
    """A postponed row is not due before its time; the first failure and the last error are kept."""
    talk(store, 1)
    (row,) = await lease(store)
    await store.postpone(row, NOW + 5000, "down", NOW)

    assert await lease(store, now=NOW + 4999) == []
    assert await store.next_due(ANALYTICS) == NOW + 5000
    assert (await sink(store))["last_error"] == "down"
    (again,) = await lease(store, now=NOW + 5000)
    assert again.tries == 2


async def test_a_new_turn_does_not_shorten_the_wait(store):
    """A row that waits after a failure goes on waiting when its conversation goes on."""
    talk(store, 1)
    (row,) = await lease(store)
    await store.postpone(row, NOW + 5000, "down", NOW)
    talk(store, 1)

    assert await store.next_due(ANALYTICS) == NOW + 5000


async def test_success_forgets_failures(store):
    """After a success the next failure is a first one again, and no error is shown."""
    talk(store, 1)
    (row,) = await lease(store)
    await store.postpone(row, NOW, "down", NOW)
    (row,) = await lease(store)
    await store.ack(row, row.wanted_rev, NOW)
    talk(store, 1)

    (row,) = await lease(store)
    assert row.tries == 1
    assert (await sink(store))["last_error"] is None


# ── leases ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_lease_whose_holder_is_gone_ends(store):
    """A lease that has run out may be taken by another."""
    talk(store, 1)
    (gone,) = await lease(store, until=NOW + 1000)

    assert await lease(store, now=NOW + 999) == []
    (other,) = await lease(store, now=NOW + 1000)
    assert other.token == gone.token + 1


async def test_a_lease_that_was_lost_changes_nothing(store):
    """Who slept past his lease can neither acknowledge, postpone nor bury the row that another holds now."""
    talk(store, 1)
    (lost,) = await lease(store, until=NOW + 1000)
    (held,) = await lease(store, now=NOW + 1000)
    await store.ack(lost, lost.wanted_rev, NOW)
    await store.postpone(lost, NOW, "late", NOW)
    await store.bury(lost, lost.wanted_rev, "refused", "late", NOW)

    told = await sink(store)
    assert (told["depth"], told["failing"], told["dead"], told["last_error"]) == (1, 0, {}, None)
    await store.ack(held, held.wanted_rev, NOW)
    assert (await sink(store))["depth"] == 0


async def test_an_ack_that_comes_late_to_a_lease_that_nobody_took(store):
    """A success that is reported after the lease ran out counts, as long as nobody else has begun."""
    talk(store, 1)
    (row,) = await lease(store, until=NOW + 1000)
    await lease(store, now=NOW + 1000, limit=0)  # ends the lease, takes nothing
    await store.ack(row, row.wanted_rev, NOW + 2000)

    assert await lease(store, now=NOW + 3000) == []


async def test_a_start_takes_over_all_leases(store):
    """Leases of a process that died are due again at the next start, not only when they run out."""
    talk(store, 1)
    await lease(store)

    assert await store.take_over(ANALYTICS, NOW) == 1
    assert len(await lease(store)) == 1


async def test_every_prompt_of_a_legacy_completion_is_due(store):
    """Each prompt of one request is a conversation of its own that is to be sent; said again, nothing is doubled."""
    body = b'{"choices":[{"index":0,"text":"A","finish_reason":"stop"},{"index":1,"text":"B","finish_reason":"stop"}]}'
    one = exchange([], target="/v1/completions", prompt=["a", "b"], body=body)
    take(store, one, one)
    leases = await lease(store)

    assert [(await messages_in(store, each))[1] for each in leases] == [["a", "A"], ["b", "B"]]


async def test_an_old_ack_never_lowers_what_was_sent(store):
    """What the sink has only grows, in whatever order acknowledgements are put on file."""
    talk(store, 2)
    (row,) = await lease(store)
    await store.ack(row, NOW + 1, NOW)
    await store.ack(row, NOW, NOW)

    assert await lease(store) == []


async def test_a_sink_that_has_lost_what_it_had(store):
    """Everything that was sent is due again, and nothing else changes."""
    talk(store, 1)
    (row,) = await lease(store)
    await store.ack(row, row.wanted_rev, NOW)

    assert await lease(store) == []
    assert await store.send_again("analytics", NOW) == 1
    (again,) = await lease(store)
    assert (again.item, again.wanted_rev) == (row.item, row.wanted_rev)
    assert await store.send_again("analytics", NOW) == 0


# ── dead letters ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_buried(store):
    """A buried row is not sent again, and is told with its reason and error."""
    talk(store, 1)
    (row,) = await lease(store)
    await store.bury(row, row.wanted_rev, "refused", "400 no", NOW)

    assert await lease(store, now=LATER) == []
    told = await sink(store)
    assert (told["depth"], told["dead"], told["last_error"]) == (0, {"refused": 1}, "400 no")


async def test_a_refused_rev_does_not_bury_a_newer_one(store):
    """When a newer rev was recorded while an older one was refused, the newer one is tried."""
    talk(store, 1)
    (row,) = await lease(store)
    talk(store, 1)
    await store.bury(row, row.wanted_rev, "refused", "400 no", NOW)

    assert [again.wanted_rev for again in await lease(store)] == [NOW + 1]


async def test_a_buried_conversation_that_goes_on_is_tried_again(store):
    """A new turn of a buried conversation is sent, as if nothing had failed before."""
    talk(store, 1)
    (row,) = await lease(store)
    await store.bury(row, row.wanted_rev, "refused", "400 no", NOW)
    talk(store, 1)

    (again,) = await lease(store)
    assert again.tries == 1
    assert (await sink(store))["dead"] == {}


async def test_what_has_failed_for_too_long_is_buried(store):
    """A row whose first failure is too long ago is set aside; one that only waits its turn is not."""
    talk(store, 1)
    take(store, exchange(HI))
    (row, _) = await lease(store)
    await store.postpone(row, NOW, "down", NOW)
    await store.take_over(ANALYTICS, NOW)

    assert await store.bury_old(ANALYTICS, NOW) == 0
    assert await store.bury_old(ANALYTICS, NOW + 1) == 1
    assert (await sink(store))["dead"] == {"too old": 1}
    assert len(await lease(store)) == 1


# ── position, counters, status ──────────────────────────────────────────────────────────────────────────────────────


def test_the_position_moves_with_what_was_made_of_the_records(store):
    """What was made of records and how far they were read is stored together or not at all."""
    store.take([read(exchange(HI))], "journal", Position(3, 70), NOW)
    assert store.position("journal") == (Position(3, 70), 0)

    with pytest.raises(DatabaseError):
        store.take([read(exchange(HI)), SetAside("", None, b"x")], "journal", Position(3, 140), NOW)
    assert store.position("journal") == (Position(3, 70), 0)
    assert store.position("pipe") == (Position(0, 0), 0)


def test_tries_are_kept_until_the_position_moves(store):
    """An attempt that was begun is known after a restart, until the record is done with."""
    store.move("journal", Position(3, 70), tries=2)
    assert store.position("journal") == (Position(3, 70), 2)

    store.take([], "journal", Position(3, 140), NOW)
    assert store.position("journal") == (Position(3, 140), 0)


async def test_everything_is_counted(store):
    """Every record is counted by what became of it."""
    seen = exchange(HI)
    take(store, exchange(HI), seen, seen, note(messageId="e-1"), exchange(HI, status=503, body=b"{}"))
    store.take([SetAside("e-9", "torn", b"\x00"), Passed("not_rebuilt")], "journal", Position(0, 0), NOW)

    assert (await store.status(NOW))["counters"] == {
        "recorded": 2, "seen": 1, "feedback": 1, "refused": 1, "set_aside": 1, "not_rebuilt": 1,
    }  # fmt: skip


async def test_what_became_of_deliveries_is_counted(store):
    """Postponements and what was set aside are counted; a lease that was lost counts for nothing."""
    talk(store, 1)
    (lost,) = await lease(store)
    await store.take_over(ANALYTICS, NOW)
    (row,) = await lease(store)
    await store.postpone(lost, NOW, "late", NOW)
    await store.postpone(row, NOW, "down", NOW)
    (row,) = await lease(store)
    await store.bury(row, row.wanted_rev, "refused", "400 no", NOW)
    counters = (await store.status(NOW))["counters"]

    assert (counters["postponed"], counters["buried"], counters.get("delivered")) == (1, 1, None)


async def test_status_of_a_sink(store):
    """A sink's status tells how much it lacks, and for how long it has lacked the oldest of it."""
    talk(store, 1, now=NOW)
    take(store, exchange(HI), now=NOW + 2000)
    take(store, note(messageId="nobody"))
    await lease(store, now=NOW, limit=1)

    told = await sink(store, NOW + 5000)
    assert told.pop("bytes") > 0
    assert told == {
        "depth": 2, "failing": 0, "waiting": 1, "oldest_seconds": 5.0, "dead": {}, "dead_bytes": 0,
        "dead_oldest_seconds": 0.0, "last_error": None, "last_error_at": None,
    }  # fmt: skip


async def test_two_sinks_are_served_apart(tmp_path):
    """Every sink has its own rows: one that is down keeps nothing from the other."""
    store = Store(tmp_path / "two.db", secret=SECRET, sinks=("one", "two"))
    take(store, exchange(HI))
    (row,) = await store.lease("one", NOW, LATER, 10)
    await store.ack(row, row.wanted_rev, NOW)
    sinks = (await store.status(NOW))["sinks"]
    store.close()

    assert (sinks["one"]["depth"], sinks["two"]["depth"]) == (0, 1)


async def test_a_delivered_body(store):
    """A parcel is a conversation in the Analytics format, with its rev in the properties."""
    take(store, exchange([*HI, assistant("Hello"), user("?")], "Yes", headers=NAMED))

    (row,) = await lease(store)
    parcel = await store.parcel(row)
    body = orjson.loads(parcel.body)
    assert (parcel.path, body["id"], body["type"]) == ("/conversations", "chat", "openai")
    assert body["properties"]["teelogRev"] == parcel.rev == NOW
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user", "assistant"]
    assert body["createdAt"] == "2023-11-14T22:13:20.000Z"
