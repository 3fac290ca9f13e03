"""The Responses dialect, beyond the streams of `test_streams.py`."""

import gzip
import json
from contextlib import suppress

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.answer_stream import AnswerStream
from proxy.core.items import FIELDS
from proxy.core.message import Message, chain
from proxy.core.responses import Responses, read_answer
from proxy.core.responses_answer import ResponseAnswer
from proxy.errors import RecordUnreadable

from .exchanges import exchange
from .streams import as_json, case

RESPONSES = Responses()


def told(body=b"", **more):
    return exchange(body, {"input": "Hi"}, target="/v1/responses", **more)


def events(*chunks):
    return b"".join(b"data: %s\n\n" % json.dumps(one).encode() for one in chunks)


MESSAGE = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "One"}]}
WHOLE = {"id": "resp_1", "object": "response", "status": "completed", "output": [MESSAGE]}
OBJECT = orjson.dumps(WHOLE)
ITEM = events({"type": "response.output_item.done", "output_index": 0, "item": MESSAGE})
FINISHED = ITEM + events({"type": "response.completed", "response": {"status": "completed"}})

ENDS = {
    "stream": (FINISHED, "", True),
    "stream, client gone after its end": (FINISHED, "client", True),
    "stream without final event": (ITEM, "", False),
    "stream of nothing": (b": hi\n\n", "", False),
    "stream of nothing, done": (b"data: [DONE]\n\n", "", False),
    "stream of a final event alone": (events({"type": "response.completed", "response": WHOLE}), "", True),
    "stream whose final event has no status": (ITEM + events({"type": "response.completed", "response": {}}), "", True),
    "whole answer in one event": (events(WHOLE), "", True),
    "object": (OBJECT, "", True),
    "object without status": (orjson.dumps({"output": [MESSAGE]}), "", True),
    "object, cancelled": (orjson.dumps(WHOLE | {"status": "cancelled"}), "", False),
    "object of nothing": (orjson.dumps(WHOLE | {"output": []}), "", True),
    "object of nothing, failed": (orjson.dumps(WHOLE | {"output": [], "status": "failed"}), "", False),
    "stream of nothing, completed": (events({"type": "response.completed", "response": {"output": []}}), "", True),
    "object, cut": (OBJECT[:-1], "upstream", False),
    "nothing": (b"", "", False),
}


@pytest.mark.parametrize(("body", "interrupted", "complete"), ENDS.values(), ids=ENDS)
def test_complete(body, interrupted, complete):
    """An answer is complete when its own end was seen."""
    assert RESPONSES.read_answer(told(body, interrupted=interrupted)).complete is complete


def test_an_answer_that_says_nothing():
    """A response that came to its end with no item is an answer without words, with its usage."""
    (choice,) = RESPONSES.read_answer(told(orjson.dumps(WHOLE | {"output": []}))).choices

    assert (choice.message, choice.finish_reason) == (Message("assistant"), "completed")


def test_details():
    """What the upstream says of itself is kept: the first time, the last tier."""
    body = events(
        {"type": "response.created", "response": {"created_at": 5, "service_tier": "auto"}},
        {"type": "response.completed", "response": {**WHOLE, "created_at": 6.5, "service_tier": "flex"}},
    )

    assert RESPONSES.read_answer(told(body)).details == {"created": 5, "service_tier": "flex"}


def test_refused():
    """Status 400 and over is refused, and so is an error that came before anything was said."""
    by_status = RESPONSES.read_answer(told(b'{"error":{"message":"no"}}', status=404))
    by_body = RESPONSES.read_answer(told(b'{"error":{"message":"no"}}'))

    assert (by_status.refused, by_status.error) == (by_body.refused, by_body.error) == (True, {"message": "no"})


@pytest.mark.parametrize(
    ("body", "more", "reason"),
    [
        pytest.param(b"<html>", {}, "neither JSON", id="page"),
        pytest.param(b'{"choices":[]}', {}, "no response", id="object of another kind"),
        pytest.param(b'data: {"choices":[]}\n\n', {}, "no response", id="events of another kind"),
        pytest.param(b"data: {'type'}\n\n", {}, "no response", id="events that are no JSON"),
        pytest.param(gzip.compress(bytes(9_000_000)), {"answer_coding": "gzip"}, "decodes to more", id="bomb"),
    ],
)
def test_unreadable_answers(body, more, reason):
    """An answer that cannot be understood is refused with the reason."""
    with pytest.raises(RecordUnreadable, match=reason):
        RESPONSES.read_answer(told(body, **more))


