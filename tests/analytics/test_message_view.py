"""What a page shows of one message, on paper."""

import pytest

from proxy.analytics.message_view import message_view
from tests.analytics.looking import message


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
            ["m", "1.2 s", "first token 250 ms", "1,200 + 5 tokens", "length"],
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
            "id": f"f-{name}",
            "userProperties": {"id": "portal"},
            "messageId": name,
            "type": "negative",
            "reasons": [{"label": "inaccurate_statement", "details": ""}],
            "details": "wrong",
            "createdAt": "2025-11-22T07:46:05.000Z",
        }
        for name in ("m1", "m2")
    ]

    assert message_view(message(), feedback)["feedback"] == [
        {
            "id": "f-m1",
            "message": "m1",
            "positive": False,
            "reasons": [{"label": "inaccurate statement", "details": ""}],
            "details": "wrong",
            "at": "2025-11-22T07:46:05.000Z",
            "is_reader": True,
        }
    ]
