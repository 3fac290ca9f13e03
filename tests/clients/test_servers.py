"""Servers that no one here wrote, on random weights, behind teelog: what the official SDK puts together is what is logged.

Every question is asked twice with the same seed, directly and through teelog, and must get the same answer.
"""

from __future__ import annotations

import json
from typing import Literal

import pytest
from pydantic import BaseModel

from tests.clients.answers import LIGHT, ask, raw, shown, shown_calls, steady, told, without_ids
from tests.clients.place import first

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

#: In the tiny model's template token 5 begins a tool call, and 4 ends the turn: it calls and calls until it is cut.
TOOLS = {
    "tools": [{"type": "function", "function": {"name": "light", "parameters": LIGHT}}],
    "tool_choice": "required",
    "logit_bias": {"5": 100},
    "max_tokens": 200,
}
#: Here it may end by itself, too: with some seeds it does.
FEW_TOOLS = {**TOOLS, "logit_bias": {"5": 10, "4": 8}}
SCHEMA = {"type": "json_schema", "json_schema": {"name": "light", "strict": True, "schema": LIGHT}}
CASES = {
    "text": {},
    "cut by length": {"max_tokens": 3, "logit_bias": {"4": -100}},
    "tools": FEW_TOOLS,
    "tools until cut": TOOLS,
    "JSON schema": {"response_format": SCHEMA},
    "two choices": {"n": 2},
    "two choices of tools": {"n": 2, **TOOLS},
    "usage": {"stream_options": {"include_usage": True}},
    "logprobs": {"logprobs": True, "top_logprobs": 2},
}


def body_of(question: str, **fields) -> dict:
    """A request whose answer is foreseeable: seeded, and with no prompt kept from the one before."""
    messages = [{"role": "user", "content": question}]
    return {"model": "tiny", "messages": messages, "seed": 11, "extra_body": {"cache_prompt": False}, **fields}


@pytest.mark.parametrize("how", ["whole", "streamed"])
@pytest.mark.parametrize("name", CASES)
def test_answers(place, name, how):
    """The SDK's answer through teelog is the one it gets directly, and is logged as the SDK tells it."""
    question = f"{name}, {how}"
    direct, through = (ask(client, how, body_of(question, **CASES[name])) for client in place.clients)
    seen = [shown(choice) for choice in through.choices]
    answer = place.logged(question)["messages"][1]

    assert without_ids(seen) == without_ids([shown(choice) for choice in direct.choices])
    assert told(answer) == seen
    assert any(one["content"] or one["tool_calls"] for one in seen)
    assert answer["properties"]["completionId"] == through.id
    assert answer["properties"]["model"] == through.model
    if through.usage and CASES[name].get("n", 1) == 1:
        assert answer["properties"]["usage"]["completion_tokens"] == through.usage.completion_tokens


class Light(BaseModel):
    room: Literal["hall", "attic"]
    level: Literal[1, 2]


@pytest.mark.parametrize("how", ["parse", "stream"])
def test_parsed(place, how):
    """`parse` and the stream helper find their object in the answer; its text is what is logged."""
    question = f"parsed by {how}"
    client = place.clients[1]
    if how == "parse":
        message = client.chat.completions.parse(**body_of(question), response_format=Light).choices[0].message
    else:
        with client.chat.completions.stream(**body_of(question), response_format=Light) as stream:
            message = stream.get_final_completion().choices[0].message

    assert message.parsed.room in ("hall", "attic")
    assert place.logged(question)["messages"][1]["content"] == message.content


def test_a_tool_turn_and_more(place):
    """Calls, their results, an answer and another question are one conversation."""
    question = "put the light on, where it is dark"
    messages = [{"role": "user", "content": question}]
    asked = ({**body_of(question), **FEW_TOOLS, "seed": seed} for seed in range(40))
    ends = next(one for one in asked if ask(place.clients[0], "streamed", one).choices[0].finish_reason == "tool_calls")
    client = place.clients[1]
    message = ask(client, "streamed", ends).choices[0].message
    messages.append({"role": "assistant", "content": message.content, "tool_calls": shown_calls(message)})
    messages += [{"role": "tool", "tool_call_id": call.id, "content": "done"} for call in message.tool_calls]
    last = ask(client, "streamed", {**body_of(""), "messages": messages}).choices[0].message
    messages += [{"role": "assistant", "content": last.content}, {"role": "user", "content": "and now?"}]
    end = ask(client, "whole", {**body_of(""), "messages": messages}).choices[0].message

    place.teelog.until(lambda: len(place.logged(question)["messages"]) >= 5)
    logged = place.logged(question)["messages"]
    assert [one["content"] for one in logged] == [
        question,
        message.content or "",
        last.content,
        "and now?",
        end.content,
    ]
    assert [call["id"] for call in logged[1]["tool_calls"]] == [call.id for call in message.tool_calls]
    results = [r["content"] for one in logged for r in (one.get("properties") or {}).get("toolResults", ())]
    assert results == ["done"] * len(message.tool_calls)


REFUSED = {
    "no messages": {"model": "tiny"},
    "not JSON": b'{"model": "tiny", ',
    "too long": body_of("word " * 6000) | {"extra_body": None},
    "too long, streamed": body_of("word " * 6000) | {"extra_body": None, "stream": True},
    "no such role": {"model": "tiny", "messages": [{"role": "user", "content": [{"type": "smell"}]}]},
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(place, name):
    """What the server refuses is refused through teelog word for word, and no conversation comes of it."""
    before = len(place.passed(0))
    asked = REFUSED[name]
    body = asked if isinstance(asked, bytes) else json.dumps({k: v for k, v in asked.items() if v is not None}).encode()
    direct, through = (raw(url, body) for url in place.urls)

    assert direct[0] in (400, 500)  # LiteLLM answers 500 where llama.cpp says 400
    assert steady(through) == steady(direct)
    assert place.passed(before + 1)[-1]["outcome"] == "refused"
    assert not [c for c in place.teelog.conversations() if first(c).startswith("word word")]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_bytes(place, stream):
    """But for ids, times and measurements the bytes through teelog are those the server sends."""
    asked = {**body_of(f"bytes {stream}"), "stream": stream, "cache_prompt": False}
    del asked["extra_body"]
    direct, through = (raw(url, json.dumps(asked).encode()) for url in place.urls)

    assert direct[0] == 200
    assert steady(through) == steady(direct)
