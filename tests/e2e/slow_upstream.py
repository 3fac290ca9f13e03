"""An upstream of slow streams: one token at a time, each saying when it was sent; cheap enough for hundreds at once."""

from __future__ import annotations

import asyncio
import json
import time

from aiohttp import web

from tests.e2e.upstream import ChatUpstream


class SlowUpstream(ChatUpstream):
    """Streams `pause` seconds apart; a chunk's token is its number and the monotonic ms of its sending, `3@123456 `."""

    def __init__(self, pause: float = 0.1, tokens: int = 10_000) -> None:
        super().__init__()
        self.pause, self.tokens = pause, tokens
        #: Streams begun.
        self.begun = 0
        #: Set: streams end with their next token, in order.
        self.finish = False

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.begun += 1
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for number in range(self.tokens):
            if self.finish:
                break
            await response.write(_chunk({"content": f"{number}@{time.monotonic_ns() // 1_000_000} "}))
            await asyncio.sleep(self.pause)
        await response.write(_chunk({}, "stop"))
        await response.write(b"data: [DONE]\n\n")
        return response


def _chunk(delta: dict, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


def sent_at(text: str) -> list[int]:
    """When the tokens of an answer were sent, in order; they must be all from the first to the last."""
    tokens = [token.split("@") for token in text.split()]
    assert [int(number) for number, _ in tokens] == list(range(len(tokens)))
    return [int(at) for _, at in tokens]
