"""The store on a real file: upserts, feedback that waits, and forgetting."""

import asyncio
import random

import pytest

from proxy.analytics import notes, sessions
from proxy.analytics.store import Store, open_database
from proxy.core.session_filter import EVERY, Page
from proxy.core.wire import read_conversation, read_event, read_feedback
from proxy.errors import ApiError
from tests.sdk_rules import CONVERSATION, EVENT, FEEDBACK, FEEDBACK_LIST, FEEDBACK_WITH_MESSAGE, faults_of

USER, ANSWER = {"role": "user", "content": "weather?"}, {"role": "assistant", "content": "sunny"}


def posted(*messages, **fields):
    return read_conversation({"type": "openai", "id": "c1", "messages": list(messages or (USER, ANSWER))} | fields)


def snapshot(rev, *messages):
    return posted(*messages, properties={"source": "teelog", "teelogRev": rev})


def thumb(message, **fields):
    return read_feedback({"type": "positive", "messageId": message} | fields)


def contents(answer):
    return [message["content"] for message in answer["messages"]]


async def test_what_is_logged_is_read_back(store):
    """A conversation read by its id is the one that the post was answered with."""
    messages = [
        USER | {"id": "m1", "name": "Ann", "createdAt": "2026-01-01T00:00:00Z", "userProperties": {"userId": 7}},
        {"role": "assistant", "content": [{"type": "text", "text": "é\x00😀"}], "links": [{"url": "u"}]},
        {"role": "assistant", "tool_calls": [{"id": "t", "type": "function", "function": {"name": "f"}}]},
    ]
    answer = await store.log_conversation(
        posted(*messages, tags=["a"], visibility="public", properties={"x": [1, {"y": None}]}, externalId="slack/1")
    )

    assert faults_of(CONVERSATION, answer) == []
    assert await store.conversation("c1") == answer
    assert (await store.conversations(20, 0))["conversations"] == [answer]
    assert answer["messages"][0]["createdAt"] == "2026-01-01T00:00:00.000Z"


async def test_an_id_is_made_when_none_is_given(store):
    """Conversations and messages without ids get some, and keep them."""
    answer = await store.log_conversation(read_conversation({"type": "openai", "messages": [USER]}))

    again = await store.log_conversation(posted(USER, ANSWER, id=answer["id"]))

    assert answer["id"].startswith("conv_")
    assert again["messages"][0]["id"] == answer["messages"][0]["id"]
    assert (await store.conversations(20, 0))["total"] == 1


async def test_an_upsert_replaces_the_list(store, clock):
    """The posted list is the truth; what stays unchanged keeps its id and times."""
    first = await store.log_conversation(posted(USER, ANSWER, {"role": "user", "content": "and tomorrow?"}))
    clock.now += 1000

    second = await store.log_conversation(posted(USER, {"role": "assistant", "content": "rain"}))

    assert contents(second) == ["weather?", "rain"]
    assert second["messages"][0] == first["messages"][0]
    assert second["messages"][1]["id"] != first["messages"][1]["id"]
    assert second["createdAt"] == first["createdAt"]
    assert second["updatedAt"] > first["updatedAt"]
    assert await store.conversation("c1") == second


async def test_messages_may_change_places(store):
    """Two messages with ids that change places are stored in their new order."""
    one, two = USER | {"id": "m1"}, ANSWER | {"id": "m2"}
    await store.log_conversation(posted(one, two))

    await store.log_conversation(posted(two, one))

    assert [message["id"] for message in (await store.conversation("c1"))["messages"]] == ["m2", "m1"]


async def test_an_older_snapshot_is_not_applied(store):
    """A snapshot that comes late is answered with the newer one, which stays; an equal or newer one is applied."""
    newest = await store.log_conversation(snapshot(9, USER, ANSWER))

    assert await store.log_conversation(snapshot(8, USER)) == newest
    assert contents(await store.log_conversation(snapshot(9, USER, ANSWER))) == ["weather?", "sunny"]
    assert contents(await store.log_conversation(snapshot(10, ANSWER))) == ["sunny"]


async def test_another_type_is_a_conflict(store):
    """The same id with another type is 422, and nothing changes."""
    answer = await store.log_conversation(posted())

    with pytest.raises(ApiError) as refused:
        await store.log_conversation(read_conversation({"type": "support_ticket", "id": "c1", "messages": [USER]}))

    assert refused.value.status == 422
    assert await store.conversation("c1") == answer


