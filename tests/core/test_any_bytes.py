"""Any bytes at all, as an answer of each dialect: a result or a named failure, the same at every cut, in bounded space."""

import time
import tracemalloc

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.core.answer_stream import AnswerStream
from proxy.core.chat_answer import ChatAnswer
from proxy.core.completions import CompletionAnswer
from proxy.core.dialect import dialect_of
from proxy.core.responses_answer import ResponseAnswer
from proxy.errors import RecordUnreadable

from .exchanges import exchange
from .streams import as_json

TARGETS = ["/v1/chat/completions", "/v1/completions", "/v1/responses"]
ANSWERS = {"chat": ChatAnswer, "completions": CompletionAnswer, "responses": ResponseAnswer}
#: What one event says in each dialect.
SAYING = {
    ChatAnswer: b'{"choices":[{"delta":{"content":"%s"}}]}',
    CompletionAnswer: b'{"choices":[{"text":"%s"}]}',
    ResponseAnswer: b'{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"%s"}',
}
each_dialect = pytest.mark.parametrize("new_answer", ANSWERS.values(), ids=ANSWERS)
PIECES = [
    *(b"data: ", b"data:", b"event: error\n", b"id: 1\n", b": c\n", b"[DONE]", b"\n", b"\n\n", b"\r\n", b"\r"),
    *(b"\xef\xbb\xbf", b"\xff", b"\xf0\x9f", b"\x98\x80", b"\0", b"{", b"}", b"[", b"NaN", b"-Infinity", b"1e999"),
    b'{"choices":[{"index":0,"delta":{"content":"a"}}]}',
    b'{"choices":[{"index":0,"delta":{"content":"\\ud83d"}}]}',
    b'{"choices":[{"index":0,"delta":{"content":"\\ude00"},"finish_reason":"stop"}]}',
    b'{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"{"}}]}}]}',
    b'{"choices":[{"index":1,"text":"t","logprobs":{"x":NaN}}]}',
    b'{"error":{"message":"e"}}',
    b'{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"a"}',
    b'{"type":"response.output_text.delta","output_index":0,"content_index":0,"delta":"\\ud83d"}',
    b'{"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","id":"f","call_id":"c"}}',
    b'{"type":"response.function_call_arguments.delta","output_index":0,"item_id":"f","delta":"{"}',
    b'{"type":"response.output_item.done","output_index":1,"item":{"type":"message","content":[{"text":NaN}]}}',
    b'{"type":"response.completed","response":{"output":[]}}',
    b"[" * 2000,
]
bodies = st.lists(st.sampled_from(PIECES) | st.binary(max_size=5), max_size=25).map(b"".join)
codings = st.sampled_from(["", "gzip", "deflate", "br", "zstd", "gzip, br", "lzma"])


def fed(new_answer, reads):
    answer = new_answer()
    stream = AnswerStream(answer)
    for each in reads:
        stream.feed(each)
    stream.close()
    is_response = isinstance(answer, ResponseAnswer)
    result = answer.result(is_done=stream.is_done) if is_response else answer.result(ended_well=stream.is_done)
    return result, stream.unreadable_events


@settings(deadline=None, max_examples=200)
@pytest.mark.parametrize("target", TARGETS)
@given(
    body=bodies,
    content_type=st.sampled_from(["", "text/event-stream", "application/json"]),
    coding=codings,
    interrupted=st.sampled_from(["", "client"]),
)
@example(body=b"", content_type="", coding="br", interrupted="")
@example(body=b"\x1b" * 40, content_type="", coding="br", interrupted="")
@example(body=b'{"choices":[{"message":{"content":"\\ud83d', content_type="", coding="", interrupted="client")
@example(body=b'{"output":[{"content":[{"text":"\xf0\x9f', content_type="", coding="", interrupted="client")
def test_any_answer(target, body, content_type, coding, interrupted):
    """Whatever comes back is read, or refused by name, and what was read can be stored."""
    request = {"messages": [], "prompt": "", "input": ""}
    told = exchange(body, request, target=target, content_type=content_type, interrupted=interrupted)
    told.answer_headers["content-encoding"] = coding
    try:
        answered = dialect_of("POST", target).read_answer(told)
    except RecordUnreadable:
        return
    orjson.dumps([as_json(answered)])


