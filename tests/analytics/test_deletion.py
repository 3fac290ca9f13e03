"""Deleted conversations and feedback: gone, and not brought back; and what is found by an external id."""

import sqlite3
from contextlib import closing

import orjson
import pytest

from proxy.analytics.api import make_app
from proxy.analytics.store import Store, open_database
from proxy.core.wire import read_conversation, read_event, read_feedback
from proxy.errors import ApiError
from tests.sdk_rules import CONVERSATION, DELETED, faults_of, problem_faults

DAY_MS = 24 * 3600 * 1000


def chat(*contents, name="c1", **fields):
    messages = [{"role": "user", "content": content} for content in contents]
    return read_conversation({"type": "openai", "id": name, "messages": messages} | fields)


def contents(answer):
    return [message["content"] for message in answer["messages"]]


async def test_all_that_was_said_goes(store):
    """A deleted conversation takes its feedback and events with it; others stay."""
    for name in ("c1", "c2"):
        answer = await store.log_conversation(chat("a", name=name))
        await store.log_feedback(read_feedback({"type": "positive", "messageId": answer["messages"][0]["id"]}))
        await store.log_event(read_event({"type": "x", "conversationId": name, "id": f"e-{name}"}))

    await store.delete_conversation("c1")

    assert [one["id"] for one in (await store.conversations(10, 0))["conversations"]] == ["c2"]
    assert (await store.feedbacks(10, 0))["positiveFeedbackCount"] == 1
    events = await store.read(lambda tx: [tx.one("event", id=f"e-{name}") is None for name in ("c1", "c2")])
    assert events == [True, False]
    with pytest.raises(ApiError, match="no conversation"):
        await store.delete_conversation("c1")


async def test_a_late_post_does_not_bring_it_back(store):
    """A post of what was deleted is answered as if taken, and not stored."""
    first = await store.log_conversation(chat("a", "b"))
    await store.delete_conversation("c1")

    for late in (chat("a"), chat("a", "b"), chat("a", "b", properties={"source": "teelog", "teelogRev": 9})):
        answer = await store.log_conversation(late)
        assert faults_of(CONVERSATION, answer) == []
        assert answer["id"] == first["id"]

    assert (await store.conversations(10, 0))["total"] == 0


async def test_a_chat_that_goes_on_is_another(store):
    """What is said after a deletion is a conversation of its own, each time, without what was deleted."""
    await store.log_conversation(chat("a", "b"))
    await store.delete_conversation("c1")
    second = await store.log_conversation(chat("a", "b", "c"))
    again = await store.log_conversation(chat("a", "b", "c", "d"))
    await store.delete_conversation("c1~2")
    third = await store.log_conversation(chat("a", "b", "c", "d", "e"))

    assert (second["id"], contents(second)) == ("c1~2", ["c"])
    assert (again["id"], contents(again)) == ("c1~2", ["c", "d"])
    assert (third["id"], contents(third)) == ("c1~3", ["e"])
    assert (await store.conversations(10, 0))["total"] == 1


async def test_deletions_are_forgotten_with_the_rest(store, clock):
    """After the time that conversations are kept for, the id of a deleted one is forgotten, too."""
    await store.log_conversation(chat("a"))
    await store.delete_conversation("c1")
    clock.now += DAY_MS

    await store.forget_before(clock.now)

    assert (await store.log_conversation(chat("a")))["id"] == "c1"
    assert (await store.conversations(10, 0))["total"] == 1


async def test_external_ids(store, clock):
    """Of several conversations with one external id, the one last changed is found."""
    for name in ("c2", "c1"):
        await store.log_conversation(chat("a", name=name, externalId="1710.22/3"))
        clock.now += 1

    assert (await store.external_conversation("1710.22/3"))["id"] == "c1"


@pytest.mark.parametrize(
    ("key", "statuses"),
    [
        pytest.param("key-web", [403, 403, 403], id="web"),
        pytest.param("other", [401, 401, 401], id="unknown"),
        pytest.param("key-api", [200, 200, 200], id="api"),
    ],
)
async def test_over_http(client, store, key, statuses):
    """Only api keys delete and look for external ids; ids in paths are percent-encoded; what is gone is a 404."""
    answer = await store.log_conversation(chat("a", name="a/b c", externalId="x/1"))
    await store.log_feedback(read_feedback({"id": "f/1", "type": "positive", "messageId": answer["messages"][0]["id"]}))
    calls = [
        ("GET", "/conversations/external/x%2F1"),
        ("DELETE", "/feedback/f%2F1"),
        ("DELETE", "/conversations/a%2Fb%20c"),
    ]
    for (method, path), status in zip(calls, statuses, strict=True):
        answer = await client.request(method, path, headers={"Authorization": f"Bearer {key}"})
        told = orjson.loads(await answer.read())
        assert answer.status == status
        if method == "DELETE" and status == 200:
            assert faults_of(DELETED, told) == []
            assert told["success"]

    if key == "key-api":
        for method, path in calls:
            answer = await client.request(method, path, headers={"Authorization": f"Bearer {key}"})
            assert problem_faults(404, answer.content_type, orjson.loads(await answer.read())) == []
            assert answer.status == 404


