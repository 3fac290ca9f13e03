"""The official OpenAI SDK, unmodified, told only its base URL: every conversation whole, exactly once."""

from __future__ import annotations

import asyncio
import os
from contextlib import contextmanager

import openai
import pytest

from tests.e2e.process import Teelog, transcript

TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}


@contextmanager
def only_the_base_url(url: str):
    """The environment of a client that was told nothing else."""
    before = dict(os.environ)
    os.environ |= {"OPENAI_BASE_URL": url, "OPENAI_API_KEY": "sk-of-the-user"}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def said(messages: list) -> list[tuple]:
    """What the client's user saw."""
    lines = []
    for message in messages:
        if message["role"] == "tool":
            lines.append(("result", message["tool_call_id"], message["content"]))
            continue
        lines.append((message["role"], message["content"] or ""))
        lines += [
            ("call", c["id"], c["function"]["name"], c["function"]["arguments"])
            for c in message.get("tool_calls") or ()
        ]
    return lines


def shown(message) -> dict:
    """An SDK message as the next request's history holds it."""
    return message.model_dump(exclude_none=True, include={"role", "content", "tool_calls"}) | {
        "content": message.content
    }


def plain(client, messages):
    return client.chat.completions.create(model="m", messages=messages).choices[0].message


def streamed(client, messages):
    from openai.lib.streaming.chat import ChatCompletionStreamState

    state = ChatCompletionStreamState()
    for chunk in client.chat.completions.create(model="m", messages=messages, stream=True):
        state.handle_chunk(chunk)
    return state.get_final_completion().choices[0].message


def helper(client, messages):
    with client.chat.completions.stream(model="m", messages=messages) as stream:
        return stream.get_final_completion().choices[0].message


def tools(client, messages):
    """A turn with a tool: the call, its result, and the answer."""
    state = []
    message = client.chat.completions.create(model="m", messages=messages, tools=[TOOL]).choices[0].message
    messages.append(shown(message))
    for call in message.tool_calls or ():
        state.append(call.id)
        messages.append({"role": "tool", "tool_call_id": call.id, "content": f"found by {call.function.name}"})
    return client.chat.completions.create(model="m", messages=messages, tools=[TOOL]).choices[0].message


def three_turns(client, ask, name: str) -> list[tuple]:
    messages = [{"role": "system", "content": "be brief"}]
    for turn in range(3):
        messages.append({"role": "user", "content": f"{name} turn {turn}?"})
        messages.append(shown(ask(client, messages)))
    return said(messages)


async def three_async_turns(name: str, *, stream: bool) -> list[tuple]:
    messages = []
    async with openai.AsyncOpenAI() as client:
        for turn in range(3):
            messages.append({"role": "user", "content": f"{name} turn {turn}"})
            if stream:
                text = ""
                async for chunk in await client.chat.completions.create(model="m", messages=messages, stream=True):
                    text += chunk.choices[0].delta.content or ""
            else:
                text = (await client.chat.completions.create(model="m", messages=messages)).choices[0].message.content
            messages.append({"role": "assistant", "content": text})
    return said(messages)


@pytest.mark.filterwarnings("default")
def test_every_conversation_is_whole_and_there_once(tmp_path, upstream):
    """Sync, async, streams, the stream helper and tools, three turns each, appear in analytics exactly as shown."""
    with Teelog(tmp_path, upstream.url) as teelog, only_the_base_url(teelog.base_url):
        with openai.OpenAI() as client:
            expected = [three_turns(client, ask, ask.__name__) for ask in (plain, streamed, helper, tools)]

        async def together() -> list:
            kinds = [(f"async {n} {s}", s) for n in range(3) for s in (True, False)]
            return await asyncio.gather(*(three_async_turns(name, stream=s) for name, s in kinds))

        expected += asyncio.run(together())
        logged = teelog.until(
            lambda: (
                (found := teelog.conversations())
                and sum(len(c["messages"]) for c in found)
                >= sum(sum(line[0] not in ("call", "result") for line in e) for e in expected)
                and found
            )
        )

        assert sorted(map(transcript, logged), key=str) == sorted(expected, key=str)
        assert teelog.stop() == 0
        assert upstream.heads  # and the upstream got what the SDK sent
        assert all("sk-of-the-user" in dict(head)["Authorization"] for head in upstream.heads)
