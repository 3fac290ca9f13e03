"""The rules for answers find every breach that is fatal to the official SDK, and nothing in what is right."""

import copy

import pytest

from tests.sdk_query_rules import NAMES, QUERIES, TOP_SEARCHES, WEEKLY_SEARCHERS, export_faults
from tests.sdk_rules import (
    CONVERSATION,
    DELETED,
    EVENT,
    FEEDBACK,
    FEEDBACK_LIST,
    FEEDBACK_WITH_MESSAGE,
    faults_of,
    problem_faults,
)
from tests.sdk_samples import CHAT, HAPPENED, RATED, RATED_LIST, ROWS, SAMPLES, SEARCHED, THUMB, TIME, WEEK, asked


@pytest.mark.parametrize(("check", "answer"), SAMPLES.values(), ids=SAMPLES)
def test_what_is_right(check, answer):
    """An answer with all that it needs has no fault, and neither has one with more than that."""
    assert faults_of(check, answer) == []
    assert faults_of(check, answer | {"more": 1}) == []


def changed(answer, path, value):
    """A copy of an answer with one value changed; `...` takes it away."""
    told = copy.deepcopy(answer)
    *parents, last = path
    inner = told
    for key in parents:
        inner = inner[key]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    return told


@pytest.mark.parametrize(
    ("check", "answer", "path", "value"),
    [
        *((CONVERSATION, CHAT, (key,), ...) for key in CHAT),
        *((CONVERSATION, CHAT, ("messages", 0, "role"), role) for role in ("tool", "developer", "function", None)),
        *((CONVERSATION, CHAT, ("messagesOpenAIFormat", 0, "role"), role) for role in ("tool", "developer")),
        *((CONVERSATION, CHAT, (key, 0, "content"), None) for key in ("messages", "messagesOpenAIFormat")),
        (CONVERSATION, CHAT, ("messages", 0, "content", 0, "type"), "input_audio"),
        (CONVERSATION, CHAT, ("messages", 0, "content", 0, "text"), 5),
        (CONVERSATION, CHAT, ("messages", 0, "tool_calls", 0, "type"), "custom"),
        (CONVERSATION, CHAT, ("messages", 0, "tool_calls", 0, "function", "arguments"), {}),
        (CONVERSATION, CHAT, ("messages", 0, "links", 0, "url"), ...),
        (CONVERSATION, CHAT, ("messages", 0, "type"), ...),
        (CONVERSATION, CHAT, ("messages", 0, "createdAt"), 1_763_797_565_000),
        (CONVERSATION, CHAT, ("messages", 0, "userProperties", "userId"), {}),
        (CONVERSATION, CHAT, ("createdAt",), 1_763_797_565_000),
        (FEEDBACK, THUMB, ("updatedAt",), ...),
        (FEEDBACK, THUMB, ("reasons", 0, "details"), ...),
        (FEEDBACK_WITH_MESSAGE, RATED, ("conversation",), None),
        (FEEDBACK_WITH_MESSAGE, RATED, ("message",), None),
        (FEEDBACK_LIST, RATED_LIST, ("positiveFeedback", 0, "message", "content"), None),
        (EVENT, HAPPENED, ("searchQuery",), ...),
        (EVENT, HAPPENED, ("projectId",), ...),
        (DELETED, {"success": True, "message": ""}, ("success",), 1),
        (NAMES, {"results": ["a"]}, ("results", 0), 1),
        (TOP_SEARCHES, SEARCHED, ("data", "result", 0, "count"), 1),
        (WEEKLY_SEARCHERS, WEEK, ("data", "result", 0, "unique_users"), 1),
    ],
)
def test_what_is_fatal(check, answer, path, value):
    """Each breach is found, at its place."""
    assert faults_of(check, changed(answer, path, value))


@pytest.mark.parametrize(
    ("view", "key", "value"),
    [
        *(("conversations", key, None) for key in ("id", "count", "avg_userMessageCount", "firstMessageTime_week")),
        ("conversations", "firstMessageTime", "2026-01-01 00:00:00+00"),
        ("conversations", "count", "1"),
        ("conversations", "type", "email"),
        ("conversations", "userProperties.userId", 5),
        ("conversations", "min_firstMessageTime", TIME),
        *(("events", key, None) for key in ("organizationId", "messageId", "conversationId", "searchQuery")),
        ("events", "properties", {"a": 1}),
        ("events", "userProperties", []),
        ("feedback", "conversationId", None),
        ("feedback", "type", "mixed"),
        ("feedback", "reasons", [{"label": "x"}]),
        ("semantic-threads", "conversationIds", None),
        ("semantic-threads", "lastUpdated", None),
    ],
)
def test_what_is_fatal_in_a_row(view, key, value):
    """A value of the wrong kind in one row makes the whole answer unreadable."""
    assert faults_of(QUERIES[view], asked(ROWS[view] | {key: value}))


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"a,b\r\n1,2\r\n"),
        ("text/csv", b""),
        ("text/csv", b"a,b\r\n1\r\n"),
        ("text/csv", b"a\r\n=1+1\r\n"),
        ("text/csv", b"a\r\n@x\r\n"),
    ],
)
def test_what_is_wrong_in_a_file(kind, body):
    """A file of another type, without a header, with ragged rows or with formulas has faults; a right one has none."""
    assert export_faults(kind, body)
    assert export_faults("text/csv; charset=utf-8", b"a,b\r\n'=1,-5.5\r\n") == []


def test_what_is_wrong_in_a_problem():
    """A problem of another content type or with another status's code is none."""
    told = {"code": "not_found", "message": "x"}
    problem = {"title": "x", "status": 404, "detail": "x", "code": "not_found", "error": told}

    assert problem_faults(404, "application/problem+json", problem) == []
    assert problem_faults(404, "application/json", problem)
    assert problem_faults(400, "application/problem+json", problem | {"status": 400})
    for name in problem:
        assert problem_faults(404, "application/problem+json", {k: v for k, v in problem.items() if k != name})
