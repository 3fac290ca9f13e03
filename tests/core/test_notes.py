"""Feedback and events: what real clients send, and what comes back."""

import pytest

from proxy.core.notes import build_event, build_feedback, emit_event, emit_feedback, read_event, read_feedback
from proxy.errors import ApiError
from tests.sdk_rules import EVENT, FEEDBACK, faults_of

NOW = 1_763_797_565_000


def emitted_feedback(body):
    return emit_feedback({"id": "f1", "createdAt": NOW, "updatedAt": NOW} | read_feedback(body))


def emitted_event(body):
    return emit_event({"id": "e1", "createdAt": NOW} | read_event(body))


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({}, id="least"),
        pytest.param({"reasons": []}, id="empty reasons"),
        pytest.param({"reasons": ["inaccurate_statement"]}, id="bare labels"),
        pytest.param({"reasons": [{"label": "x"}]}, id="no details"),
        pytest.param({"reasons": [{"label": "x", "details": None}], "details": None}, id="null details"),
        pytest.param({"sources": [{"type": "odd", "url": "u", "title": 3}, {}]}, id="odd sources"),
        pytest.param({"userProperties": {"id": 7, "userType": 1}, "properties": {"a": 1}, "extra": 1}, id="properties"),
        pytest.param({"reasons": None, "sources": None, "properties": None, "userProperties": None}, id="nulls"),
    ],
)
def test_feedback_is_taken_and_given_back(more):
    """Feedback as real clients send it is answered as the SDK wants it."""
    assert faults_of(FEEDBACK, emitted_feedback({"type": "positive", "messageId": "m1"} | more)) == []


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        pytest.param([], ["", "/type", "/messageId"], id="not an object"),
        pytest.param({"type": "meh", "messageId": ""}, ["/type", "/messageId"], id="unknown type, empty id"),
        pytest.param({"type": "positive", "messageId": "m", "reasons": [1]}, ["/reasons"], id="reason is a number"),
        pytest.param({"type": "positive", "messageId": "m", "reasons": "x"}, ["/reasons"], id="reasons not an array"),
        pytest.param({"type": "positive", "messageId": "m", "sources": [1]}, ["/sources"], id="source is a number"),
        pytest.param({"type": "positive", "messageId": "m", "details": 1}, ["/details"], id="details is a number"),
    ],
)
def test_wrong_feedback_is_refused(body, pointers):
    """Every wrong field of feedback is named."""
    with pytest.raises(ApiError) as refused:
        read_feedback(body)

    assert [one["pointer"] for one in refused.value.errors] == pointers


@pytest.mark.parametrize(
    ("body", "entity"),
    [
        pytest.param({"entityType": "message", "messageId": "m"}, ("message", "messageId", "m"), id="said"),
        pytest.param({"messageId": "m"}, ("message", "messageId", "m"), id="by key"),
        pytest.param({"conversationId": "c"}, ("conversation", "conversationId", "c"), id="by conversation"),
        pytest.param({"searchQuery": "q"}, ("search", "searchQuery", "q"), id="by search"),
        pytest.param({"properties": {"messageId": "m"}}, ("message", "messageId", "m"), id="in the properties"),
        pytest.param(
            {"properties": {"conversation": {"id": "c", "messages": [{"content": "secret"}]}}},
            ("conversation", "conversationId", "c"),
            id="a whole conversation in the properties",
        ),
    ],
)
def test_what_an_event_is_about(body, entity):
    """The entity of an event is said, or inferred; a nested conversation becomes a reference."""
    answer = emitted_event({"type": "message:copied"} | body)

    kind, key, value = entity
    assert faults_of(EVENT, answer) == []
    assert (answer["entityType"], answer[key]) == (kind, value)
    assert "secret" not in str(answer)


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        pytest.param(7, ["", "/type", "/entityType"], id="not an object"),
        pytest.param({"messageId": "m"}, ["/type"], id="no type"),
        pytest.param({"type": "x"}, ["/entityType"], id="about nothing"),
        pytest.param(
            {"type": "x", "entityType": "message", "searchQuery": "q"}, ["/messageId"], id="its key is missing"
        ),
        pytest.param({"type": "x", "entityType": "user", "messageId": "m"}, ["/entityType"], id="unknown entity"),
        pytest.param({"type": "x", "messageId": 7}, ["/messageId"], id="numeric id"),
    ],
)
def test_wrong_events_are_refused(body, pointers):
    """Every wrong field of an event is named."""
    with pytest.raises(ApiError) as refused:
        read_event(body)

    assert [one["pointer"] for one in refused.value.errors] == pointers


def test_a_search_for_nothing():
    """An empty search is one, as the SDK sends it; an entity's id must not be empty."""
    searched = read_event({"type": "search_query_submitted", "entityType": "search", "searchQuery": ""})

    assert emit_event({**searched, "id": "e", "createdAt": 0})["searchQuery"] == ""
    with pytest.raises(ApiError):
        read_event({"type": "x", "entityType": "message", "messageId": ""})


def test_the_widget_calls_the_type_event_name():
    """An event's name is taken from `eventName` when `type` is not there, or null."""
    assert read_event({"type": None, "eventName": "x", "conversationId": "c"})["type"] == "x"
    assert read_event({"eventName": "chat_share_button_clicked", "conversationId": "c"})["type"] == (
        "chat_share_button_clicked"
    )


def test_feedback_is_built_from_its_answer():
    """What the proxy answered a client with becomes the same feedback on the message it turned out to speak of."""
    said = emitted_feedback({"type": "negative", "messageId": "chatcmpl-1", "reasons": ["x"], "details": "wrong"})

    built = build_feedback(said, "m-9")

    assert emitted_feedback(built) == said | {"messageId": "m-9"}
    assert "details" not in build_feedback(emitted_feedback({"type": "positive", "messageId": "m"}), "m")


def test_an_event_is_built_from_its_answer():
    """An event keeps what it was about unless a better id is known."""
    said = emitted_event({"type": "message:copied", "messageId": "chatcmpl-1"})

    assert emitted_event(build_event(said)) == said
    assert build_event(said, message_id="m-9", conversation_id="c")["messageId"] == "m-9"
    assert "conversationId" not in build_event(said, conversation_id="c")