async def test_snapshots_in_any_order_end_with_the_newest(store):
    """Twenty snapshots posted at once in any order leave one conversation, the newest."""
    turns = [{"role": "user", "content": str(number)} for number in range(20)]
    snapshots = [snapshot(rev, *turns[:rev]) for rev in range(1, 21)]
    for seed in range(5):
        random.Random(seed).shuffle(snapshots)
        await asyncio.gather(*(store.log_conversation(one | {"id": f"c{seed}"}) for one in snapshots))

        assert contents(await store.conversation(f"c{seed}")) == [str(number) for number in range(20)]

    assert (await store.conversations(100, 0))["total"] == 5


async def test_lists_are_newest_first(store, clock):
    """Conversations are listed by their last change, ids breaking ties, a page at a time."""
    for name in ("b", "a", "c"):
        await store.log_conversation(posted(id=name))
    clock.now += 1
    await store.log_conversation(posted(id="d"))

    pages = [await store.conversations(2, offset) for offset in (0, 2, 4)]

    assert [[one["id"] for one in page["conversations"]] for page in pages] == [["d", "a"], ["b", "c"], []]
    assert [(page["total"], page["pageSize"], page["count"]) for page in pages] == [(4, 2, 2), (4, 2, 2), (4, 2, 0)]


async def test_feedback_waits_for_its_message(store):
    """Feedback on a message not yet logged is taken, is not shown, and appears with its message."""
    answer = await store.log_feedback(thumb("m2", id="f1"))

    assert faults_of(FEEDBACK, answer) == []
    assert (await store.feedbacks(10, 0))["positiveFeedbackCount"] == 0
    with pytest.raises(ApiError) as refused:
        await store.feedback("f1")
    assert refused.value.status == 404

    await store.log_conversation(posted(USER, ANSWER | {"id": "m2"}))

    told = await store.feedback("f1")
    assert faults_of(FEEDBACK_WITH_MESSAGE, told) == []
    assert (told["message"]["content"], told["conversation"]["id"]) == ("sunny", "c1")


async def test_feedback_outlives_its_message(store):
    """A message that leaves the list stays reachable through its feedback, and is not listed."""
    logged = await store.log_conversation(posted())
    await store.log_feedback(thumb(logged["messages"][1]["id"], id="f1"))

    await store.log_conversation(posted(USER, {"role": "assistant", "content": "rain"}))

    told = await store.feedback("f1")
    assert told["message"]["content"] == "sunny"
    assert contents(told["conversation"]) == ["weather?", "rain"]


async def test_a_replaced_answer_can_still_be_rated(store):
    """Feedback that comes after its answer was regenerated still finds it, when the client chose the answer's id."""
    await store.log_conversation(posted(USER, ANSWER | {"id": "x1"}))
    await store.log_conversation(posted(USER, {"role": "assistant", "content": "rain", "id": "x2"}))

    await store.log_feedback(thumb("x1", id="f1"))

    assert (await store.feedback("f1"))["message"]["content"] == "sunny"
    transcript = await store.transcript("c1")
    assert [message["id"] for message in transcript["replaced"]] == ["x1"]
    assert [one["id"] for one in transcript["feedback"]] == ["f1"]


async def test_a_replaced_message_may_come_back(store):
    """A message that left the list and is posted again takes its place, with the time it was first logged."""
    first = await store.log_conversation(posted(USER, ANSWER | {"id": "x1"}))
    await store.log_conversation(posted(USER))

    third = await store.log_conversation(posted(USER, ANSWER | {"id": "x1"}))

    assert third["messages"][1]["createdAt"] == first["messages"][1]["createdAt"]
    assert (await store.transcript("c1"))["replaced"] == []


@pytest.mark.parametrize(
    ("first", "second", "count"),
    [
        pytest.param({"userProperties": {"id": 7}}, {"userProperties": {"id": 7}}, 1, id="the same person again"),
        pytest.param({"userProperties": {"id": 7}}, {"userProperties": {"id": 8}}, 2, id="two people"),
        pytest.param({}, {}, 2, id="people who are not known"),
        pytest.param({"id": "f1"}, {"id": "f1"}, 1, id="the same id"),
        pytest.param({"id": "f1"}, {"id": "f2"}, 2, id="two ids"),
    ],
)
async def test_what_counts_as_the_same_feedback(store, first, second, count):
    """Feedback is replaced by its id, or by a person's newer word on the same message."""
    await store.log_conversation(posted(USER | {"id": "m1"}))

    await store.log_feedback(thumb("m1", **first))
    await store.log_feedback(thumb("m1", **second) | {"type": "negative"})

    envelope = await store.feedbacks(10, 0)
    assert faults_of(FEEDBACK_LIST, envelope) == []
    assert envelope["negativeFeedbackCount"] + envelope["positiveFeedbackCount"] == count
    assert envelope["negativeFeedbackCount"] == 1


