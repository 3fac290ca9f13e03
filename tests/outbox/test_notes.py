"""Feedback and events wait for what they speak of."""

import orjson
import pytest

from proxy.core.exchange import ANYBODY
from proxy.journal.reader import Position
from proxy.outbox.store import ANALYTICS, Store

from ..fakes import NOW
from .scenes import SECRET, assistant, exchange, note, read, user

HI = [user("hi")]
HOW = [*HI, assistant("Hello"), user("how?")]


class Desk:
    """Takes records, and delivers all that is due, in order, to a sink that has everything at once."""

    def __init__(self, store):
        self._store = store

    def take(self, payload):
        (recorded,) = self._store.take([read(payload)], "journal", Position(0, 0), NOW)
        return recorded

    async def due(self):
        """What would be sent now; it stays due."""
        leases = await self._store.lease(ANALYTICS, NOW, NOW + 1, 100)
        parcels = [await self._store.parcel(lease) for lease in leases]
        await self._store.take_over(ANALYTICS, NOW)
        return [(parcel.path, orjson.loads(parcel.body)) for parcel in parcels]

    async def deliver(self):
        """Send what is due now; what becomes due by that is not sent yet. The paths and bodies."""
        sent = []
        for lease in await self._store.lease(ANALYTICS, NOW, NOW + 1000, 100):
            parcel = await self._store.parcel(lease)
            sent.append((parcel.path, orjson.loads(parcel.body)))
            await self._store.ack(lease, parcel.rev, NOW)
        return sent

    async def messages_named(self):
        """The `messageId` of every note that is sent once conversations are."""
        await self.deliver()
        return [body["messageId"] for _, body in await self.deliver()]


@pytest.fixture
def desk(store):
    return Desk(store)


async def test_a_thumb_follows_its_message(desk):
    """Feedback is not due before the sink has acknowledged a rev with its message."""
    desk.take(exchange(HI, name="e-1"))
    desk.take(note(messageId="e-1", details="Nice", name="f-1"))

    assert [path for path, _ in await desk.deliver()] == ["/conversations"]
    ((path, body),) = await desk.deliver()
    assert path == "/feedback"
    assert (body["messageId"], body["id"], body["type"], body["details"]) == ("e-1", "f-1", "positive", "Nice")
    assert await desk.deliver() == []


async def test_a_thumb_on_what_the_sink_has_is_due_at_once(desk):
    """Feedback on a message that was acknowledged waits for nothing."""
    desk.take(exchange(HI, name="e-1"))
    await desk.deliver()
    desk.take(note(messageId="e-1"))

    assert [path for path, _ in await desk.due()] == ["/feedback"]


async def test_a_thumb_on_a_newer_turn_waits_for_its_rev(desk):
    """Feedback on a turn that the sink does not have yet waits, though the sink has the conversation."""
    desk.take(exchange(HI, name="e-1"))
    await desk.deliver()
    desk.take(exchange(HOW, "Well", name="e-2"))
    desk.take(note(messageId="e-2"))

    assert [path for path, _ in await desk.due()] == ["/conversations"]
    assert await desk.messages_named() == ["e-2"]


async def test_a_thumb_before_its_exchange(desk):
    """Feedback that is journaled before its exchange finds its message when that comes."""
    desk.take(note(messageId="e-1"))
    assert await desk.due() == []

    desk.take(exchange(HI, name="e-1"))

    assert await desk.messages_named() == ["e-1"]


@pytest.mark.parametrize(
    ("named", "found"),
    [
        pytest.param("e-2", "e-2", id="the exchange's id"),
        pytest.param("chatcmpl-2", "e-2", id="the completion's id"),
        pytest.param("m-1", "m-1", id="the client's own message id"),
        pytest.param("e-2.h2", "e-2.h2", id="the id of a question"),
    ],
)
@pytest.mark.parametrize("first", ["the thumb", "the exchange"])
async def test_names_of_a_message(desk, named, found, first):
    """A message is found by every name it has, whichever is journaled first."""
    records = [exchange([user("hi", id="m-1"), *HOW[1:]], "Well", name="e-2", completion_id="chatcmpl-2")]
    records.insert(0 if first == "the thumb" else 1, note(messageId=named))
    for record in records:
        desk.take(record)

    assert await desk.messages_named() == [found]


async def test_the_newest_of_the_tenants_is_meant(desk):
    """A completion id that a server repeats means the caller's newest; another tenant's is not touched."""
    for key, name in (("sk-one-key", "e-1"), ("sk-one-key", "e-2"), ("sk-two-key", "e-3")):
        desk.take(exchange(HI, key=key, name=name, completion_id="chatcmpl-mock"))
    tenant = read(exchange(HI, key="sk-one-key")).tenant
    desk.take(note(messageId="chatcmpl-mock", tenant=tenant))
    desk.take(note(messageId="e-3", tenant=tenant))

    assert await desk.messages_named() == ["e-2"]


