"""What pages show, on paper; and that it is made of anything."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.analytics.views import chat_line, message_view, transcript, user_of
from tests.core.sayings import JSON

CHAT = {
    "id": "c1",
    "updated_at": 1_763_797_565_000,
    "question": "hi",
    "user_message_count": 1,
    "user_properties": {"userId": "u1"},
    "properties": {"model": "m"},
    "positive": 0,
    "negative": 2,
    "interrupted": 1,
}


def message(content="hi", role="assistant", **fields):
    nothing = {"name": None, "links": None, "properties": None, "tool_calls": None}
    times = {"createdAt": "2025-11-22T07:46:05.000Z", "updatedAt": "2025-11-22T07:46:05.000Z"}
    return {"id": "m1", "role": role, "content": content} | nothing | times | fields


def test_a_line():
    """A line of the list tells when, what, who, with what, and how it went."""
    assert chat_line(CHAT) == {
        "id": "c1",
        "day": "Saturday, 22 November 2025",
        "time": "07:46",
        "iso": "2025-11-22T07:46:05.000+00:00",
        "question": "hi",
        "turns": "1 turn",
        "user": "u1",
        "model": "m",
        "positive": 0,
        "negative": 2,
        "interrupted": True,
    }


def test_results_stand_beside_their_calls():
    """Each tool call has its own results, JSON on several lines; results of no call stand apart."""
    calls = [
        {"id": name, "type": "function", "function": {"name": f"f{name}", "arguments": '{"x":1}'}}
        for name in ("a", "b")
    ]
    results = [
        {"tool_call_id": "b", "content": "plain"},
        {"tool_call_id": "a", "content": [{"type": "text", "text": "[1]"}]},
        {"tool_call_id": "z", "content": {"odd": 1}},
        "not a result",
    ]

    view = message_view(message(tool_calls=calls, properties={"toolResults": results}), [])

    assert view["calls"] == [
        {"name": "fa", "arguments": '{\n  "x": 1\n}', "results": ["[\n  1\n]"]},
        {"name": "fb", "arguments": '{\n  "x": 1\n}', "results": ["plain"]},
    ]
    assert view["loose_results"] == ['{\n  "odd": 1\n}']


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("data:image/png;base64,AAAA", "picture"),
        ("data:image/svg+xml;base64,AAAA", "address"),
        ("data:text/html;base64,AAAA", "address"),
        ("https://example.com/pixel.png", "address"),
        ("javascript:alert(1)", "address"),
    ],
)
def test_pictures(url, kind):
    """Only bitmaps that are in the message are shown; addresses are told, never fetched."""
    view = message_view(message([{"type": "image_url", "image_url": {"url": url}}]), [])

    assert view["content"] == [{"kind": kind, "value": url}]


@pytest.mark.parametrize(
    ("url", "shown"),
    [("https://a", True), ("HTTP://a", True), ("javascript:alert(1)", False), (" https://a", False), ("//a", False)],
)
def test_links(url, shown):
    """Only links that lead to a web page can be followed."""
    assert bool(message_view(message(links=[{"url": url}]), [])["links"]) is shown


@pytest.mark.parametrize(
    ("properties", "meta"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param(
            {
                "model": "m",
                "latencyMs": 1234,
                "timeToFirstTokenMs": 250,
                "usage": {"prompt_tokens": 1200, "completion_tokens": 5},
                "finishReason": "length",
            },
            ["m", "1.2 s", "first token 0.2 s", "1,200 + 5 tokens", "length"],
            id="all",
        ),
        pytest.param({"usage": {"input_tokens": 1, "output_tokens": 2}}, ["1 + 2 tokens"], id="the other names"),
        pytest.param({"finishReason": "stop", "latencyMs": "fast", "usage": []}, [], id="ordinary or odd"),
    ],
)
def test_small_print(properties, meta):
    """Under an answer stands what is known of it."""
    assert message_view(message(properties=properties), [])["meta"] == meta


@pytest.mark.parametrize(("said", "shown"), [(True, True), (False, False), ("true", False), (None, False)])
def test_a_refusal_is_marked(said, shown):
    """An answer that refuses says so; only the flag that the format sets counts, not what a client wrote there."""
    assert message_view(message(properties={"refusal": said}), [])["refused"] is shown


@pytest.mark.parametrize(
    ("cause", "words"),
    [
        ("client", "the client left"),
        ("crash", "the proxy was stopped"),
        (True, "cut off"),
        (["x"], "cut off"),
        (None, ""),
    ],
)
def test_interruptions(cause, words):
    """An answer that is not whole says why."""
    assert message_view(message(properties={"interrupted": cause}), [])["interrupted"] == words


def test_feedback_stands_in_its_place():
    """A message shows the feedback on it, in words, and no other's."""
    feedback = [
        {
            "messageId": name,
            "type": "negative",
            "reasons": [{"label": "inaccurate_statement", "details": ""}],
            "details": "wrong",
            "createdAt": "2025-11-22T07:46:05.000Z",
        }
        for name in ("m1", "m2")
    ]

    assert message_view(message(), feedback)["feedback"] == [
        {"positive": False, "words": "inaccurate statement · wrong", "time": "2025-11-22 07:46 UTC"}
    ]


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
    "source",
]


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=5))
def test_properties_are_anything(properties):
    """No property that a client can send breaks a page."""
    told = {"id": "c", "createdAt": "2025-11-22T07:46:05.000Z", "updatedAt": "2025-11-22T07:46:05.000Z", "tags": None}
    messages = [message(properties=properties)]

    view = transcript(told | {"properties": properties, "userProperties": None, "messages": messages, "replaced": [], "feedback": []})  # fmt: skip

    assert view["facts"]["Id"] == "c"
    assert chat_line(CHAT | {"properties": properties, "user_properties": properties})["id"] == "c1"
