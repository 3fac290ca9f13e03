"""The sample upstream: a model's manners, so that what is seen in the demo is what a real one would show."""

import pytest
from openai import AsyncOpenAI

from proxy.sample import sample_app

TOOL = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}


@pytest.fixture
async def client(aiohttp_server):
    """The official SDK, told where the sample upstream is."""
    server = await aiohttp_server(sample_app())
    async with AsyncOpenAI(api_key="x", base_url=str(server.make_url("/v1")), max_retries=0) as client:
        yield client


async def test_every_completion_has_an_id_of_its_own(client):
    """A thumb may name the completion's id, so no two answers share one."""
    asked = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
    ids = [(await client.chat.completions.create(**asked)).id for _ in range(20)]

    assert len(set(ids)) == 20
    assert all(one.startswith("chatcmpl-") for one in ids)


@pytest.mark.parametrize(
    ("question", "tools"), [("is it slow?", []), ("weather in Oslo", [TOOL]), ("weather in Oslo", []), ("else", [])]
)
async def test_a_stream_says_what_json_says(client, question, tools):
    """Content and calls are the same either way, and a tool is called only where one is offered."""
    asked = {"model": "m", "messages": [{"role": "user", "content": question}]} | ({"tools": tools} if tools else {})
    plain = (await client.chat.completions.create(**asked)).choices[0]
    async with client.chat.completions.stream(**asked) as stream:
        streamed = (await stream.get_final_completion()).choices[0]

    assert (streamed.message.content or None) == plain.message.content
    assert streamed.finish_reason == plain.finish_reason == ("tool_calls" if tools else "stop")
    calls = [[(one.id, one.function.name, one.function.arguments) for one in choice.message.tool_calls or ()]
             for choice in (plain, streamed)]  # fmt: skip
    assert calls[0] == calls[1] == ([("call_oslo", "get_weather", '{"city":"Oslo"}')] if tools else [])


async def test_a_tool_s_result_is_used(client):
    """After a tool's result the answer speaks of it."""
    messages = [
        {"role": "user", "content": "weather in Oslo"},
        {"role": "tool", "tool_call_id": "c", "content": "snow"},
    ]
    answer = await client.chat.completions.create(model="m", messages=messages)

    assert answer.choices[0].message.content == "It is snow there."