@settings(deadline=None, max_examples=200)
@pytest.mark.parametrize("target", TARGETS)
@given(body=bodies, coding=codings)
def test_any_request(target, body, coding):
    """Whatever is asked is read, or refused by name, and what was read can be stored."""
    try:
        asked = dialect_of("POST", target).read_request(exchange(request=body, target=target, coding=coding))
    except RecordUnreadable:
        return
    orjson.dumps([message.to_json() for message in asked.messages])


@settings(deadline=None, max_examples=200)
@each_dialect
@given(body=bodies, places=st.lists(st.integers(0, 400), max_size=12))
def test_any_cut(new_answer, body, places):
    """Whatever comes gives the same however it is cut."""
    borders = [0, *sorted(min(place, len(body)) for place in places), len(body)]
    cut = [body[start:end] for start, end in zip(borders, borders[1:], strict=False)]
    whole = fed(new_answer, [body])

    assert fed(new_answer, cut) == whole
    assert fed(new_answer, [body[at : at + 1] for at in range(len(body))]) == whole


@each_dialect
def test_an_emoji_cut_into_two_events(new_answer):
    """The halves of a surrogate pair in two deltas are one letter; a half alone is a replacement character."""
    halves = [event_of(new_answer, half) for half in (b"\\ud83d", b"\\ude00", b"\\ud83d")]
    answered, unreadable = fed(new_answer, halves)

    assert (answered.choices[0].message.content, unreadable) == ("\U0001f600\ufffd", 0)


def event_of(new_answer, said):
    return b"data: %s\n\n" % (SAYING[new_answer] % said)


def spent(new_answer, body):
    """The answer, its processor seconds, and the peak of the memory it took."""
    tracemalloc.start()
    try:
        fed(new_answer, [body])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    began = time.process_time()
    answered, unreadable = fed(new_answer, [body])
    return answered, unreadable, time.process_time() - began, peak


@each_dialect
def test_an_event_of_ten_megabytes(new_answer):
    """One event of ten megabytes is read whole, in little more than the thirteenfold space that orjson takes of it."""
    text = "word " * 2_000_000
    body = event_of(new_answer, text.encode()) + b"data: [DONE]\n\n"
    answered, unreadable, seconds, peak = spent(new_answer, body)

    assert answered.choices[0].message.content == text
    assert (answered.complete, unreadable) == (True, 0)
    assert seconds < 2
    assert peak < 16 * len(body)


TINY = {
    **{f"pieces of {name}": (kind, event_of(kind, b"x")) for name, kind in ANSWERS.items()},
    "another dialect's": (ChatAnswer, event_of(ResponseAnswer, b"x")),
    "no JSON": (ChatAnswer, b"data:{\n\n"),
    "empty": (ChatAnswer, b"data\n\n"),
    "comments": (ChatAnswer, b":\n\n"),
    "nothing": (ChatAnswer, b"\n\n"),
    "numbers": (ChatAnswer, b"data:1\n\n"),
}


@pytest.mark.parametrize(("new_answer", "event"), TINY.values(), ids=TINY)
def test_tiny_events(new_answer, event):
    """Events without number take time that grows as their number does, and bounded space for each."""
    small, large = (spent(new_answer, event * n) for n in (5_000, 25_000))
    seconds = min(large[2], spent(new_answer, event * 25_000)[2])  # the collector may have come in between

    assert seconds < 15 * small[2] + 0.2
    assert large[3] < 40 * 1024 * 1024


@pytest.mark.slow
@each_dialect
def test_a_million_events(new_answer):
    """A million events are read in seconds, and every piece is there."""
    body = event_of(new_answer, b"x") * 1_000_000
    began = time.process_time()
    answered, unreadable = fed(new_answer, [body])
    seconds = time.process_time() - began

    assert answered.choices[0].message.content == "x" * 1_000_000
    assert unreadable == 0
    assert seconds < 20
