"""An upstream in a thread: OpenAI's chat completions, streamed and not, whose answers a test can foresee."""

from __future__ import annotations

import asyncio
import json
import threading
from contextlib import suppress

from aiohttp import web

from tests.e2e.threaded import Threaded


class ChatUpstream(Threaded):
    """Answers `echo of <last text>`; calls `look_up` when that tool is offered and the last message is a question."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[dict] = []
        self.heads: list[list[tuple[str, str]]] = []
        #: Monotonic times at which a connection was found gone while it was being answered.
        self.gone: list[float] = []
        #: Streams wait this long between chunks (seconds); None: for ever, after the first.
        self.pause: float | None = 0.0
        self.arrived = threading.Event()
        self.cancelled = threading.Event()
        self._number = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def runner(self) -> web.AppRunner:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_route("*", "/{path:.*}", self._other)
        return web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)

    async def _other(self, request: web.Request) -> web.Response:
        self.heads.append(list(request.headers.items()))
        return web.json_response({"object": "list", "data": []})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self._number += 1
        number = self._number
        self.requests.append(asked)
        self.heads.append(list(request.headers.items()))
        self.arrived.set()
        try:
            return await self._answer(request, asked, number)
        except asyncio.CancelledError:
            self.gone.append(asyncio.get_running_loop().time())
            self.cancelled.set()
            raise

    async def _answer(self, request: web.Request, asked: dict, number: int) -> web.StreamResponse:
        message = answer_to(asked, number)
        text = request.headers.get("x-test-scene", "")
        if text == "silent":
            await asyncio.sleep(3600)
        finish = "tool_calls" if message.get("tool_calls") else "stop"
        base = {"id": f"chatcmpl-{number}", "created": 1_790_000_000, "model": asked.get("model", "m")}
        if not asked.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
            usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
            body = json.dumps({**base, "object": "chat.completion", "choices": [choice], "usage": usage}).encode()
            response = web.StreamResponse(
                headers={"Content-Type": "application/json", "Content-Length": str(len(body))}
            )
            await response.prepare(request)
            await response.write(body[:10])
            if text == "slow":
                await asyncio.sleep(3600)
            await response.write(body[10:])
            return response
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for delta, reason in [*((d, None) for d in deltas(message)), ({}, finish)]:
            chunk = {
                "choices": [{"index": 0, "delta": delta, "finish_reason": reason}],
                "object": "chat.completion.chunk",
            }
            await response.write(b"data: " + json.dumps({**base, **chunk}).encode() + b"\n\n")
            if text == "slow":
                await asyncio.sleep(3600)
            if self.pause:
                await asyncio.sleep(self.pause)
        await response.write(b"data: [DONE]\n\n")
        with suppress(ConnectionError):
            await response.write_eof()
        return response


def answer_to(asked: dict, number: int) -> dict:
    """The whole message that a request gets."""
    last = asked["messages"][-1]
    content = last.get("content")
    text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content or ())
    if asked.get("tools") and last["role"] == "user" and text.endswith("?"):
        call = {"id": f"call_{number:08d}x", "type": "function"}
        function = {"name": "look_up", "arguments": json.dumps({"what": text})}
        return {"role": "assistant", "content": None, "tool_calls": [{**call, "function": function}]}
    return {"role": "assistant", "content": f"echo of {text}", "refusal": None}


def deltas(message: dict):
    yield {"role": "assistant", "content": None if message["content"] is None else ""}
    for index, call in enumerate(message.get("tool_calls") or ()):
        function = call["function"]
        yield {"tool_calls": [{**call, "index": index, "function": {"name": function["name"], "arguments": ""}}]}
        for at in range(0, len(function["arguments"]), 7):
            yield {"tool_calls": [{"index": index, "function": {"arguments": function["arguments"][at : at + 7]}}]}
    text = message["content"] or ""
    for at in range(0, len(text), 5):
        yield {"content": text[at : at + 5]}