# ── answers that come later ─────────────────────────────────────────────────────────────────────────────────────────


def later(body, query=""):
    return exchange(body, b"", method="GET", target=f"/v1/responses/resp_1{query}")


def test_a_later_answer_is_told_even_when_it_is_empty():
    """What became of an answer is told by its status, though nothing was said."""
    answered = RESPONSES.read_answer(later(orjson.dumps(WHOLE | {"status": "failed", "output": [], "error": {}})))

    assert (answered.refused, answered.complete, answered.choices[0].finish_reason) == (False, False, "failed")


def test_a_later_answer_is_known_by_its_path():
    """The rest of a stream may not say its own id; the request's path does."""
    answered = RESPONSES.read_answer(later(ITEM, "?stream=true&starting_after=4"))

    assert answered.completion_id == "resp_1"


def test_a_stream_in_two_parts():
    """A stream that is taken up again, early or exactly where it broke off, gives what it gives in one."""
    name = "R6-several-messages"
    body = case(name)[0].answer
    whole = read_answer(told(body))
    parts = body.split(b"\n\n")
    for at in range(1, len(parts) - 1):
        first = ResponseAnswer()
        feed(first, b"\n\n".join(parts[:at]) + b"\n\n")
        kept = orjson.loads(orjson.dumps(unfinished(first)))
        for again in (0, 1):
            rest = b"\n\n".join(parts[max(at - again, 0) :])
            answered = read_answer(told(rest), kept)
            assert [one.message for one in answered.choices] == [one.message for one in whole.choices]


@pytest.mark.parametrize("name", ["R1-done-item-wins", "R3-cut-in-arguments", "R6-refusal", "R6-citations-cut"])
def test_deltas_go_on_behind_what_was_kept(name):
    """Text, arguments, refusals and citations go on where a stream broke off, also when it breaks off once more."""
    body = case(name)[0].answer
    parts = body.split(b"\n\n")[:-1]
    for end in range(1, len(parts) + 1):
        whole = ResponseAnswer()
        feed(whole, b"\n\n".join(parts[:end]) + b"\n\n")
        for at in range(1, end):
            first = ResponseAnswer()
            feed(first, b"\n\n".join(parts[:at]) + b"\n\n")
            second = ResponseAnswer(unfinished(first))
            feed(second, b"\n\n".join(parts[at:end]) + b"\n\n")
            assert said(second) == said(whole)


BACKGROUND = events({"type": "response.queued", "response": {"status": "queued", "background": True}})


def unfinished(answer):
    """What is kept of an answer that goes on in the background."""
    feed(answer, BACKGROUND)
    (choice,) = answer.result(is_done=False).choices
    return choice.message.extra["unfinished"]


def said(answer):
    """The messages of an answer that say something."""
    choices = answer.result(is_done=False).choices
    told = [one.to_json() for choice in choices for one in (*choice.earlier, choice.message)]
    for one in told:
        one["extra"] = {key: value for key, value in one.get("extra", {}).items() if key != "unfinished"}
    return [one for one in told if one != {"role": "assistant", "extra": {}}]


def feed(answer, body):
    stream = AnswerStream(answer)
    stream.feed(body)
    stream.close()
    return stream


def test_an_item_that_is_opened_again():
    """An item that is whole is not begun again by its own opening event; a whole one may come twice."""
    opened = {
        "type": "response.output_item.added",
        "output_index": 0,
        "item": {**MESSAGE, "id": "msg_1", "content": []},
    }
    done = {"type": "response.output_item.done", "output_index": 0, "item": {**MESSAGE, "id": "msg_1"}}
    (choice,) = RESPONSES.read_answer(told(events(opened, done, opened, done))).choices

    assert (choice.message.content, choice.earlier) == ("One", [])


def test_long_streams_take_linear_time():
    """A hundred thousand pieces of text and as many items without numbers are put together once."""
    piece = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "x"}
    item = {"type": "response.output_item.done", "item": {"type": "web_search_call"}}
    body = events(piece) * 100_000 + events(item) * 100_000
    message = RESPONSES.read_answer(told(body)).choices[0].message

    assert len(message.content) == 100_000


# ── anything at all ─────────────────────────────────────────────────────────────────────────────────────────────────

