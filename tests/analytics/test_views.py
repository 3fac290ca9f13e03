"""What pages show, on paper; and that it is made of anything."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.analytics.views import said, texts, transcript, user_of
from tests.analytics.looking import message
from tests.core.sayings import JSON


@pytest.mark.parametrize(
    ("properties", "user"),
    [({"userId": 7}, "7"), ({"id": "a"}, "a"), ({"userId": {}, "id": "a"}, "a"), ({"userId": True}, ""), ({}, "")],
)
def test_users(properties, user):
    """Who it was is an id in a word."""
    assert user_of(properties) == user


NAMES = [
    "toolResults",
    "reasoning",
    "usage",
    "model",
    "latencyMs",
    "interrupted",
    "originalRole",
    "alternatives",
    "server_tool_calls",
    "source",
    "messages",
]
AT = "2025-11-22T07:46:05.000Z"


def told(**fields):
    """What the store tells of a conversation."""
    nothing = {"properties": None, "userProperties": None, "tags": None, "replaced": [], "feedback": [], "events": []}
    nothing["costUsd"] = 0.25
    return {"id": "c", "createdAt": AT, "updatedAt": AT, "messages": [message()], "share": ""} | nothing | fields


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=5))
def test_properties_are_anything(properties):
    """No property that a client can send, of a conversation, a message or an event, breaks a page."""
    event = {"type": "x", "createdAt": AT, "messageId": "m1", "properties": properties}

    view = transcript(told(properties=properties, messages=[message(properties=properties)], events=[event]))

    assert (view["facts"]["Id"], view["facts"]["Cost"]) == ("c", "$0.2500")
    assert list(texts(view))[0] == "hi"


def at(second):
    return f"2025-11-22T07:46:{second:02d}.000Z"


@pytest.mark.parametrize(
    ("event", "place"),
    [
        pytest.param({"createdAt": at(1)}, 0, id="before all"),
        pytest.param({"createdAt": at(12)}, 1, id="after the first"),
        pytest.param({"createdAt": at(20)}, 2, id="with the second"),
        pytest.param({"createdAt": at(50)}, 3, id="after all"),
        pytest.param({"createdAt": at(1), "messageId": "m2"}, 2, id="of a message, by a clock that is slow"),
        pytest.param({"createdAt": at(50), "messageId": "m0"}, 3, id="of a message that is gone"),
    ],
)
def test_events_stand_where_they_happened(event, place):
    """An event stands behind what was said before it, and never before the message that it tells of."""
    messages = [message(id=f"m{number}", createdAt=at(10 * number)) for number in (1, 2, 3)]

    line = transcript(told(messages=messages, events=[{"type": "message:copied", "properties": None} | event]))["line"]

    if place == 0:
        assert line.pop(0)["message"] is None
    assert [len(one["events"]) for one in line] == [int(number == place) for number in (1, 2, 3)]


def test_what_an_event_tells_is_told_once():
    """An answer that was regenerated stands with the event that tells of it, not among those that were replaced."""
    old = {"id": "old", "role": "assistant", "content": "first try"}
    event = {"type": "message:regenerated", "createdAt": AT, "messageId": "m1", "properties": {"messages": [old, "x"]}}

    view = transcript(told(events=[event], replaced=[message(id="old"), message(id="other")]))

    (shown,) = view["line"][0]["events"]
    assert [one["id"] for one in shown["messages"]] == ["old"]
    assert [one["id"] for one in view["replaced"]] == ["other"]
    assert list(texts(view)) == ["hi", "first try", "hi"]


def test_strangers_see_what_was_said():
    """Behind a link stands what user and assistant said: no instructions, reasoning, tools, names or properties."""
    secret = {"reasoning": "SECRET", "model": "SECRET", "toolResults": [{"content": "SECRET"}]}
    call = {"id": "t", "type": "function", "function": {"name": "SECRET", "arguments": "SECRET"}}
    messages = [
        message("SECRET", "system"),
        message("hello", "user", name="SECRET"),
        message("", tool_calls=[call]),
        message("hi", properties=secret, tool_calls=[call]),
    ]

    shown = said(told(messages=messages, properties=secret, userProperties={"userId": "SECRET"}, tags=["SECRET"]))

    assert "SECRET" not in repr(shown)
    assert [one["message"]["content"][0]["value"] for one in shown["line"]] == ["hello", "hi"]
