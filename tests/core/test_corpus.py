"""Recorded answers of some thirty upstreams, and handmade ones, where the corpus lies beside the project."""

import gzip
import json
import re
import zlib
from dataclasses import replace

import brotli
import pytest

from proxy.core.answer_stream import AnswerStream
from proxy.core.caller import Caller
from proxy.core.chat_answer import ChatAnswer
from proxy.core.coding import zstd
from proxy.core.completions import CompletionAnswer
from proxy.core.dialect import dialect_of
from proxy.core.entry import entry_of
from proxy.core.jsontext import canonical, write
from proxy.core.message import text_of
from proxy.core.wire import Logged, Snapshot, build_conversation, emit_conversation, read_conversation
from tests.recordings import CORPUS, each, needs_corpus
from tests.sdk_rules import CONVERSATION, faults_of

from .cuts import ways
from .exchanges import exchange

CODINGS = {
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=5),
    "zstd": zstd.compress,
}
EVENT_END = re.compile(rb"\r?\n\r?\n")
#: Bytes of a stream from which on it takes seconds to be read byte by byte, or up to each of its events.
LONG = 20_000
TARGETS = {"chat": "/v1/chat/completions", "completions": "/v1/completions"}
ANSWERS = {"chat": ChatAnswer, "completions": CompletionAnswer}

#: Where we hold an expectation wrong, and what of it.
DISSENTS = {
    # The only reasoning came in `reasoning_details`, of type `reasoning.text`: it is the reasoning (K6).
    "snowflake/chat-pydantic-ai-test-snowflake-test-snowflake-thinking-streaming-0": {"reasoning"},
}


def cases():
    for path in sorted(CORPUS.glob("*/*/case.json")):
        case = json.loads(path.read_text())
        if case["endpoint"] in TARGETS:
            case["body"] = path.parent / case["response"]["body"]
            case["expected"] = json.loads((path.parent / "expected.json").read_text())["expected"]
            yield case


CASES = {case["id"]: case for case in cases()}


def told(case):
    headers = {name.lower(): value for name, value in case["response"]["headers"].items()}
    return exchange(
        case["body"].read_bytes(),
        case["request"]["json"] or {},
        target=TARGETS[case["endpoint"]],
        status=case["response"]["status"],
        content_type=headers.get("content-type", ""),
    )


def read(case):
    return dialect_of("POST", TARGETS[case["endpoint"]]).read_answer(told(case))


def comparable(message, *, with_ids):
    """What must be equal of a message in OpenAI's form."""
    call = message.get("function_call")
    return {
        "content": text_of(message.get("content")),
        "refusal": message.get("refusal") or "",
        "reasoning": message.get("reasoning") or "",
        "function_call": call and (call["name"], canonical(call["arguments"])),
        "tool_calls": [
            (with_ids and one["id"], one["function"]["name"], canonical(one["function"]["arguments"]))
            for one in message.get("tool_calls") or ()
        ],
    }


def differing(case, answered):
    """The fields in which an answer is not what is expected of it."""
    expected, with_ids = case["expected"], not case.get("flags", {}).get("ignore_ids")
    got = {"model": answered.model, "id": answered.completion_id, "usage": answered.usage}
    wrong = {name for name, value in got.items() if name in expected and expected[name] != value}
    if answered.complete != expected["complete"]:
        wrong.add("complete")
    choices = {one.index: one for one in answered.choices}
    if sorted(choices) != sorted(one["index"] for one in expected["choices"]):
        return wrong | {"choices"}
    for one in expected["choices"]:
        choice = choices[one["index"]]
        left = comparable(one["message"], with_ids=with_ids)
        right = comparable(choice.message.to_json(), with_ids=with_ids)
        wrong |= {name for name in left if left[name] != right[name]}
        wrong |= {"finish_reason"} if one["finish_reason"] != choice.finish_reason else set()
    return wrong


def with_marks(names):
    """The cases of a test that takes long for long streams."""
    sizes = {name: CASES[name]["body"].stat().st_size for name in names}
    return [pytest.param(name, marks=[pytest.mark.slow] * (size > LONG)) for name, size in sizes.items()]


STREAMED = with_marks([name for name, case in CASES.items() if case["body"].suffix == ".sse"])


@needs_corpus
def test_corpus_is_whole():
    """The corpus holds the cases that are counted on."""
    assert len(CASES) > 300
    assert set(CASES) >= set(DISSENTS)


@pytest.mark.parametrize("name", each([name for name, case in CASES.items() if case["expected"]]))
def test_answer(name):
    """Each recorded answer becomes what is expected of it, in every field."""
    case = CASES[name]

    assert differing(case, read(case)) == DISSENTS.get(name, set())