TYPES = [f"response.{name}.{end}" for name in FIELDS for end in ("delta", "done")]
TYPES += [f"response.output_item.{end}" for end in ("added", "done")]
TYPES += ["response.content_part.done", "response.output_text.annotation.added", "error", "ping"]
TYPES += [f"response.{end}" for end in ("created", "queued", "in_progress", "completed", "incomplete", "failed")]
KINDS = ["message", "reasoning", "function_call", "custom_tool_call", "local_shell_call", "web_search_call"]
KINDS += ["function_call_output", "image_generation_call", "mcp_list_tools", "output_text", "refusal", "input_image"]
KEYS = ["id", "role", "content", "summary", "text", "annotations", "arguments", "action", "output", "result", "type"]
junk = st.recursive(
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers(-2, 1 << 70)
    | st.sampled_from(["", "a", "{", "{}", "completed", "queued", "\ud83d", *KINDS]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=20,
)


def like(**values):
    """Objects of the right keys, most of whose values are right, others junk."""
    return st.fixed_dictionaries({}, optional={key: value | junk for key, value in values.items()})


kinds, texts = st.sampled_from(KINDS), st.sampled_from(["a", "b", "{}"])
parts = st.lists(like(type=kinds, text=texts, refusal=texts, image_url=texts, annotations=st.lists(junk)), max_size=3)
items = like(
    type=kinds, id=texts, call_id=texts, role=texts, name=texts, arguments=texts, content=parts, summary=parts,
    action=junk, output=junk, result=junk, tools=junk, phase=texts,
)  # fmt: skip
responses = like(
    id=texts, status=st.sampled_from(["completed", "queued"]), output=st.lists(items, max_size=3), usage=junk,
    error=junk, background=st.booleans(), incomplete_details=junk, created_at=junk, service_tier=junk,
)  # fmt: skip
chunks = like(
    type=st.sampled_from(TYPES), sequence_number=st.integers(0, 9), output_index=st.integers(0, 3), item_id=texts,
    content_index=st.integers(0, 2), delta=texts, text=texts, item=items, part=items, annotation=junk,
    response=responses, error=junk,
)  # fmt: skip


def json_bytes(value):
    return json.dumps(value).encode()  # unlike orjson it writes lone surrogates


@settings(deadline=None)
@given(st.lists(chunks | junk), responses, st.lists(items | junk), st.integers(0, 1 << 30))
def test_junk_is_survived(streamed, whole, said, cut):
    """Whatever JSON comes, nothing but RecordUnreadable is raised, and what was read can be stored, and gone on with."""
    body = b"".join(b"data: %s\n\n" % json_bytes(one) for one in streamed)
    for answer in (body, json_bytes(whole)):
        for exchanged in (told(answer or b"{}", content_type="text/event-stream"), later(answer or b"{}")):
            with suppress(RecordUnreadable):
                orjson.dumps([as_json(RESPONSES.read_answer(exchanged))])
    first = ResponseAnswer()
    feed(first, body[: cut % (len(body) + 1)])
    for choice in first.result(is_done=False).choices:
        if kept := orjson.loads(orjson.dumps(choice.message.extra)).get("unfinished"):
            orjson.dumps(as_json(read_answer(told(body), kept)))
    try:
        asked = RESPONSES.read_request(exchange(request=json_bytes({"input": said}), target="/v1/responses"))
    except RecordUnreadable:
        return
    orjson.dumps([message.to_json() for message in asked.messages])
    assert len(chain(asked.messages)) == len(asked.messages)


@settings(deadline=None)
@given(st.binary() | st.lists(chunks).map(lambda many: events(*many)), st.lists(st.integers(0, 1 << 16), max_size=5))
def test_any_bytes_at_any_cut(body, cuts):
    """Any bytes give a result, or the named failure, and the same however they are cut."""
    places = sorted(place % (len(body) + 1) for place in cuts)
    whole, cut = ResponseAnswer(), ResponseAnswer()
    at_once = feed(whole, body)
    in_pieces = AnswerStream(cut)
    for start, end in zip([0, *places], [*places, len(body)], strict=True):
        in_pieces.feed(body[start:end])
    in_pieces.close()

    assert whole.result(is_done=at_once.is_done) == cut.result(is_done=in_pieces.is_done)
    assert at_once.unreadable_events == in_pieces.unreadable_events
    try:
        RESPONSES.read_answer(told(body))
    except RecordUnreadable as error:
        assert str(error)