async def test_a_caller_with_an_analytics_key_speaks_of_anyones_messages(desk):
    """A message of any tenant is found for who may speak of all of them."""
    desk.take(exchange(HI, name="e-1"))
    desk.take(note(messageId="e-1", tenant=ANYBODY))

    assert await desk.messages_named() == ["e-1"]


@pytest.mark.parametrize("about", ["message", "conversation"])
async def test_a_caller_without_a_credential_speaks_of_its_own(desk, about):
    """Callers without a credential are a tenant like others: what belongs to a key is not theirs to speak of."""
    desk.take(exchange(HI, name="e-1", headers=[("x-teelog-conversation-id", "chat")]))
    await desk.deliver()
    desk.take(note("event", tenant="", entityType=about, messageId="e-1", conversationId="chat"))

    assert await desk.due() == []


async def test_a_side_request_without_a_credential_is_nobodys(desk):
    """Who names another tenant's chat without showing its key puts nothing on it."""
    headers = [("x-teelog-conversation-id", "chat")]
    desk.take(exchange(HI, headers=headers))
    await desk.deliver()
    desk.take(exchange([user("hi")], "a title", key="", headers=headers, max_tokens=1))

    assert await desk.due() == []


async def test_two_tenants_who_give_one_id_to_their_feedback(desk):
    """The second tenant's thumb does not take the place of the first one's in the sink."""
    tenants = [read(exchange(HI, key=key)).tenant for key in ("sk-one-key", "sk-two-key")]
    for number, key in enumerate(("sk-one-key", "sk-two-key")):
        desk.take(exchange(HI, key=key, name=f"e-{number}"))
        desk.take(note(messageId=f"e-{number}", tenant=tenants[number], name="f-1"))
    desk.take(note(messageId="e-1", tenant=tenants[1], name="f-1"))
    await desk.deliver()

    ids = {body["messageId"]: body["id"] for _, body in await desk.deliver()}
    assert ids == {"e-0": "f-1", "e-1": f"f-1~{tenants[1][:8]}"}


@pytest.mark.parametrize("first", ["the thumb", "the exchange"])
@pytest.mark.parametrize("about", ["message", "conversation"])
async def test_a_thumb_on_what_is_sampled_out(tmp_path, about, first):
    """What is said of a conversation that is not recorded is not kept, nor does it wait for what no sink will have."""
    store = Store(tmp_path / "sampled.db", secret=SECRET, sample_rate=0.0)
    desk = Desk(store)
    records = [exchange(HI, name="e-1", headers=[("x-teelog-conversation-id", "chat")])]
    thumb = note("event", entityType=about, messageId="e-1", conversationId="chat")
    records.insert(0 if first == "the thumb" else 1, thumb)
    for record in records:
        desk.take(record)

    assert (await store.status(NOW))["sinks"][ANALYTICS]["waiting"] == 0
    assert store.read(lambda tx: tx.one("annotation", key=1)) is None
    store.close()


async def test_a_message_that_was_replaced_stays_known(desk):
    """A thumb on an answer that was asked for again still names it."""
    headers = [("x-teelog-conversation-id", "chat")]
    desk.take(exchange(HI, name="e-1", headers=headers))
    desk.take(exchange(HI, "Hey", name="e-2", headers=headers))
    desk.take(note(messageId="e-1"))

    assert await desk.messages_named() == ["e-1"]


@pytest.mark.parametrize(
    ("entity", "told"),
    [
        pytest.param({"entityType": "message", "messageId": "chatcmpl-1"}, {"messageId": "e-1"}, id="message"),
        pytest.param(
            {"entityType": "conversation", "conversationId": "chat"}, {"conversationId": "chat"}, id="conversation"
        ),
    ],
)
async def test_events_follow_what_they_speak_of(desk, entity, told):
    """An event on a message or a conversation waits for it, and names it as the sink does."""
    desk.take(note("event", type="message:copied", **entity))
    assert await desk.due() == []
    desk.take(exchange(HI, name="e-1", completion_id="chatcmpl-1", headers=[("x-teelog-conversation-id", "chat")]))

    assert [path for path, _ in await desk.deliver()] == ["/conversations"]
    ((path, body),) = await desk.deliver()
    assert path == "/events"
    assert body.items() >= told.items()


async def test_an_event_names_the_callers_own_conversation(desk):
    """Of two tenants' conversations of one name the caller's is meant, under the id that the sink knows."""
    headers = [("x-teelog-conversation-id", "chat")]
    desk.take(exchange(HI, key="sk-one-key", headers=headers))
    theirs = desk.take(exchange(HI, key="sk-two-key", headers=headers)).conversation
    tenant = read(exchange(HI, key="sk-two-key")).tenant
    await desk.deliver()
    desk.take(note("event", tenant=tenant, entityType="conversation", conversationId="chat"))

    ((_, body),) = await desk.due()
    assert body["conversationId"] == theirs