@pytest.mark.parametrize("name", each(STREAMED))
def test_any_cut(name):
    """Each recorded stream gives byte by byte, and at seeded cuts, what it gives whole."""
    recorded = told(CASES[name])
    answers = []
    for reads in ways(recorded.answer, seeds=2):
        answer = ANSWERS[CASES[name]["endpoint"]]()
        stream = AnswerStream(answer)
        for read in reads:
            stream.feed(read)
        stream.close()
        answers.append((answer.result(ended_well=stream.is_done), stream.unreadable_events))

    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize("name", each([name for name, case in CASES.items() if case["expected"]]))
def test_coded(name):
    """Each recorded answer under each content coding becomes what it becomes without."""
    case = CASES[name]
    recorded = told(case)
    for coding, coded in CODINGS.items():
        headers = recorded.answer_headers | {"content-encoding": coding}
        under = replace(recorded, answer=coded(recorded.answer), answer_headers=headers)
        assert dialect_of("POST", under.target).read_answer(under) == read(case), coding


@pytest.mark.parametrize("name", each(STREAMED))
def test_cut_at_event_borders(name):
    """Each recorded stream cut between any two events is the beginning of its answer, and marked as interrupted."""
    case = CASES[name]
    recorded = told(case)
    asked = dialect_of("POST", TARGETS["chat"]).read_request(exchange())
    whole = {choice.index: choice.message for choice in read(case).choices}
    for border in EVENT_END.finditer(recorded.answer):
        cut = replace(recorded, answer=recorded.answer[: border.end()])
        answered = dialect_of("POST", cut.target).read_answer(cut)
        finished = bool(answered.choices) and all(choice.finish_reason for choice in answered.choices)
        assert answered.complete == (
            (b"[DONE]" in cut.answer or finished) and bool(answered.choices) and not answered.error
        )
        assert not entry_of(cut, "", asked, answered, Caller()).properties.get("interrupted") == answered.complete
        assert all(is_beginning(choice.message, whole[choice.index]) for choice in answered.choices)


def is_beginning(message, whole):
    """Whether a message is the beginning of another; half an emoji is none yet."""
    calls = list(zip(message.tool_calls, whole.tool_calls, strict=False))
    texts = [(text_of(message.content), text_of(whole.content)), (message.refusal, whole.refusal)]
    texts += [(message.reasoning, whole.reasoning)]
    texts += [(one["function"]["name"], other["function"]["name"]) for one, other in calls]
    return (
        all((other or "").startswith((one or "").rstrip("\ufffd")) for one, other in texts)
        and len(message.tool_calls) <= len(whole.tool_calls)
        and all(one["id"] == other["id"] for one, other in calls)
        and all(is_beginning_of(one["function"], other["function"]) for one, other in calls)
    )


def is_beginning_of(call, whole):
    """Whether arguments are the beginning of others; those that a server says again from the start are settled last."""
    said = call["arguments"]
    return whole["arguments"].startswith(said) or said.startswith(whole["arguments"])


@pytest.mark.parametrize(
    "name", each([name for name, case in CASES.items() if "messages" in (case["request"]["json"] or {})])
)
def test_request(name):
    """Each recorded request's messages are read, with their roles and texts."""
    case = CASES[name]
    raw = case["request"]["json"]["messages"]
    messages = dialect_of("POST", TARGETS["chat"]).read_request(told(case)).messages

    assert [one.role for one in messages] == [one["role"] for one in raw]
    assert [text_of(one.content) for one in messages] == [text_of(one.get("content")) for one in raw]


@pytest.mark.parametrize(
    "name",
    each([name for name, case in CASES.items() if "messages" in (case["request"]["json"] or {}) and case["expected"]]),
)
def test_the_official_sdk_takes_it(name):
    """Each recorded question and answer is logged in a form that the official Analytics SDK parses."""
    case = CASES[name]
    asked = dialect_of("POST", TARGETS["chat"]).read_request(told(case)).messages
    messages = [*asked, *(choice.message for choice in read(case).choices[:1])]
    logged = [Logged(message, f"m{at}", 0) for at, message in enumerate(messages)]
    body = build_conversation(Snapshot("c", logged, 0))
    times = {"createdAt": 0, "updatedAt": 0}
    kept = [{"id": "x", **message, **times} for message in read_conversation(body)["messages"]]

    answer = emit_conversation({**read_conversation(body), "id": "c", **times, "messages": kept})
    assert faults_of(CONVERSATION, answer) == []
    assert len(write(body)) < 200_000
