"""The public form of messages: every row of the tool-traffic table, and that nothing a client says breaks it."""

import base64
import hashlib

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.public import public_messages
from tests.core.sayings import MESSAGES
from tests.sdk_rules import OPENAI_MESSAGE, array, faults_of

CALL = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}}
ASKING = {"role": "assistant", "content": None, "tool_calls": [CALL]}


def one(message):
    (public,) = public_messages([message])
    return public


@pytest.mark.parametrize(
    ("said", "told"),
    [
        pytest.param({"role": "user", "content": "hi"}, {"role": "user", "content": "hi"}, id="plain"),
        pytest.param(
            {"role": "developer", "content": "be kind"},
            {"role": "system", "content": "be kind", "properties": {"originalRole": "developer"}},
            id="developer",
        ),
        pytest.param(ASKING, {"role": "assistant", "content": "", "tool_calls": [CALL]}, id="null content"),
        pytest.param(
            {"role": "tool", "tool_call_id": "lost", "name": "weather", "content": "sunny"},
            {
                "role": "system",
                "name": "weather",
                "content": "sunny",
                "properties": {"originalRole": "tool", "toolCallId": "lost"},
            },
            id="tool result whose call is not there",
        ),
        pytest.param(
            {"role": "assistant", "content": None, "refusal": "I must not."},
            {"role": "assistant", "content": "I must not.", "properties": {"refusal": True}},
            id="refusal",
        ),
        pytest.param(
            {"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "no"}], "properties": {"refusal": True}},
            id="refusal part",
        ),
        pytest.param(
            {"role": "assistant", "content": None, "audio": {"id": "a", "transcript": "spoken"}},
            {"role": "assistant", "content": "spoken", "properties": {"originalParts": ["audio"]}},
            id="spoken answer",
        ),
        pytest.param(
            {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}]},
            {
                "role": "user",
                "content": [{"type": "text", "text": "[audio, wav, 3 bytes, sha256 709e80c88487a241]"}],
                "properties": {"originalParts": ["input_audio"]},
            },
            id="audio part",
        ),
        pytest.param(
            {"role": "user", "content": [{"type": "file", "file": {"filename": "a.pdf", "file_id": "file-1"}}]},
            {
                "role": "user",
                "content": [{"type": "text", "text": "[file, a.pdf, file-1]"}],
                "properties": {"originalParts": ["file"]},
            },
            id="file part",
        ),
        pytest.param(
            {"role": "user", "content": [{"type": "image_url", "image_url": "https://x/y.png"}]},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]},
            id="image as a bare address",
        ),
        pytest.param(
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x", "detail": "huge"}}]},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x"}}]},
            id="image with an unknown detail",
        ),
        pytest.param(
            {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, "yes"],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "yes"}], "properties": {"reasoning": "hm"}},
            id="reasoning part",
        ),
        pytest.param(
            {"role": "critic", "content": "meh"},
            {"role": "system", "content": "meh", "properties": {"originalRole": "critic"}},
            id="unknown role",
        ),
        pytest.param(
            {"role": "user", "content": "hi", "id": "m1", "links": None, "properties": None},
            {"role": "user", "content": "hi", "id": "m1", "links": None, "properties": None},
            id="other fields stay",
        ),
    ],
)
def test_the_table(said, told):
    """Each kind of message is told with three roles, text and images."""
    assert one(said) == told


def test_results_go_to_the_message_that_asked():
    """Tool results are folded into the message that issued their call, and the next message stands right after it."""
    other = {"id": "call_2", "type": "function", "function": {"name": "time", "arguments": "{}"}}
    history = [
        {"role": "assistant", "content": None, "tool_calls": [CALL, other]},
        {"role": "tool", "tool_call_id": "call_2", "content": [{"type": "text", "text": "noon"}]},
        {"role": "tool", "tool_call_id": "call_1", "name": "weather", "content": "sunny"},
        {"role": "assistant", "content": "Sunny, at noon."},
    ]

    asking, answer = public_messages(history)

    assert asking["properties"]["toolResults"] == [
        {"tool_call_id": "call_2", "content": [{"type": "text", "text": "noon"}]},
        {"tool_call_id": "call_1", "name": "weather", "content": "sunny"},
    ]
    assert answer == {"role": "assistant", "content": "Sunny, at noon."}


def test_a_repeated_call_id_means_the_newest_call():
    """Upstreams that number their calls anew in every turn still get each result beside its own call."""
    result = {"role": "tool", "tool_call_id": "call_1"}

    first, second = public_messages([ASKING, result | {"content": "a"}, ASKING, result | {"content": "b"}])

    assert [message["properties"]["toolResults"][0]["content"] for message in (first, second)] == ["a", "b"]