@pytest.mark.parametrize("where", ["here", "in its properties"])
@pytest.mark.parametrize(
    "entity",
    [
        {"entityType": "search", "searchQuery": "how"}, {"entityType": "message", "messageId": "own"},
        {"entityType": "conversation", "conversationId": "own-chat"},
    ],
    ids=str,
)  # fmt: skip
async def test_an_event_names_nothing_of_anothers(desk, entity, where):
    """What an event names besides is sent if it is the caller's own, as the sink knows it, and left out if it is not."""
    headers = [("x-teelog-conversation-id", "chat")]
    desk.take(exchange(HI, key="sk-one-key", name="theirs", headers=headers))
    own = exchange(
        HI, key="sk-two-key", name="own", completion_id="cmpl", headers=[("x-teelog-conversation-id", "own-chat")]
    )
    desk.take(own)
    await desk.deliver()
    told = []
    for given in (
        {"messageId": "theirs", "conversationId": "chat"},
        {"messageId": "cmpl", "conversationId": "own-chat"},
    ):
        more = given if where == "here" else {"properties": {**given, "page": 2}}
        desk.take(note("event", tenant=read(own).tenant, **(more | entity)))
        ((_, body),) = await desk.deliver()
        told.append(body)

    assert "theirs" not in str(told)
    assert "'chat'" not in str(told)
    besides = told[1] if where == "here" else told[1]["properties"]
    assert (besides["messageId"], besides["conversationId"]) == ("own", "own-chat")
    if where == "in its properties":
        assert told[0]["properties"]["page"] == 2


async def test_an_id_of_who_speaks_for_all(desk):
    """A caller's thumb under an id that an analytics key has used does not take that one's place; the other way round it may."""
    own = exchange(HI, key="sk-one-key", name="e-1")
    desk.take(own)
    desk.take(note(messageId="e-1", name="f-1"))
    desk.take(note(messageId="e-1", name="f-1", tenant=read(own).tenant))
    desk.take(note(messageId="e-1", name="f-2", tenant=read(own).tenant))
    desk.take(note(messageId="e-1", name="f-2"))
    await desk.deliver()

    ids = [body["id"] for _, body in await desk.deliver()]
    assert sorted(ids) == ["f-1", f"f-1~{read(own).tenant[:8]}", "f-2", "f-2"]


async def test_a_search_waits_for_nothing(desk):
    """An event that speaks of no message is due at once."""
    desk.take(note("event", type="search_query_submitted", entityType="search", searchQuery="how"))

    ((path, body),) = await desk.deliver()
    assert (path, body["searchQuery"]) == ("/events", "how")


async def test_feedback_under_the_same_id_replaces_the_first(desk):
    """A thumb that is turned under its id is sent once, as it is at the end; and again when it turns later."""
    desk.take(exchange(HI, name="e-1"))
    desk.take(note(messageId="e-1", name="f-1", type="positive"))
    desk.take(note(messageId="e-1", name="f-1", type="negative"))
    await desk.deliver()

    assert [body["type"] for _, body in await desk.deliver()] == ["negative"]
    desk.take(note(messageId="e-1", name="f-1", type="positive"))
    assert [body["type"] for _, body in await desk.deliver()] == ["positive"]


async def test_a_thumb_on_nothing_waits_and_is_buried(desk, store):
    """Feedback on a message that never comes is set aside after its time, not sent."""
    desk.take(note(messageId="nobody"))
    assert (await store.status(NOW))["sinks"][ANALYTICS]["waiting"] == 1

    assert await store.bury_unknown(ANALYTICS, NOW) == 0
    assert await store.bury_unknown(ANALYTICS, NOW + 1) == 1
    assert (await store.status(NOW))["sinks"][ANALYTICS]["dead"] == {"unknown message": 1}
    assert await desk.due() == []


async def test_a_thumb_on_what_is_still_owed_is_not_unknown(desk, store):
    """Feedback on a message that is recorded waits for the sink, however long that takes."""
    desk.take(exchange(HI, name="e-1"))
    desk.take(note(messageId="e-1"))

    assert await store.bury_unknown(ANALYTICS, NOW + 1) == 0
    assert await desk.messages_named() == ["e-1"]


async def test_a_thumb_that_was_buried_may_be_given_again(desk, store):
    """Feedback that came a day too early is taken when it is posted once more."""
    desk.take(note(messageId="e-1", name="f-1"))
    await store.bury_unknown(ANALYTICS, NOW + 1)
    desk.take(exchange(HI, name="e-1"))
    desk.take(note(messageId="e-1", name="f-1"))

    assert await desk.messages_named() == ["e-1"]


async def test_a_thumb_on_an_answer_that_stands_beside(desk):
    """Feedback on the second of two answers at a time lands on the message that both are."""
    headers = [("x-teelog-conversation-id", "chat")]
    for name in ("e-1", "e-2"):
        desk.take(exchange(HI, f"from {name}", name=name, headers=headers))
    desk.take(note(messageId="e-2"))

    assert await desk.messages_named() == ["e-1"]
