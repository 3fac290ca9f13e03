"""An erasure from the local server's database."""

from __future__ import annotations

import pytest

from proxy.analytics.erasing import Erasing
from proxy.core.wire import read_conversation, read_event, read_feedback

from .conftest import START


async def log(store, name, user="ada", *, words="a", **properties):
    messages = [{"role": "user", "content": f"{words} of {name}", "id": f"m-{name}"}]
    told = {"type": "openai", "id": name, "messages": messages, "userProperties": {"userId": user}}
    await store.log_conversation(read_conversation(told | ({"properties": properties} if properties else {})))


def erasing(database, kept=(), **meant):
    filters = {"users": None, "ids": None, "before": None} | meant
    return Erasing(database, **filters, is_anothers=lambda ids: set(ids) & set(kept))


async def ids(store):
    return {one["id"] for one in (await store.conversations(100, 0))["conversations"]}


@pytest.fixture
async def filled(store, clock):
    """Three conversations, the last of another user and later."""
    await log(store, "c-1")
    await log(store, "c-2")
    clock.now += 1000
    await log(store, "c-3", "bob")
    return store


MEANT = {
    "user": ({"users": ["ada"]}, {"c-1", "c-2"}), "id": ({"ids": ["c-2", "c-9"]}, {"c-2"}),
    "age": ({"before": START + 1}, {"c-1", "c-2"}), "both": ({"users": ["ada", "bob"], "ids": ["c-3"]}, {"c-3"}),
    "nobody": ({"users": ["eve"]}, set()), "a number": ({"users": ["7"]}, {"c-7"}),
}  # fmt: skip


@pytest.mark.parametrize("name", MEANT)
async def test_what_is_meant_goes(filled, database, clock, name):
    """What is told before is what goes: by users, ids, age, and all of these together."""
    meant, expected = MEANT[name]
    await log(filled, "c-7", 7)
    one = erasing(database, **meant)
    assert {line["conversation"] for line in one.found()} == expected
    one.run({}, (), clock())

    assert one.counts["conversations"] == len(expected)
    assert await ids(filled) == {"c-1", "c-2", "c-3", "c-7"} - expected


async def test_what_a_teelog_decides_about_is_left_to_it(filled, database, clock):
    """A conversation that the teelog beside it holds goes only when that has erased it."""
    one = erasing(database, kept=("c-1",), users=["ada"])
    one.run({"c-3": START}, ("m-9",), clock())

    assert await ids(filled) == {"c-1"}


async def test_notes_go_too(filled, database, clock):
    """What a user has said of others' conversations goes, and what waits for an erased message."""
    for name, message, user in (("f-1", "m-3", "ada"), ("f-2", "m-3", "bob"), ("f-3", "m-9", "bob")):
        told = {
            "type": "positive",
            "messageId": message.replace("m-3", "m-c-3"),
            "id": name,
            "userProperties": {"id": user},
        }
        await filled.log_feedback(read_feedback(told))
        await filled.log_event(
            read_event({"type": "x", "id": f"e-{name}", "messageId": message, "userProperties": {"id": user}})
        )
    one = erasing(database, users=["ada"])
    one.run({}, ("m-9",), clock())
    left = database.read(lambda tx: [
        name for name in ("f-1", "f-2", "f-3") for kind in ("feedback", "event")
        if tx.one(kind, id=name if kind == "feedback" else f"e-{name}")
    ])  # fmt: skip

    assert left == ["f-2", "f-2"]


async def test_a_fork_names_its_origin_no_more(filled, database, clock):
    """A conversation that begins like an erased one stays, without the id of that."""
    await log(filled, "c-4", "bob", forkedFrom="c-1", source="teelog")
    erasing(database, ids=["c-1"]).run({}, (), clock())

    assert (await filled.conversation("c-4"))["properties"] == {"source": "teelog"}


async def test_no_byte_is_left(filled, database, clock, tmp_path):
    """After a scrub no word and no id of what was erased is in the files, nor in the search index."""
    erasing(database, users=["ada"]).run({}, (), clock())
    database.scrub()
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())

    assert b"of c-3" in files
    assert not any(word in files for word in (b"of c-1", b"of c-2", b"m-c-1", b"ada"))


async def test_a_damaged_row_hides_no_other(filled, database, clock):
    """Rows whose JSON was damaged are passed over; those of the user go."""
    database.write(
        lambda tx: tx._connection.execute(
            "UPDATE conversation SET user_properties = 'x', properties = 'y' WHERE id = 'c-3'"
        )
    )
    one = erasing(database, users=["ada"])
    one.run({}, (), clock())

    assert one.counts["conversations"] == 2