async def test_feedback_with_an_id_is_merged(store, clock):
    """Fields of feedback that a second post omits are kept, null clears, the creation time stays."""
    await store.log_conversation(posted(USER | {"id": "m1"}))
    await store.log_feedback(thumb("m1", id="f1", details="good", reasons=["a"]))
    clock.now += 1000

    await store.log_feedback(thumb("m1", id="f1", reasons=None))

    told = await store.feedback("f1")
    assert (told["details"], told["reasons"]) == ("good", None)
    assert told["createdAt"] < told["updatedAt"]


async def test_a_bare_message_id_means_the_newest_conversation(store, clock):
    """When two conversations hold a message id, feedback goes to the one changed last."""
    for name in ("old", "new"):
        await store.log_conversation(posted(USER | {"id": "m1"}, id=name))
        clock.now += 1

    await store.log_feedback(thumb("m1", id="f1"))

    assert (await store.feedback("f1"))["conversation"]["id"] == "new"


@pytest.mark.parametrize(
    "about",
    [
        pytest.param({"messageId": "m1"}, id="message"),
        pytest.param({"conversationId": "c1"}, id="conversation"),
        pytest.param({"searchQuery": "q"}, id="search"),
    ],
)
async def test_events_are_answered(store, about):
    """An event is answered in the SDK's form; with its id it is logged once."""
    event = read_event({"type": "message:copied", "id": "e1", "properties": {"a": 1}} | about)

    first = await store.log_event(event)

    assert faults_of(EVENT, first) == []
    assert await store.log_event(event) == first


async def test_forgetting_takes_all_that_was_said(store, database, clock):
    """Conversations last changed before a time go, with messages, feedback and events; newer ones stay whole."""
    await store.log_event(read_event({"type": "x", "messageId": "m-old"}))
    for name in ("old", "new"):
        await store.log_conversation(posted(USER | {"id": f"m-{name}"}, id=name))
        await store.log_feedback(thumb(f"m-{name}"))
        await store.log_event(read_event({"type": "x", "conversationId": name}))
        clock.now += 1000
    await store.log_event(read_event({"type": "x", "searchQuery": "q"}))
    await store.log_feedback(thumb("never"))

    assert await store.forget_before(clock.now - 1000) == 1

    await store.conversation("new")
    assert (await store.feedbacks(10, 0))["positiveFeedbackCount"] == 1
    with pytest.raises(ApiError):
        await store.conversation("old")
    assert database.read(lambda tx: len(tx.all("messages", conversation="old"))) == 0
    assert await store.forget_before(clock.now + 1) == 1
    assert await store.forget_before(clock.now + 1) == 0


async def test_forgetting_many_goes_in_steps(store, clock):
    """More conversations than one step takes are all forgotten."""
    await asyncio.gather(*(store.log_conversation(posted(id=str(number))) for number in range(450)))
    clock.now += 1

    assert await store.forget_before(clock.now) == 450


async def test_no_answer_outgrows_memory(store, database):
    """Lists of conversations that are too much together are refused, and told in smaller ones; so is their feedback."""
    for number in range(3):
        await store.log_conversation(posted(USER | {"id": f"m{number}", "content": "x" * 5000}, id=str(number)))
        await store.log_feedback(thumb(f"m{number}"))

    def listed(limit, most):
        return database.read(lambda tx: sessions.answers(tx, EVERY, Page(limit), most))["count"]

    def thumbs(limit, most):
        return len(database.read(lambda tx: notes.feedback_page(tx, limit, 0, most))["positiveFeedback"])

    for count in (listed, thumbs):
        with pytest.raises(ApiError) as refused:
            count(3, 15_000)
        assert (refused.value.status, count(3, 20_000), count(2, 1000)) == (422, 3, 2)


async def test_it_is_all_there_after_a_restart(tmp_path, clock):
    """What was logged before the file was closed is read after it was opened again."""
    for logged in (True, False):
        database = open_database(tmp_path / "a.db")
        try:
            store = Store(database, now=clock)
            if logged:
                answer = await store.log_conversation(posted())
            assert await store.conversation("c1") == answer
        finally:
            database.close()
