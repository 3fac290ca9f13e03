"""Answers that other logs get wrong, from the upstream to the conversation that the analytics server gives."""

from __future__ import annotations

import json
import urllib.request
from contextlib import suppress
from http.client import HTTPException

import pytest

from tests.e2e.playback import Answer, Playback
from tests.e2e.process import Teelog
from tests.e2e.test_outbox_command import rows


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """The proxy before an upstream that plays answers back."""
    with Playback() as upstream, Teelog(tmp_path_factory.mktemp("teelog"), upstream.url) as teelog:
        yield upstream, teelog


def chunks(*deltas, **more):
    """A stream of one choice's deltas, then its end."""
    events = [{"id": "c-1", "model": "m-2", "choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], **more})
    return events


def stream(*events):
    return b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in events) + b"data: [DONE]\n\n"


def call(index=None, **function):
    name = {} if index is None else {"index": index}
    return {
        "tool_calls": [name | {key: function.pop(key) for key in ("id",) if key in function} | {"function": function}]
    }


def told(name, arguments, key):
    return {"id": key, "type": "function", "function": {"name": name, "arguments": arguments}}


CITATION = {"type": "url_citation", "url_citation": {"url": "https://a.example", "title": "A", "end_index": 1}}
SCENES = {
    "two choices": (
        stream(
            {"choices": [{"index": 1, "delta": {"content": "Ro"}}, {"index": 0, "delta": {"content": "Li"}}]},
            {"choices": [{"index": 1, "delta": {"content": "me"}, "finish_reason": "stop"}]},
            {"choices": [{"index": 0, "delta": {"content": "ma"}, "finish_reason": "stop"}]},
        ),
        {"content": "Lima"},
        {"alternatives": [{"role": "assistant", "content": "Rome", "finishReason": "stop"}], "finishReason": "stop"},
    ),
    "two calls at one index": (
        stream(
            *chunks(
                call(0, id="i1", name="w", arguments='{"town":'),
                call(0, arguments='"Oslo"}'),
                call(0, id="i2", name="w", arguments='{"town":"Bern"}'),
            )
        ),
        {"content": "", "tool_calls": [told("w", '{"town":"Oslo"}', "i1"), told("w", '{"town":"Bern"}', "i2")]},
        {},
    ),
    "refusal": (stream(*chunks({"refusal": "I will "}, {"refusal": "not."})), {"content": "I will not."}, {"refusal": True}),
    "reasoning": (
        stream(*chunks({"reasoning_content": "Hm", "reasoning": "Hm"}, {"reasoning_content": ", 6*7"}, {"content": "42"})),
        {"content": "42"},
        {"reasoning": "Hm, 6*7"},
    ),
    "audio transcript": (
        stream(*chunks({"audio": {"id": "a-1", "transcript": "Hello"}}, {"audio": {"transcript": " you", "data": "AAAA"}})),
        {"content": "Hello you"},
        {"originalParts": ["audio"]},
    ),
    "links": (
        stream(*chunks({"content": "See"}, {"annotations": [CITATION]}, {"annotations": [CITATION]})),
        {"content": "See", "links": [{"url": "https://a.example", "title": "A"}]},
        {},
    ),
    "Inkeep's tools": (
        stream(
            *chunks(
                call(0, id="r", name="provideRecordsConsidered", arguments='{"recordsConsidered":[{"url":"https://r"}]}'),
                {"content": "See (1)"},
                call(1, id="l", name="provideLinks", arguments='{"links":[{"url":"https://a","label":"1"},{"title":"x"}]}'),
            )
        ),
        {"content": "See (1)", "links": [{"url": "https://a", "label": "1"}]},
        {"recordsConsidered": [{"url": "https://r"}]},
    ),
    "error in the middle": (
        stream(*chunks({"content": "Good"})[:1], {"error": {"message": "out of memory"}}, {"choices": [], "usage": {"total_tokens": 5}}),
        {"content": "Good"},
        {"interrupted": "upstream", "error": {"message": "out of memory"}, "usage": {"total_tokens": 5}},
    ),
    "halves of an emoji": (
        b'data: {"choices":[{"delta":{"content":"\\ud83d"}}]}\n\ndata: {"choices":[{"delta":{"content":"\\ude00"}}]}\n\n'
        + stream(*chunks()),
        {"content": "\U0001f600"},
        {},
    ),
}  # fmt: skip


def ask(teelog, name, path="chat/completions", **body):
    """A request whose answer is played back; its conversation has the same name."""
    headers = {"x-play": name, "x-teelog-conversation-id": name, "Content-Type": "application/json"}
    request = urllib.request.Request(
        f"{teelog.base_url}/{path}", json.dumps({"model": "m", "stream": True, **body}).encode(), headers
    )
    with suppress(HTTPException), urllib.request.urlopen(request, timeout=20) as answer:
        return answer.read()
    return b""


def logged(teelog, name):
    """The messages of a conversation, once there."""
    (found,) = teelog.until(lambda: [one for one in teelog.conversations() if one["id"] == name])
    return found["messages"]


@pytest.mark.parametrize("name", SCENES)
def test_chat(scene, name):
    """What an upstream streams reaches the client as it is, and analytics as what it means."""
    upstream, teelog = scene
    body, message, properties = SCENES[name]
    upstream.answers[name] = Answer(body)
    count = {"n": 2} if name == "two choices" else {}

    assert ask(teelog, name, messages=[{"role": "user", "content": "Hi"}], **count) == body
    question, answer = logged(teelog, name)
    assert question["content"] == "Hi"
    assert {key: answer[key] for key in message} == message
    assert {key: answer["properties"].get(key) for key in properties} == properties
    assert properties.get("interrupted") == answer["properties"].get("interrupted")


def test_an_upstream_that_breaks_off(scene):
    """What came before an upstream broke off in the middle of an event is the answer, marked interrupted."""
    upstream, teelog = scene
    upstream.answers["broken"] = Answer(stream(*chunks({"content": "One"}, {"content": " two"}))[:-150], breaks=True)
    ask(teelog, "broken", messages=[{"role": "user", "content": "Count"}])
    _, answer = logged(teelog, "broken")

    assert answer["content"].startswith("One")
    assert answer["properties"]["interrupted"] == "upstream"


def test_legacy_completions(scene):
    """A prompt and its completion are a conversation, each of several prompts one, and code completion is none."""
    upstream, teelog = scene
    text = {"id": "cmpl-1", "choices": [{"index": 0, "text": "Once"}, {"index": 1, "text": "Twice"}]}
    ends = {"choices": [{"index": at, "text": " more", "finish_reason": "stop"} for at in (0, 1)]}
    for name in ("legacy", "code"):
        upstream.answers[name] = Answer(stream(text, ends))
    ask(teelog, "code", "completions", prompt="def f(", suffix=")")
    ask(teelog, "legacy", "completions", prompt=["Say it", "Say it again"])
    teelog.until(lambda: teelog.status()["recorder"]["counters"].get("not_rebuilt"))

    assert [one["content"] for one in logged(teelog, "legacy")] == ["Say it", "Once more"]
    told = teelog.until(
        lambda: [said for one in teelog.conversations() if (said := one["messages"])[0]["content"] == "Say it again"]
    )
    assert [[message["content"] for message in said] for said in told] == [["Say it again", "Twice more"]]
    assert all(one["id"] != "code" for one in teelog.conversations())


UNREADABLE = {
    "page": (Answer(b"<html>hello</html>", "text/html"), "neither JSON nor"),
    "object of another kind": (Answer(b'{"result":"hello"}', "application/json"), "neither choices nor"),
    "events of another kind": (Answer(b'data: {"result":"hello"}\n\ndata: [DONE]\n\n'), "no event"),
    "events that are no JSON": (Answer(b"data: {hello}\n\ndata: [DONE]\n\n"), "no event"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_exchange_that_nobody_can_read(scene, name):
    """An answer of no known form goes through, `outbox list` shows it with its reason, and the next one is logged."""
    upstream, teelog = scene
    answer, reason = UNREADABLE[name]
    upstream.answers |= {name: answer, f"after {name}": Answer(SCENES["reasoning"][0])}
    offset = teelog.log.stat().st_size
    assert ask(teelog, name, messages=[{"role": "user", "content": "Hi"}]) == answer.body
    ask(teelog, f"after {name}", messages=[{"role": "user", "content": "Hi"}])

    assert logged(teelog, f"after {name}")[-1]["content"] == "42"
    told = teelog.wait_for("exchange.set_aside", offset)
    assert reason in told["reason"]
    (row,), _ = rows(teelog.folder / "data", "--id", told["id"])
    assert (row["kind"], row["reason"]) == ("exchange", told["reason"])
    assert all(one["id"] != name for one in teelog.conversations())


def test_an_object_that_was_cut(scene):
    """What came of a JSON answer before its upstream broke off is the answer, marked interrupted."""
    upstream, teelog = scene
    whole = json.dumps({"id": "c-9", "choices": [{"index": 0, "message": {"content": "One two three"}}]}).encode()
    upstream.answers["cut"] = Answer(whole[:-12], "application/json", breaks=True)
    ask(teelog, "cut", stream=False, messages=[{"role": "user", "content": "Count"}])
    _, answer = logged(teelog, "cut")

    assert "One two three".startswith(answer["content"])
    assert len(answer["content"]) > 3
    assert answer["properties"]["interrupted"] == "upstream"
