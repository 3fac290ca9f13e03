"""Conversations on the wire: built strictly, read liberally, answered so that the SDK can always parse it."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.message import Message
from proxy.core.wire import (
    Logged,
    Snapshot,
    build_conversation,
    emit_conversation,
    read_conversation,
)
from proxy.errors import ApiError
from tests.core.sayings import JSON, MESSAGES
from tests.sdk_rules import CONVERSATION, faults_of

NOW = 1_763_797_565_000
CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
HELLO = {"role": "user", "content": "hello"}


def posted(**fields):
    return {"type": "openai", "messages": [HELLO]} | fields


def emitted(body):
    record = {"id": "c1", "createdAt": NOW, "updatedAt": NOW} | read_conversation(body)
    record["messages"] = [
        {"id": f"m{place}", "createdAt": NOW, "updatedAt": NOW} | message
        for place, message in enumerate(record["messages"])
    ]
    return emit_conversation(record)


def test_a_snapshot_is_built_whole():
    """A snapshot with tools becomes the body that Inkeep takes: three roles, results folded, times and ids kept."""
    snapshot = Snapshot(
        id="c1",
        created_at=NOW,
        messages=[
            Logged(Message("developer", "be kind"), "m0", NOW),
            Logged(Message("user", "weather?"), "m1", NOW),
            Logged(Message("assistant", None, tool_calls=[CALL], reasoning="hm"), "m2", NOW + 5, {"model": "x"}),
            Logged(Message("tool", "sunny", tool_call_id="call_1"), "m3", NOW + 6),
            Logged(Message("assistant", "Sunny.", extra={"links": [{"url": "u", "label": 1}, {}]}), "m4", NOW + 7),
        ],
        properties={"source": "teelog", "teelogRev": 7},
        user_properties={"userId": "u1"},
    )

    body = build_conversation(snapshot)

    assert body == {
        "id": "c1",
        "type": "openai",
        "createdAt": "2025-11-22T07:46:05.000Z",
        "updatedAt": "2025-11-22T07:46:05.007Z",
        "properties": {"source": "teelog", "teelogRev": 7},
        "userProperties": {"userId": "u1"},
        "messages": [
            {
                "id": "m0",
                "createdAt": "2025-11-22T07:46:05.000Z",
                "role": "system",
                "content": "be kind",
                "properties": {"originalRole": "developer"},
            },
            {"id": "m1", "createdAt": "2025-11-22T07:46:05.000Z", "role": "user", "content": "weather?"},
            {
                "id": "m2",
                "createdAt": "2025-11-22T07:46:05.005Z",
                "role": "assistant",
                "content": "",
                "tool_calls": [CALL],
                "properties": {
                    "model": "x",
                    "reasoning": "hm",
                    "toolResults": [{"tool_call_id": "call_1", "content": "sunny"}],
                },
            },
            {
                "id": "m4",
                "createdAt": "2025-11-22T07:46:05.007Z",
                "role": "assistant",
                "content": "Sunny.",
                "links": [{"url": "u", "label": "1"}],
            },
        ],
    }
    assert faults_of(CONVERSATION, emitted(body)) == []


MESSAGE_VALUES = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant", "tool", "function", "developer"]),
    content=st.none() | st.text(max_size=10) | st.lists(st.dictionaries(st.text(max_size=5), JSON), max_size=2),
    tool_calls=st.lists(
        st.fixed_dictionaries(
            {
                "id": st.sampled_from(["a", "b", ""]),
                "type": st.sampled_from(["function", "custom"]),
                "function": st.fixed_dictionaries({"name": st.text(max_size=3), "arguments": st.text(max_size=5)}),
            }
        ),
        max_size=2,
    ),
    tool_call_id=st.none() | st.sampled_from(["a", "b"]),
    name=st.none() | st.text(max_size=3),
    refusal=st.none() | st.text(max_size=3),
    reasoning=st.none() | st.text(max_size=3),
    function_call=st.none() | st.just({"name": "f", "arguments": "{}"}),
    extra=st.dictionaries(st.sampled_from(["links", "audio"]), JSON),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(MESSAGE_VALUES, min_size=1, max_size=5))
def test_what_is_built_is_read_as_it_is(messages):
    """Our server takes every body of our courier, changes nothing in its messages, and answers what the SDK parses."""
    logged = [Logged(message, f"m{place}", NOW + place) for place, message in enumerate(messages)]
    body = build_conversation(Snapshot("c1", logged, NOW))

    answer = emitted(orjson.loads(orjson.dumps(body)))

    assert faults_of(CONVERSATION, answer) == []
    for built, told in zip(body["messages"], answer["messages"], strict=True):
        assert built.items() <= told.items()


@settings(max_examples=200, deadline=None)
@given(
    st.lists(MESSAGES, min_size=1, max_size=4),
    st.dictionaries(
        st.sampled_from(["externalId", "properties", "userProperties", "tags", "visibility", "createdAt", "x"]),
        JSON | st.dictionaries(st.sampled_from(["id", "userId", "userType", "x"]), JSON, max_size=3),
        max_size=3,
    ),
    st.sampled_from(["openai", "support_ticket", "support_copilot"]),
)
def test_whatever_is_posted_the_answer_parses(messages, fields, kind):
    """A posted conversation is either refused as a whole, with pointers, or answered as the SDK wants it."""
    try:
        answer = emitted({"type": kind, "messages": messages} | fields)
    except ApiError as error:
        assert error.status == 400
        assert error.errors
    else:
        assert faults_of(CONVERSATION, answer) == []


@pytest.mark.parametrize("kind", ["openai", "support_ticket", "support_copilot"])
def test_answers_can_be_posted_again(kind):
    """A client may send back exactly what it was answered; the answer to that is the same."""
    first = emitted({"type": kind, "messages": [HELLO | {"name": "Ann", "links": [{"url": "u"}]}], "tags": ["a"]})

    assert emitted(first) == first


def test_support_messages_keep_their_roles_and_nulls():
    """Support conversations have any role, may have no content, and no OpenAI form."""
    answer = emitted({"type": "support_ticket", "messages": [{"role": "agent"}, {"role": "customer", "content": "hi"}]})

    assert [(message["role"], message["content"]) for message in answer["messages"]] == [
        ("agent", None),
        ("customer", "hi"),
    ]
    assert "messagesOpenAIFormat" not in answer
    assert faults_of(CONVERSATION, answer) == []


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        pytest.param([], ["", "/type", "/messages"], id="not an object"),
        pytest.param({"messages": [HELLO]}, ["/type"], id="no type"),
        pytest.param({"type": "chat", "messages": [HELLO]}, ["/type"], id="unknown type"),
        pytest.param({"type": ["openai"], "messages": [HELLO]}, ["/type"], id="type is an array"),
        pytest.param({"type": "openai"}, ["/messages"], id="no messages"),
        pytest.param(posted(messages=[]), ["/messages"], id="empty messages"),
        pytest.param(posted(messages={"0": HELLO}), ["/messages"], id="messages is an object"),
        pytest.param(posted(messages=["hello"]), ["/messages/0", "/messages/0/role"], id="message is text"),
        pytest.param(posted(messages=[{"content": "x"}]), ["/messages/0/role"], id="no role"),
        pytest.param(
            posted(messages=[{"role": "user", "content": 7}]), ["/messages/0/content"], id="content is a number"
        ),
        pytest.param(posted(messages=[HELLO | {"id": ""}]), ["/messages/0/id"], id="empty message id"),
        pytest.param(posted(messages=[HELLO | {"tool_calls": [1]}]), ["/messages/0/tool_calls"], id="call is a number"),
        pytest.param(posted(messages=[HELLO | {"links": 1}]), ["/messages/0/links"], id="links is a number"),
        pytest.param(posted(id=7), ["/id"], id="numeric id"),
        pytest.param(posted(id=""), ["/id"], id="empty id"),
        pytest.param(posted(externalId=7), ["/externalId"], id="numeric external id"),
        pytest.param(posted(properties=[]), ["/properties"], id="properties is an array"),
        pytest.param(posted(userProperties="x"), ["/userProperties"], id="user properties is text"),
        pytest.param(posted(tags=[1]), ["/tags"], id="tag is a number"),
        pytest.param(posted(visibility="secret"), ["/visibility"], id="unknown visibility"),
        pytest.param(posted(createdAt="soon"), ["/createdAt"], id="no time"),
    ],
)
def test_wrong_conversations_are_refused(body, pointers):
    """Every wrong field of a conversation is named."""
    with pytest.raises(ApiError) as refused:
        read_conversation(body)

    assert refused.value.status == 400
    assert [one["pointer"] for one in refused.value.errors] == pointers


def test_pictures_that_a_model_made():
    """Pictures that stand beside an answer's content are told in it; the upstream's search pictures are not."""
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    message = Message("assistant", "Here:", extra={"images": [picture, {"image_url": "https://found"}]})
    (told,) = build_conversation(Snapshot("c", [Logged(message, "m", NOW)], NOW))["messages"]

    assert told["content"] == [{"type": "text", "text": "Here:"}, picture]


@pytest.mark.parametrize("images", [5, True, 0.5, "x", {"a": 1}, [None]])
def test_pictures_that_are_none(images):
    """What a client or an upstream calls images and is no list of them is passed over."""
    (told,) = build_conversation(Snapshot("c", [Logged(Message("user", "Hi", extra={"images": images}), "m", 0)], 0))[
        "messages"
    ]

    assert told["content"] == "Hi"


DATA = "QUJD" * 8000
URL = f"data:image/png;base64,{DATA}"
HIDDEN = {
    "a link": Logged(Message("user", "Hi", extra={"links": [{"url": URL, "title": "t"}]}), "m", 0),
    "a data tool": Logged(
        Message("user", "Hi", tool_calls=[{"id": "1", "type": "function", "function": {
            "name": "provideRecordsConsidered", "arguments": orjson.dumps({"recordsConsidered": [URL]}).decode()}}]), "m", 0),
    "an alternative": Logged(Message("user", "Hi"), "m", 0, {"alternatives": [{"content": [{"image_url": {"url": URL}}]}]}),
    "an error": Logged(Message("user", "Hi"), "m", 0, {"error": f"no image: {URL}"}),
    "what a server did": Logged(Message("user", "Hi", extra={"server_tool_calls": [{"result": URL}]}), "m", 0),
    "reasoning": Logged(Message("user", "Hi", reasoning=URL), "m", 0),
    "a refusal": Logged(Message("user", "Hi", refusal=URL), "m", 0),
    "a name": Logged(Message("user", "Hi", name=URL), "m", 0),
    "an image without its type": Logged(Message("user", [{"type": "image_url", "image_url": {"url": DATA + "a1"}}]), "m", 0),
    "an image in capitals": Logged(Message("user", [{"type": "image_url", "image_url": {"url": URL.replace("data", "DATA")}}]), "m", 0),
}  # fmt: skip


@pytest.mark.parametrize("logged", HIDDEN.values(), ids=HIDDEN)
def test_data_wherever_it_is(logged):
    """Base64 over the limit is described in every place of a body, not in the content alone."""
    assert len(orjson.dumps(build_conversation(Snapshot("c", [logged], 0)))) < 1000


def test_what_a_server_did_itself():
    """Tools that a server ran itself, and whether a message is the last word, are properties."""
    extra = {"server_tool_calls": [{"type": "web_search_call"}], "phase": "final_answer", "unfinished": {"sequence": 1}}
    snapshot = Snapshot("c1", [Logged(Message("assistant", "Sunny.", extra=extra), "m1", NOW)], NOW)
    (message,) = build_conversation(snapshot)["messages"]

    assert message["properties"] == {"server_tool_calls": [{"type": "web_search_call"}], "phase": "final_answer"}


def test_two_messages_with_one_id_contradict_each_other():
    """A repeated message id is 422, at the second place."""
    with pytest.raises(ApiError) as refused:
        read_conversation(posted(messages=[HELLO | {"id": "m"}, HELLO | {"id": "m"}]))

    assert refused.value.status == 422
    assert refused.value.errors[0]["pointer"] == "/messages/1/id"