async def test_web_keys_delete_when_told_to(aiohttp_client, store):
    """With `web_delete` a web key deletes a conversation whose id it knows, and still no feedback."""
    await store.log_conversation(chat("a"))
    client = await aiohttp_client(make_app(store, api_keys=["key-api"], web_keys=["key-web"], web_delete=True))
    web = {"Authorization": "Bearer key-web"}

    assert (await client.delete("/conversations/c1", headers=web)).status == 200
    assert (await client.delete("/conversations/c1", headers=web)).status == 404
    assert (await client.delete("/feedback/f1", headers=web)).status == 403


async def test_late_feedback_does_not_wait_for_what_was_deleted(store):
    """Feedback and events on a deleted message are answered as if taken, whether they waited before or come later."""
    answer = await store.log_conversation(chat("a"))
    message = answer["messages"][0]["id"]
    await store.delete_conversation("c1")
    late = await store.log_feedback(read_feedback({"type": "positive", "messageId": message, "id": "f"}))
    await store.log_event(read_event({"type": "x", "messageId": message, "id": "e-1"}))
    await store.log_event(read_event({"type": "x", "conversationId": "c1", "id": "e-2"}))
    await store.log_feedback(read_feedback({"type": "positive", "messageId": "another", "id": "g"}))

    assert late["messageId"] == message
    kept = await store.read(lambda tx: [tx.one("feedback", id="f"), *(tx.one("event", id=f"e-{n}") for n in (1, 2))])
    assert kept == [None] * 3
    assert await store.read(lambda tx: tx.one("feedback", id="g")) is not None


def told(*contents, rev, **more):
    return chat(*contents, properties={"source": "teelog", "teelogRev": rev}, **more)


async def test_no_snapshot_that_a_teelog_has_erased_is_taken(store):
    """What a teelog erased up to a rev does not come back, however long it is; and not if it comes only now."""
    await store.log_conversation(told("a", rev=5))
    await store.delete_conversation("c1", 9)
    with pytest.raises(ApiError, match="no conversation"):
        await store.delete_conversation("c2", 9)
    for late in (told("a", "b", "c", rev=9), told("a", "b", rev=6), told("a", "b", rev=9, name="c2")):
        await store.log_conversation(late)
    assert (await store.conversations(10, 0))["total"] == 0

    later = [await store.log_conversation(told("a", "b", rev=10)), await store.log_conversation(chat("x", name="c2"))]
    assert [(one["id"], contents(one)) for one in later] == [("c1~2", ["b"]), ("c2~2", ["x"])]


@pytest.mark.parametrize(("key", "stored"), [("key-api", 0), ("key-web", 1)])
async def test_only_an_api_key_speaks_for_a_teelog(client, key, stored):
    """The newest rev counts for an api key alone; a browser cannot keep conversations from being logged."""
    headers = {"Authorization": "Bearer key-api"}
    await client.delete("/conversations/c1", headers={"Authorization": f"Bearer {key}", "x-teelog-rev": "9"})
    await client.post("/conversations", headers=headers, json={
        "type": "openai", "id": "c1", "messages": [{"role": "user", "content": "a"}],
        "properties": {"source": "teelog", "teelogRev": 9},
    })  # fmt: skip

    assert (await (await client.get("/conversations", headers=headers)).json())["total"] == stored


async def test_no_id_is_kept(store, database, tmp_path):
    """Of what was deleted no id is in the file, once it is scrubbed."""
    await store.log_conversation(chat("a secret", name="chat-of-ada"))
    await store.delete_conversation("chat-of-ada")
    database.scrub()

    files = [path.read_bytes() for path in tmp_path.iterdir()]
    assert not any(word in one for one in files for word in (b"chat-of-ada", b"secret"))


async def test_deletions_of_an_older_teelog_hold(tmp_path, clock):
    """A file that still has the ids of what was deleted keeps it deleted, and the ids go."""
    path = tmp_path / "analytics.db"
    open_database(path).close()
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("INSERT INTO deletion VALUES ('c1', 2, 1)")
        plain.commit()
    with closing(open_database(path)) as database:
        store = Store(database, now=clock)
        await store.log_conversation(chat("a", "b"))
        later = await store.log_conversation(chat("a", "b", "c"))
        left = await store.read(lambda tx: tx.all("named_deletions"))

    assert (later["id"], contents(later), left) == ("c1~2", ["c"], [])
