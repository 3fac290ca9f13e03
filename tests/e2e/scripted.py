"""An upstream that answers what the script says: each request names its answer, so that the script alone knows the truth.

Chat completions and Responses, streamed and not, with choices, calls and reasoning; and the ways in which an answer fails.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

#: The request header that names an answer; it goes through the proxy like any other.
ANSWER = "x-script-answer"


@dataclass(frozen=True)
class Say:
    """An answer."""

    text: str = ""
    #: (id, name, arguments) each.
    calls: tuple[tuple[str, str, str], ...] = ()
    #: Texts of further choices.
    others: tuple[str, ...] = ()
    reasoning: str = ""
    stream: bool = False
    #: none: the connection ends without an answer. cut: it ends in the middle of one. silent: no answer, until the
    #: client leaves. held: `pieces` pieces of the text, then nothing until the client leaves.
    fault: str = ""
    pieces: int = 0
    #: The answer's own id, where the script goes on with it.
    id: str = ""

    def message(self) -> dict:
        """As a client keeps it."""
        calls = [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in self.calls]
        return {"role": "assistant", "content": self.text or None} | ({"tool_calls": calls} if calls else {})


def pieces(text: str) -> list[str]:
    """A text as it is streamed: word by word."""
    return re.findall(r"\s*\S+\s?|\s+", text)


class Scripted:
    """The upstream, in the loop that enters it."""

    def __init__(self, seed: int) -> None:
        self.url = ""
        self._rng = random.Random(seed)
        self._numbers = count(1)
        self._said: dict[str, Say] = {}
        self._heard: dict[str, asyncio.Event] = {}

    def will_say(self, say: Say) -> dict[str, str]:
        """The headers of the request that gets this answer."""
        number = str(next(self._numbers))
        self._said[number] = say
        self._heard[number] = asyncio.Event()
        return {ANSWER: number}

    async def heard(self, headers: dict[str, str]) -> None:
        """Wait until a request has come."""
        await self._heard[headers[ANSWER]].wait()

    async def __aenter__(self) -> Scripted:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0, backlog=1024).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        number = request.headers[ANSWER]
        say = self._said[number]
        self._heard[number].set()
        if say.fault == "silent":
            await asyncio.Future()
        if say.fault == "none":
            request.transport.abort()
            return web.Response()
        is_chat = request.path.endswith("/chat/completions")
        if say.stream:
            whole = b"".join((chat_events if is_chat else response_events)(say, number))
        else:
            whole = json.dumps((completion if is_chat else response)(say, number)).encode()
        kind = "text/event-stream" if say.stream else "application/json"
        answer = web.StreamResponse(headers={"Content-Type": kind})
        if not say.stream:
            answer.content_length = len(whole)
        await answer.prepare(request)
        async for part in self._parts(whole, cut=say.fault == "cut"):
            await answer.write(part)
        if say.fault == "held":
            await asyncio.Future()
        if say.fault == "cut":
            request.transport.close()  # not abort: a reset could take away what was sent before it
            return answer
        await answer.write_eof()
        return answer

    async def _parts(self, whole: bytes, *, cut: bool) -> AsyncIterator[bytes]:
        """The bytes in a few writes, wherever they happen to be cut."""
        if cut:
            whole = whole[: self._rng.randrange(1, len(whole) - 20)]
        at = 0
        for end in (*sorted(self._rng.choices(range(1, len(whole)), k=self._rng.randrange(3))), len(whole)):
            if end > at:
                yield whole[at:end]
            at = end
            await asyncio.sleep(0)  # the others go on in between


# --- chat completions


def completion(say: Say, number: str) -> dict:
    """A JSON answer."""
    messages = [say.message(), *({"role": "assistant", "content": text} for text in say.others)]
    if say.reasoning:
        messages[0]["reasoning_content"] = say.reasoning
    finish = "tool_calls" if say.calls else "stop"
    choices = [{"index": at, "message": one, "finish_reason": finish} for at, one in enumerate(messages)]
    return {**_about(say, number), "object": "chat.completion", "choices": choices, "usage": {"total_tokens": 3}}


def chat_events(say: Say, number: str) -> Iterator[bytes]:
    """A streamed answer; the choices come by turns."""
    deltas: list[tuple[int, dict]] = [(0, {"role": "assistant"})]
    deltas += [(0, {"reasoning_content": one}) for one in pieces(say.reasoning)]
    for at, (call, name, arguments) in enumerate(say.calls):
        deltas.append((0, {"tool_calls": [{"index": at, "id": call, "function": {"name": name, "arguments": ""}}]}))
        deltas += [(0, {"tool_calls": [{"index": at, "function": {"arguments": arguments[i : i + 9]}}]})
                   for i in range(0, len(arguments), 9)]  # fmt: skip
    lines = [pieces(text) for text in (say.text, *say.others)]
    for at in range(max(map(len, lines))):
        deltas += [(index, {"content": line[at]}) for index, line in enumerate(lines) if at < len(line)]
    if say.fault == "held":
        deltas = deltas[: 1 + say.pieces]
    choices = [{"index": index, "delta": delta, "finish_reason": None} for index, delta in deltas]
    if say.fault != "held":
        finish = "tool_calls" if say.calls else "stop"
        choices += [{"index": index, "delta": {}, "finish_reason": finish} for index in range(len(lines))]
    about = {**_about(say, number), "object": "chat.completion.chunk"}
    yield from (b"data: %s\n\n" % json.dumps({**about, "choices": [choice]}).encode() for choice in choices)
    if say.fault != "held":
        yield b"data: [DONE]\n\n"


def _about(say: Say, number: str) -> dict:
    return {"id": say.id or f"chatcmpl-{number}", "created": 1_790_000_000, "model": "scripted"}


# --- Responses


def response(say: Say, number: str) -> dict:
    """A JSON answer of the Responses API."""
    part = {"type": "output_text", "text": say.text, "annotations": []}
    message = {"type": "message", "id": f"msg_{number}", "role": "assistant", "status": "completed", "content": [part]}
    about = {"id": say.id or f"resp_{number}", "object": "response", "created_at": 1_790_000_000, "model": "scripted"}
    return {**about, "status": "completed", "output": [message]}


def response_events(say: Say, number: str) -> Iterator[bytes]:
    """The same, streamed."""
    whole = response(say, number)
    [message] = whole["output"]
    place = {"output_index": 0, "item_id": message["id"], "content_index": 0}
    told = [
        ("response.created", {"response": {**whole, "status": "in_progress", "output": []}}),
        ("response.output_item.added", {"output_index": 0, "item": {**message, "content": []}}),
        *(("response.output_text.delta", {**place, "delta": one}) for one in pieces(say.text)),
        ("response.output_text.done", {**place, "text": say.text}),
        ("response.output_item.done", {"output_index": 0, "item": message}),
        ("response.completed", {"response": whole}),
    ]
    for number_, (kind, fields) in enumerate(told):
        body = json.dumps({"type": kind, "sequence_number": number_, **fields})
        yield f"event: {kind}\ndata: {body}\n\n".encode()
