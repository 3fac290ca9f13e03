"""The schema's way forward, and the search index when a file has to be mended."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest

from proxy.analytics import sessions
from proxy.analytics.store import FUNCTIONS, Store, definitions, open_database
from proxy.core.among import PARAMETERS, read_among
from proxy.core.session_filter import Page, read_sessions
from proxy.core.wire import read_conversation
from proxy.db.mend import doubt, mend
from proxy.db.sqlite import Database

PAGE = 4096


async def found(store, word):
    asked, _ = read_sessions([("q", word)], limit=1, highest=1)
    return [line["id"] for line in (await store.sessions(asked, Page(1000))).lines]


def before_search(path):
    """A file of the schema before there was a search, with two conversations."""
    Database(path, queries={}, migrations=definitions()[1][:3]).close()
    with closing(sqlite3.connect(path)) as file:
        for name in ("c1", "c2"):
            file.execute(
                "INSERT INTO conversation (id, type, user_properties, created_at, updated_at, first_message_time, "
                "user_message_count, question, interrupted) VALUES (?, 'openai', '{\"userId\":\"u\"}', 1, 1, 1, 1, 'q', 0)",
                (name,),
            )
        said = (("c2", 0, "apple 退款"), ("c1", 0, "apple"), ("c2", 1, "pear"), ("c1", None, "plum"), ("c1", 1, None))
        for place, (name, at, text) in enumerate(said):
            file.execute(
                "INSERT INTO message (conversation, id, place, id_given, role, text, created_at, updated_at) "
                "VALUES (?, ?, ?, 1, 'user', ?, 1, 1)",
                (name, f"m{place}", at, text),
            )
        file.execute(
            "INSERT INTO feedback VALUES ('f', 'positive', 'm0', 'c2', null, null, null, null, null, null, 1, 1)"
        )
        file.commit()


async def test_an_older_file_is_brought_forward(tmp_path):
    """What was logged before there was a search is found by it, reads as it did, and goes on."""
    before_search(tmp_path / "it.db")
    database = open_database(tmp_path / "it.db")
    try:
        store = Store(database)

        assert await found(store, "apple") == ["c1", "c2"]
        assert await found(store, "退款") == await found(store, "pear") == ["c2"]
        assert await found(store, "plum") == []
        assert [one["content"] for one in (await store.conversation("c2"))["messages"]] == ["apple 退款", "pear"]
        assert (await store.feedback("f"))["message"]["content"] == "apple 退款"

        said = [{"id": "m0", "role": "user", "content": "quince"}]
        await store.log_conversation(read_conversation({"type": "openai", "id": "c2", "messages": said}))
        await store.log_conversation(read_conversation({"type": "openai", "id": "c3", "messages": said}))

        assert await found(store, "quince") == ["c3", "c2"]
        assert await found(store, "apple") == ["c1"]
    finally:
        database.close()


async def test_a_mended_file_has_a_search_index_of_what_was_saved(tmp_path):
    """The index is made anew from the rows that could be read, and goes on with them."""
    path = tmp_path / "it.db"
    database = open_database(path)
    store = Store(database)
    for number in range(300):
        said = [{"role": "user", "content": f"apple number{number} {'x' * 500}"}]
        await store.log_conversation(read_conversation({"type": "openai", "id": f"c{number}", "messages": said}))
    database.close()
    data = bytearray(path.read_bytes())
    middle = len(data) // PAGE // 2 * PAGE
    data[middle : middle + PAGE] = b"\xaa" * PAGE
    path.write_bytes(data)
    doubt(path)

    told = mend(path, definitions()[1], "now", FUNCTIONS)

    assert told is not None
    database = open_database(path)
    try:
        store = Store(database)
        kept = await found(store, "apple")
        assert 250 < len(kept) <= 300
        assert await found(store, "number7") == ["c7"]
        for name in kept:
            await store.delete_conversation(name)
        assert await found(store, "apple") == []
    finally:
        database.close()


PLANS = {
    "conversation_held": {},
    "conversation_by_user": {"user": "u"},
    "conversation_by_model": {"model": "m"},
    "conversation_interrupted": {"interrupted": "true"},
    "USING INDEX session_by_number": {"q": "word"},
    "(trait=?)": {"tag": "t"},
    "SEARCH t USING PRIMARY KEY": {"property": "p=v"},
    "session_liked_list": {"feedback": "positive"},
    "session_disliked_list": {"feedback": "negative"},
    "session_judged_list": {"feedback": "any"},
    "session_unhelped_list": {"failed": "any"},
    "session_refused_list": {"failed": "refused"},
    "session_cut_list": {"failed": "interrupted"},
    "session_regenerated_list": {"failed": "regenerated"},
    "session_again_list": {"again": "true"},
    "session_endpoint_list": {"endpoint": "chat"},
    "session_question_list": {"asked": "5"},
}


@pytest.mark.parametrize(("index", "given"), PLANS.items(), ids=PLANS)
async def test_lists_use_their_indexes(database, store, index, given):
    """A list by whatever can be asked is read off an index that has its order; a search looks up what it found."""
    plain = [(name, value) for name, value in given.items() if name not in PARAMETERS]
    asked, page = read_sessions(plain, limit=20, highest=20)
    asked = replace(asked, side=False, among=read_among(given))
    said = [{"role": "user", "content": "word"}]
    await store.log_conversation(read_conversation({"type": "openai", "id": "c", "messages": said}))
    plans = []

    class Planning:
        """A transaction that tells how SQLite would answer instead."""

        def __init__(self, tx):
            self.tx, self.within, self.all = tx, tx.within, tx.all

        def ask(self, text, values):
            plans.append(" / ".join(row["detail"] for row in self.tx.ask(f"EXPLAIN QUERY PLAN {text}", values)))
            return self.tx.ask(text, values)

    database.read(lambda tx: sessions.lines(Planning(tx), asked, page))

    assert any(index in plan for plan in plans)
    assert "q" in given or not any("TEMP B-TREE" in plan for plan in plans), plans
