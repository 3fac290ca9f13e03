"""Chat completions, beyond the streams of `test_streams.py`."""

import gzip
import json
from contextlib import suppress

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.chat import ChatCompletions
from proxy.core.chat_answer import MAX_INDEX
from proxy.core.message import chain, pairs, text_of
from proxy.errors import RecordUnreadable

from .exchanges import exchange
from .streams import as_json, case

CHAT = ChatCompletions()


def json_bytes(value):
    return json.dumps(value).encode()  # unlike orjson it writes lone surrogates


def test_coded_answer_cut():
    """Of a coded answer that was cut, what came before the cut is read."""
    body = b"".join(b'data: {"choices":[{"delta":{"content":"%d "}}]}\n\n' % (n * 7919) for n in range(9000))
    answered = CHAT.read_answer(exchange(gzip.compress(body)[:-9000], answer_coding="gzip", interrupted="upstream"))

    assert not answered.complete
    assert answered.choices[0].message.content.startswith("0 7919 15838 ")


@pytest.mark.parametrize("name", ["K5-parts", "K6-reasoning-once", "T7-repeats", "S11-surrogates-over-two-deltas"])
def test_cut_at_every_event(name):
    """A stream cut after any event before the finishing one is the beginning of its answer, and not complete."""
    told, _ = case(name)
    whole = CHAT.read_answer(told).choices[0].message
    events = told.answer.split(b"\n\n")[:-3]
    for kept in range(len(events)):
        answered = CHAT.read_answer(exchange(b"".join(event + b"\n\n" for event in events[:kept])))
        assert not answered.complete
        for choice in answered.choices:
            assert text_of(whole.content).startswith(text_of(choice.message.content).rstrip("\ufffd"))
            assert (whole.reasoning or "").startswith(choice.message.reasoning or "")
            assert len(choice.message.tool_calls) <= len(whole.tool_calls)


FINISHED = b'data: {"choices":[{"delta":{"content":"One"},"finish_reason":"stop"}]}\n\n'
OBJECT = b'{"choices":[{"message":{"role":"assistant","content":"One"},"finish_reason":"stop"}]}'
ENDS = {
    "stream": (FINISHED, "", True),
    "stream, client gone before its end": (FINISHED, "client", False),
    "stream, client gone after [DONE]": (FINISHED + b"data: [DONE]\n\n", "client", True),
    "stream without finish reason, done": (FINISHED.replace(b"stop", b"") + b"data: [DONE]\n\n", "", True),
    "stream without finish reason": (FINISHED.replace(b"stop", b""), "", False),
    "stream of nothing": (b": hi\n\n", "", False),
    "stream of nothing, done": (b"data: [DONE]\n\n", "", False),
    "object": (OBJECT, "", True),
    "object, client gone after it": (OBJECT, "client", True),
    "object, cut": (OBJECT[:-1], "upstream", False),
    "nothing": (b"", "", False),
    "nothing, client gone": (b"", "client", False),
}


@pytest.mark.parametrize(("body", "interrupted", "complete"), ENDS.values(), ids=ENDS)
def test_complete(body, interrupted, complete):
    """An answer is complete when its own end was seen."""
    assert CHAT.read_answer(exchange(body, interrupted=interrupted)).complete is complete


def test_answer_that_never_came():
    """An exchange without any answer is neither complete nor refused."""
    answered = CHAT.read_answer(exchange(b"", status=0, interrupted="client"))

    assert (answered.choices, answered.complete, answered.refused) == ([], False, False)


