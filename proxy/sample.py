"""A sample upstream, for `teelog demo`: chat completions from a small script, as JSON or as a stream.

It answers what the demo asks and says so to everybody else. Tools are called when a question names a city and a tool is
offered. Nothing of it is in the way of a real upstream.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Slow enough to be seen streaming in a terminal, quick enough not to bore.
SECONDS_BETWEEN_CHUNKS = 0.01

_ANSWERS = {
    "logging proxy": "It sits between a chat and its model, passes every byte through, and keeps the conversation.",
    "slow": "No. The reply goes to the client first; recording happens afterwards, in another process.",
    "crash": "Then the journal on disk still has every reply whose end a client has seen.",
}
_ELSE = "This is teelog's sample upstream. Start `teelog serve` to talk to a real model."
_CITY = re.compile(r"weather in (\w+)", re.IGNORECASE)


def sample_app() -> web.Application:
    """The server; it knows one endpoint."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", _complete)
    return app


async def _complete(request: web.Request) -> web.StreamResponse:
    asked = orjson.loads(await request.read())
    message = _answer(asked["messages"], offered=bool(asked.get("tools")))
    base = {"id": f"chatcmpl-{secrets.token_hex(12)}", "created": 1_790_000_000, "model": asked.get("model", "sample")}
    finish = "tool_calls" if "tool_calls" in message else "stop"
    if not asked.get("stream"):
        choice = {"index": 0, "message": message, "finish_reason": finish}
        usage = {"prompt_tokens": 12, "completion_tokens": 20, "total_tokens": 32}
        return web.json_response({**base, "object": "chat.completion", "choices": [choice], "usage": usage})
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
    await response.prepare(request)
    for delta, reason in [*((delta, None) for delta in _deltas(message)), ({}, finish)]:
        chunk = {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}], "object": "chat.completion.chunk"}
        await response.write(b"data: " + orjson.dumps({**base, **chunk}) + b"\n\n")
        await asyncio.sleep(SECONDS_BETWEEN_CHUNKS)
    await response.write(b"data: [DONE]\n\n")
    return response


def _answer(messages: list[dict[str, Any]], *, offered: bool) -> dict[str, Any]:
    last = messages[-1]
    if last["role"] == "tool":
        return {"role": "assistant", "content": f"It is {last['content']} there."}
    text = str(last.get("content"))
    city = _CITY.search(text)
    if city and offered:
        arguments = orjson.dumps({"city": city[1]}).decode()
        call = {"id": f"call_{city[1].lower()}", "type": "function"}
        return {
            "role": "assistant",
            "content": None,
            "tool_calls": [{**call, "function": {"name": "get_weather", "arguments": arguments}}],
        }
    words = (answer for key, answer in _ANSWERS.items() if key in text.lower())
    return {"role": "assistant", "content": next(words, _ELSE)}


def _deltas(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A message in fragments, as models send it."""
    yield {"role": "assistant", "content": None if message["content"] is None else ""}
    for index, call in enumerate(message.get("tool_calls", ())):
        function = call["function"]
        yield {"tool_calls": [{**call, "index": index, "function": {"name": function["name"], "arguments": ""}}]}
        for fragment in re.findall(r".{1,5}", function["arguments"]):
            yield {"tool_calls": [{"index": index, "function": {"arguments": fragment}}]}
    for word in re.findall(r"\S+\s*", message["content"] or ""):
        yield {"content": word}
