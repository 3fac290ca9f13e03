"""Chat requests: every form of a message."""

import gzip

import pytest

from proxy.core.chat_request import read_request
from proxy.core.message import Message
from proxy.errors import RecordUnreadable

from .exchanges import exchange

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
SAID = {
    "string": ({"role": "user", "content": "Hi"}, Message("user", "Hi")),
    "null": ({"role": "assistant", "content": None, "tool_calls": [CALL]}, Message("assistant", None, [CALL])),
    "absent": ({"role": "assistant"}, Message("assistant")),
    "empty": ({"role": "assistant", "content": ""}, Message("assistant", "")),
    "parts": (
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "input_audio", "input_audio": {}}]},
        Message("user", [{"type": "text", "text": "a"}, {"type": "input_audio", "input_audio": {}}]),
    ),
    "strings among parts": (
        {"role": "user", "content": ["a", {"type": "text", "text": "b"}]},
        Message("user", [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]),
    ),
    "one part": (
        {"role": "user", "content": {"type": "text", "text": "a"}},
        Message("user", [{"type": "text", "text": "a"}]),
    ),
    "thinking part": (
        {"role": "assistant", "content": [{"type": "thinking", "thinking": [{"text": "hm"}]}, {"type": "text"}]},
        Message("assistant", [{"type": "text"}], reasoning="hm"),
    ),
    "tool": (
        {"role": "tool", "tool_call_id": "c1", "content": "12"},
        Message("tool", "12", tool_call_id="c1"),
    ),
    "tool with an object": (
        {"role": "tool", "tool_call_id": "c1", "content": {"b": 1.0, "a": 2}},
        Message("tool", '{"a":2,"b":1}', tool_call_id="c1"),
    ),
    "function": ({"role": "function", "name": "f", "content": "12"}, Message("function", "12", name="f")),
    "function call": (
        {"role": "assistant", "function_call": {"name": "f", "arguments": {"a": 1}}},
        Message("assistant", function_call={"name": "f", "arguments": '{"a":1}'}),
    ),
    "developer": ({"role": "developer", "content": "x"}, Message("developer", "x")),
    "custom call": (
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "sh", "input": "ls"}}]},
        Message("assistant", None, [{"id": "c", "type": "custom", "function": {"name": "sh", "arguments": "ls"}}]),
    ),
    "call without id": (
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]},
        Message("assistant", None, [{**CALL, "id": ""}]),
    ),
    "reasoning": ({"role": "assistant", "reasoning_content": "hm"}, Message("assistant", reasoning="hm")),
    "refusal": ({"role": "assistant", "refusal": "no", "content": None}, Message("assistant", refusal="no")),
    "id and more": (
        {"role": "user", "content": "a", "id": "m1", "name": "Ann", "mood": "good", "cache_control": {}, "x": None},
        Message("user", "a", id="m1", name="Ann", extra={"mood": "good"}),
    ),
    "audio": (
        {"role": "assistant", "audio": {"id": "a1", "data": "AAAA"}},
        Message("assistant", extra={"audio": {"id": "a1"}}),
    ),
    "unknown role": ({"role": "critic", "content": "a"}, Message("critic", "a")),
    "wrong types": ({"role": "user", "content": 7, "name": 7, "tool_calls": "x", "id": 7}, Message("user", "7")),
}


@pytest.mark.parametrize(("raw", "message"), SAID.values(), ids=SAID)
def test_messages_asked(raw, message):
    """Each form of a message that clients send is understood."""
    assert read_request(exchange(request={"messages": [raw]})).messages == [message]


def test_request():
    """What a request says besides its messages is read."""
    body = {"model": "m-2", "messages": [], "stream": True, "n": 3, "user": "u1", "metadata": {"a": "b"}, "tools": []}
    asked = read_request(exchange(request=body))

    assert (asked.model, asked.stream, asked.n, asked.user, asked.metadata) == ("m-2", True, 3, "u1", {"a": "b"})
    assert asked.body == body


def test_request_says_little():
    """What a request leaves out, or says in another type, has its default."""
    body = {"model": 7, "messages": [], "stream": "yes", "n": "three", "user": "", "metadata": "x"}
    asked = read_request(exchange(request=body))

    assert (asked.model, asked.stream, asked.n, asked.user, asked.metadata) == (None, False, 1, None, {})


def test_coded_request():
    """A content-coded request is read as if it were not; lone surrogates in it are replaced."""
    body = gzip.compress(b'{"messages":[{"role":"user","content":"a\\ud83d"}]}')

    assert read_request(exchange(request=body, coding="gzip")).messages == [Message("user", "a\ufffd")]


UNREADABLE_REQUESTS = {
    "no JSON": (b"model=m", "not JSON"),
    "a list": ([], "not a JSON object"),
    "no messages": ({"model": "m"}, "no list of messages"),
    "messages no list": ({"messages": "Hi"}, "no list of messages"),
    "a string for a message": ({"messages": ["Hi"]}, "without a role"),
    "no role": ({"messages": [{"content": "Hi"}]}, "without a role"),
}


@pytest.mark.parametrize(("body", "reason"), UNREADABLE_REQUESTS.values(), ids=UNREADABLE_REQUESTS)
def test_unreadable_requests(body, reason):
    """A request that cannot be understood is refused with the reason."""
    with pytest.raises(RecordUnreadable, match=reason):
        read_request(exchange(request=body))


@pytest.mark.parametrize(("coding", "reason"), [("lzma", "lzma"), ("gzip", "cut or damaged")])
def test_undecodable_requests(coding, reason):
    """A request under an unknown or broken coding is refused with the reason."""
    with pytest.raises(RecordUnreadable, match=reason):
        read_request(exchange(request=b"{}", coding=coding))