UNREADABLE_ANSWERS = {
    "page": ({"answer": b"<html>Hello</html>", "content_type": "text/html"}, "neither JSON"),
    "coding": ({"answer": b"?", "answer_coding": "lzma"}, "'lzma'"),
    "bomb": ({"answer": gzip.compress(bytes(9_000_000)), "answer_coding": "gzip"}, "decodes to more"),
    "object of another kind": ({"answer": b'{"detail":"Hello"}'}, "neither choices nor an error"),
    "events of another kind": ({"answer": b'data: {"type":"message_start"}\n\ndata: {"type":"ping"}\n\n'}, "no event"),
    "events that are no JSON": ({"answer": b"data: {'choices'}\n\ndata: [DONE]\n\n"}, "no event"),
}
NOTHING_SAID = {
    "no choices": b'{"choices":[]}',
    "no choices, streamed": b'data: {"choices":[],"usage":{}}\n\ndata: [DONE]\n\n',
    "pings alone": b'data: {"type":"ping"}\n\nevent: keepalive\ndata: {}\n\n: hi\n\ndata: [DONE]\n\n',
    "cut in the first event": b'data: {"choi',
}


@pytest.mark.parametrize(("parts", "reason"), UNREADABLE_ANSWERS.values(), ids=UNREADABLE_ANSWERS)
def test_unreadable_answers(parts, reason):
    """An answer that cannot be understood is refused with the reason."""
    with pytest.raises(RecordUnreadable, match=reason):
        CHAT.read_answer(exchange(**parts))


@pytest.mark.parametrize("body", NOTHING_SAID.values(), ids=NOTHING_SAID)
def test_answers_that_say_nothing(body):
    """An answer of a known form in which nothing is said is one."""
    assert CHAT.read_answer(exchange(body)).choices == []


def test_refusals_are_always_readable():
    """A refused exchange is one even when its body cannot be decoded."""
    answered = CHAT.read_answer(exchange(b"?", status=503, answer_coding="lzma"))
    streamed = CHAT.read_answer(exchange(b'data: {"error":{"code":1}}\n\n', status=500))

    assert (answered.refused, answered.error) == (True, None)
    assert (streamed.refused, streamed.error) == (True, {"code": 1})


def test_split_choices_of_an_unreadable_request():
    """The choices of an answer to a request nobody can read are one message, as if one had been asked for."""
    answered = CHAT.read_answer(
        exchange(b'{"choices":[{"message":{"content":"a"}},{"message":{"content":"b"}}]}', b"?")
    )

    assert [choice.message.content for choice in answered.choices] == ["ab"]


@pytest.mark.parametrize("delta", [b'"text"', b"[1]", b"7", b"true"])
def test_deltas_of_other_types(delta):
    """A delta that is no object says nothing, and what follows is read."""
    body = b'data: {"choices":[{"delta":%s}]}\n\n' % delta

    assert CHAT.read_answer(exchange(body + FINISHED)).choices[0].message.content == "One"


@pytest.mark.parametrize("spelled", [b"%d", b"%d.0", b'"%d"'], ids=["integer", "float", "text"])
def test_spellings_of_an_index(spelled):
    """An index is one in every spelling of a number, and choices and calls are kept apart by it."""
    call = b'{"index":%s,"function":{"arguments":"%d"}}'
    chunk = b'data: {"choices":[{"index":%s,"delta":{"content":"%d","tool_calls":[%s]}}]}\n\n'
    numbers = [(one, other) for _ in range(2) for one in (0, 1) for other in (0, 1)]
    body = b"".join(chunk % (spelled % one, one, call % (spelled % other, other + 1)) for one, other in numbers)
    choices = CHAT.read_answer(exchange(body)).choices

    assert [choice.message.content for choice in choices] == ["0000", "1111"]
    said = [[call["function"]["arguments"] for call in choice.message.tool_calls] for choice in choices]
    assert said == [["11", "22"]] * 2


@pytest.mark.parametrize("n", [2, 2.0, "2"])
def test_choices_of_one_index(n):
    """Of a whole answer each choice asked for stays apart, though all have one index."""
    body = b'{"choices":[{"index":0,"message":{"content":"One"}},{"index":0,"message":{"content":"Two"}}]}'
    choices = CHAT.read_answer(exchange(body, {"messages": [], "n": n})).choices

    assert [(choice.index, choice.message.content) for choice in choices] == [(0, "One"), (1, "Two")]