def test_results_without_ids_come_in_order():
    """Results that name no call answer the open calls of the message before them, one after the other."""
    other = {"id": "call_2", "type": "function", "function": {"name": "time", "arguments": "{}"}}
    results = [{"role": "tool", "content": text} for text in ("first", "second", "third")]

    (asking,) = public_messages([{"role": "assistant", "tool_calls": [CALL, other]}, *results])

    assert [(one["tool_call_id"], one["content"]) for one in asking["properties"]["toolResults"]] == [
        ("call_1", "first"),
        ("call_2", "second"),
        ("", "third"),
    ]


def test_results_brought_in_both_forms_stand_once():
    """A client that echoes our form and adds the raw result as well does not double it."""
    echoed = public_messages([ASKING, {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}])

    again = public_messages([*echoed, {"role": "tool", "tool_call_id": "call_1", "content": "sunny"}])

    assert again == echoed


def test_a_legacy_function_call_gets_an_id_that_stays():
    """A function_call becomes one tool call with the same id every time, and its result finds it by the name."""
    history = [
        {"role": "assistant", "content": None, "function_call": {"name": "weather", "arguments": "{}"}},
        {"role": "function", "name": "weather", "content": "sunny"},
    ]

    (first,), (second,) = public_messages(history), public_messages(history)

    assert first == second
    (call,) = first["tool_calls"]
    assert call["id"].startswith("call_")
    assert call["function"] == {"name": "weather", "arguments": "{}"}
    assert first["properties"]["toolResults"] == [{"tool_call_id": call["id"], "name": "weather", "content": "sunny"}]


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(
            {"id": "c", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}, id="as on the wire"
        ),
        pytest.param({"id": "c", "type": "custom", "function": {"name": "sql", "arguments": "SELECT 1"}}, id="as kept"),
    ],
)
def test_a_custom_call_is_told_as_a_function_call(call):
    """A custom tool's input becomes JSON arguments, and the original stays in the properties."""
    public = one({"role": "assistant", "tool_calls": [call]})

    assert public["tool_calls"] == [
        {"id": "c", "type": "function", "function": {"name": "sql", "arguments": '{"input":"SELECT 1"}'}}
    ]
    assert public["properties"]["originalToolCalls"] == [
        {"id": "c", "type": "custom", "custom": {"name": "sql", "input": "SELECT 1"}}
    ]


@pytest.mark.parametrize(
    ("function", "told"),
    [
        pytest.param({"name": "f", "arguments": {"a": 1}}, {"name": "f", "arguments": '{"a":1}'}, id="object"),
        pytest.param({"name": "f", "arguments": None}, {"name": "f", "arguments": ""}, id="null"),
        pytest.param({"arguments": "{}"}, {"name": "", "arguments": "{}"}, id="no name"),
        pytest.param({"name": 7, "arguments": "{"}, {"name": "7", "arguments": "{"}, id="numeric name, cut arguments"),
    ],
)
def test_arguments_are_always_text(function, told):
    """A call's name and arguments are strings, whatever the upstream made of them; cut ones stay as they are."""
    (call,) = one({"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": function}]})[
        "tool_calls"
    ]

    assert call["function"] == told


@settings(max_examples=300, deadline=None)
@given(st.lists(MESSAGES, max_size=5))
def test_whatever_is_said_the_sdk_can_read_it(messages):
    """The public form of any messages follows the SDK's rules, and is its own public form."""
    public = public_messages(messages, inline_limit=64)

    assert faults_of(array(OPENAI_MESSAGE), public) == []
    assert public_messages(public, inline_limit=64) == public


def test_long_data_in_calls_and_results_becomes_words():
    """Base64 over the limit becomes type, size and hash in arguments, which stay JSON, and in tool results too."""
    blob = base64.b64encode(bytes(range(256)) * 100).decode()
    url = f"data:image/png;base64,{blob}"
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "draw", "arguments": orjson.dumps({"on": url}).decode()},
    }
    odd = {"id": "d", "type": "custom", "custom": {"name": "see", "input": url}}
    asking = {"role": "assistant", "content": None, "tool_calls": [call, odd]}
    result = {"role": "tool", "tool_call_id": "c", "content": orjson.dumps({"png": blob}).decode()}
    (told,) = public_messages([asking, result], inline_limit=1000)
    words = f"25600 bytes, sha256 {hashlib.sha256(bytes(range(256)) * 100).hexdigest()[:16]}]"

    assert orjson.loads(told["tool_calls"][0]["function"]["arguments"]) == {"on": f"[image/png, {words}"}
    assert orjson.loads(told["tool_calls"][1]["function"]["arguments"]) == {"input": f"[image/png, {words}"}
    assert orjson.loads(told["properties"]["toolResults"][0]["content"]) == {"png": f"[base64, {words}"}
    assert blob not in orjson.dumps(told).decode()
