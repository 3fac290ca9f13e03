"""The LiteLLM SDK, told nothing but its base URL. Prints what its user saw: one list of lines per conversation."""

import asyncio
import json

import litellm

MODEL = "openai/m"
TOOL = {
    "type": "function",
    "function": {"name": "look_up", "parameters": {"type": "object", "properties": {"what": {"type": "string"}}}},
}


def lines_of(messages):
    lines = []
    for message in messages:
        if message["role"] == "tool":
            lines.append(["result", message["tool_call_id"], message["content"]])
            continue
        lines.append([message["role"], message["content"] or ""])
        for call in message.get("tool_calls") or ():
            lines.append(["call", call["id"], call["function"]["name"], call["function"]["arguments"]])
    return lines


def plain(messages, **more):
    return litellm.completion(MODEL, messages, **more).choices[0].message.model_dump()


def streamed(messages, **more):
    chunks = list(litellm.completion(MODEL, messages, stream=True, **more))
    return litellm.stream_chunk_builder(chunks, messages=messages).choices[0].message.model_dump()


def in_a_loop(messages, **more):
    async def ask():
        return (await litellm.acompletion(MODEL, messages, **more)).choices[0].message.model_dump()

    return asyncio.run(ask())


def three_turns(ask):
    messages = [{"role": "system", "content": "be brief"}]
    for turn in range(3):
        messages.append({"role": "user", "content": f"{ask.__name__} turn {turn} ü 🦊"})
        messages.append(ask(messages))
    return lines_of(messages)


def with_tools(ask):
    messages = [{"role": "user", "content": f"{ask.__name__}: where is it?"}]
    messages.append(ask(messages, tools=[TOOL]))
    for call in messages[-1]["tool_calls"]:
        messages.append({"role": "tool", "tool_call_id": call["id"], "content": "found it"})
    messages.append(ask(messages, tools=[TOOL]))
    return lines_of(messages)


print(
    json.dumps(
        [three_turns(ask) for ask in (plain, streamed, in_a_loop)] + [with_tools(ask) for ask in (plain, streamed)]
    )
)