def test_choices_are_bounded():
    """Of more choices than any server makes the first are kept."""
    body = b'{"choices":[' + b",".join([b"{}"] * (MAX_INDEX + 10)) + b"]}"

    assert len(CHAT.read_answer(exchange(body, {"messages": [], "n": 2})).choices) == MAX_INDEX


def test_details():
    """What the upstream says of itself is kept, the last tier and fingerprint, the first time."""
    chunk = {
        "created": 5,
        "service_tier": None,
        "system_fingerprint": "a",
        "choices": [{"native_finish_reason": "eos"}],
    }
    later = {"created": 6, "service_tier": "default", "system_fingerprint": "b", "choices": []}
    body = b"".join(b"data: %s\n\n" % orjson.dumps(one) for one in (chunk, later))
    answered = CHAT.read_answer(exchange(body))

    assert answered.details == {"created": 5, "service_tier": "default", "system_fingerprint": "b"}
    assert answered.choices[0].message.extra == {"native_finish_reason": "eos"}


def test_long_streams_take_linear_time():
    """Half a million fragments of text, reasoning and arguments are joined once."""
    said = b'"content":"x","reasoning":"y","tool_calls":[{"index":0,"function":{"arguments":"z"}}]'
    body = (b'data: {"choices":[{"delta":{' + said + b"}}]}\n\n") * 100_000
    message = CHAT.read_answer(exchange(body)).choices[0].message

    assert (len(message.content), len(message.reasoning)) == (100_000, 100_000)
    assert len(message.tool_calls[0]["function"]["arguments"]) == 100_000


KEYS = [
    "choices",
    "delta",
    "message",
    "index",
    "finish_reason",
    "content",
    "role",
    "type",
    "text",
    "thinking",
    "reasoning",
    "reasoning_details",
    "tool_calls",
    "function",
    "arguments",
    "name",
    "id",
    "custom",
    "input",
    "function_call",
    "audio",
    "data",
    "transcript",
    "annotations",
    "usage",
    "x_groq",
    "error",
    "object",
    "model",
    "created",
    "refusal",
    "citations",
    "url",
    "image_url",
]
junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 1 << 70)
    | st.sampled_from(["", "a", "{", "{}", "text", "null", "\ud83d"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=25,
)


def like(**values):
    """Objects of the right keys, most of whose values are right, others junk."""
    return st.fixed_dictionaries({}, optional={key: value | junk for key, value in values.items()})


tool_call = like(index=st.integers(0, 2), id=st.just("c"), function=like(name=st.just("f"), arguments=st.just("{")))
said = like(
    content=st.just("a"), tool_calls=st.lists(tool_call), function_call=junk, audio=junk, annotations=st.lists(junk)
)
chunks = like(
    model=junk,
    id=junk,
    created=junk,
    service_tier=junk,
    choices=st.lists(like(index=st.integers(0, 2), finish_reason=junk, delta=said, message=said)),
    usage=junk,
    error=junk,
)


@settings(deadline=None)
@given(st.lists(chunks | junk), chunks, st.lists(like(role=st.just("user"), content=junk, tool_calls=junk) | said))
def test_junk_is_survived(streamed, whole, messages):
    """Whatever JSON comes, nothing but RecordUnreadable is raised, and what was read can be stored."""
    body = b"".join(b"data: %s\n\n" % json_bytes(one) for one in streamed)
    for answer in (body, json_bytes(whole)):
        with suppress(RecordUnreadable):
            answered = CHAT.read_answer(exchange(answer or b"{}", content_type="text/event-stream"))
            orjson.dumps([as_json(answered)])
    try:
        asked = CHAT.read_request(exchange(request=json_bytes({"messages": messages})))
    except RecordUnreadable:
        return
    orjson.dumps([message.to_json() for message in asked.messages])
    assert len(chain(asked.messages)) == len(pairs(asked.messages)) == len(messages)
