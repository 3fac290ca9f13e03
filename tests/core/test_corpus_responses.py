"""Recorded Responses answers, and handmade ones, where the corpus lies beside the project."""

import json
import re

import pytest

from proxy.core.answer_stream import AnswerStream
from proxy.core.dialect import dialect_of
from proxy.core.item_messages import CLIENT_CALLS
from proxy.core.message import text_of
from proxy.core.responses_answer import FINAL, ResponseAnswer
from tests.recordings import CORPUS, each, needs_corpus

from .cuts import ways
from .exchanges import entry, exchange
from .test_corpus import CODINGS, EVENT_END, LONG, comparable

TARGET = "/v1/responses"


def cases():
    for path in sorted(CORPUS.glob("*/responses*/case.json")):
        case = json.loads(path.read_text())
        case["body"] = (path.parent / case["response"]["body"]).read_bytes()
        case["expected"] = json.loads((path.parent / "expected.json").read_text())["expected"]
        yield case


CASES = {case["id"]: case for case in cases()}
STREAMED = [
    pytest.param(name, marks=[pytest.mark.slow] * (len(case["body"]) > LONG))
    for name, case in CASES.items()
    if case["stream"]
]
FINAL_EVENT = re.compile(rb'"type": ?"response\.(completed|incomplete|failed)"')


def told(case, body=None, coding=""):
    headers = {name.lower(): value for name, value in case["response"]["headers"].items()}
    return exchange(
        case["body"] if body is None else body,
        case["request"]["json"] or {"input": "?"},
        target=TARGET,
        status=case["response"]["status"],
        content_type=headers.get("content-type", ""),
        answer_coding=coding,
    )


def read(*args, **more):
    return dialect_of("POST", TARGET).read_answer(told(*args, **more))


def messages_of(answered):
    return [message for choice in answered.choices for message in (*choice.earlier, choice.message)]


def differing(case, answered):
    """The fields in which an answer is not what is expected of it."""
    expected, messages = case["expected"], messages_of(answered)
    names = {"model": "model", "id": "completion_id", "usage": "usage", "error": "error", "complete": "complete"}
    wrong = {key for key, name in names.items() if key in expected and expected[key] != getattr(answered, name)}
    if len(messages) != len(expected["messages"]):
        return wrong | {"messages"}
    for left, right in zip(expected["messages"], messages, strict=True):
        if comparable(left, with_ids=True) != comparable(right.to_json(), with_ids=True):
            wrong.add(f"message {left}")
        if left.get("phase") != right.extra.get("phase"):
            wrong.add("phase")
    if answered.choices and expected["status"] in FINAL - {"incomplete"}:
        wrong |= {"finish_reason"} if answered.choices[0].finish_reason != expected["status"] else set()
    return wrong


@needs_corpus
def test_corpus_is_whole():
    """The corpus holds the cases that are counted on."""
    assert len(CASES) > 100
    assert len(STREAMED) > 70


@pytest.mark.parametrize("name", each(CASES))
def test_answer(name):
    """Each recorded answer becomes what is expected of it, in every field."""
    assert differing(CASES[name], read(CASES[name])) == set()


@pytest.mark.parametrize("name", each(STREAMED))
def test_any_cut(name):
    """Each recorded stream gives byte by byte, and at seeded cuts, what it gives whole."""
    answers = []
    for reads in ways(CASES[name]["body"], seeds=2):
        answer = ResponseAnswer()
        stream = AnswerStream(answer)
        for one in reads:
            stream.feed(one)
        stream.close()
        answers.append((answer.result(is_done=stream.is_done), stream.unreadable_events))

    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("name", each(CASES))
def test_coded(name, coding):
    """Each recorded answer is read under every content coding as it is without."""
    case = CASES[name]

    assert read(case, CODINGS[coding](case["body"]), coding) == read(case)


@pytest.mark.parametrize("name", each(STREAMED))
def test_cut_at_every_event(name):
    """A stream that ends after any event before the final one is the beginning of its answer, and not complete."""
    case = CASES[name]
    final = messages_of(read(case))
    body = case["body"]
    for end in borders(body):
        answered = read(case, body[:end])
        assert not answered.complete
        assert answered.is_pending or entry(answer=answered).properties["interrupted"] == "upstream"
        messages = messages_of(answered)
        assert len(messages) <= len(final)
        for left, right in zip(messages, final, strict=False):
            assert is_beginning(left, right)


def borders(body):
    """Where events end before the final one."""
    final = FINAL_EVENT.search(body)
    ends = [match.end() for match in EVENT_END.finditer(body)]
    return [end for end in ends if final is None or end <= final.start()]


def is_beginning(left, right):
    calls = list(zip(left.tool_calls, right.tool_calls, strict=False))
    return (
        text_of(right.content).startswith(text_of(left.content))
        and (right.refusal or "").startswith(left.refusal or "")
        and (right.reasoning or "").startswith(left.reasoning or "")
        and len(left.tool_calls) <= len(right.tool_calls)
        and all(one["id"] == other["id"] and one["type"] == other["type"] for one, other in calls)
        and all(
            other["function"]["arguments"].startswith(one["function"]["arguments"])
            for one, other in calls
            if one["function"]["name"] not in CLIENT_CALLS  # an action is opened as an object without its words
        )
    )


@pytest.mark.parametrize(
    "name", each([name for name, case in CASES.items() if "input" in (case["request"]["json"] or {})])
)
def test_request(name):
    """Each recorded request's messages are read, with their roles and texts."""
    case = CASES[name]
    given = case["request"]["json"]
    asked = dialect_of("POST", TARGET).read_request(told(case))
    items = given["input"] if isinstance(given["input"], list) else [{"role": "user", "content": given["input"]}]
    spoken = [item for item in items if item.get("role")]
    answered = [item for item in items if item.get("type") == "function_call_output"]
    said = [one for one in asked.messages[bool(given.get("instructions")) :] if one.role != "tool"]

    assert [one.tool_call_id for one in asked.messages if one.role == "tool"] == [one["call_id"] for one in answered]
    assert [one.content for one in asked.messages if one.role == "tool"] == [one["output"] for one in answered]
    assert [(one.role, text_of(one.content)) for one in said if text_of(one.content)] == [
        (one["role"], text_of(one["content"])) for one in spoken
    ]
    called = [item["call_id"] for item in items if item.get("type") == "function_call"]
    assert [call["id"] for one in said for call in one.tool_calls] == called
