"""`ChatUpstream` as the large providers run it: answers are gzipped for who asks, usage is streamed to who asks."""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING

from aiohttp import web

from tests.e2e.upstream import ChatUpstream, answer_to, deltas

if TYPE_CHECKING:
    from collections.abc import Iterator

USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


class ProviderUpstream(ChatUpstream):
    """With `gzips`, each answer is gzipped when the client accepts it, streams flushed after every event."""

    def __init__(self, *, gzips: bool) -> None:
        super().__init__()
        self.gzips = gzips
        #: Content-Encoding of each answer, in order; "" for none.
        self.codings: list[str] = []

    async def _answer(self, request: web.Request, asked: dict, number: int) -> web.StreamResponse:
        stream = bool(asked.get("stream"))
        headers = {"Content-Type": "text/event-stream" if stream else "application/json"}
        gzipped = self.gzips and "gzip" in request.headers.get("Accept-Encoding", "")
        self.codings.append("gzip" if gzipped else "")
        if gzipped:
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        packer = zlib.compressobj(wbits=31) if gzipped else None
        for piece in streamed(asked, number) if stream else (whole(asked, number),):
            await response.write(packer.compress(piece) + packer.flush(zlib.Z_SYNC_FLUSH) if packer else piece)
        if packer:
            await response.write(packer.flush())
        await response.write_eof()
        return response


def whole(asked: dict, number: int) -> bytes:
    """An answer in one piece."""
    message = answer_to(asked, number)
    choice = {"index": 0, "message": message, "finish_reason": finish_of(message), "logprobs": None}
    return json.dumps(
        {**base(asked, number), "object": "chat.completion", "choices": [choice], "usage": USAGE}
    ).encode()


def streamed(asked: dict, number: int) -> Iterator[bytes]:
    """The same answer event by event."""
    message = answer_to(asked, number)
    chunk = {**base(asked, number), "object": "chat.completion.chunk"}
    for delta, reason in [*((d, None) for d in deltas(message)), ({}, finish_of(message))]:
        yield event({**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})
    if (asked.get("stream_options") or {}).get("include_usage"):
        yield event({**chunk, "choices": [], "usage": USAGE})
    yield b"data: [DONE]\n\n"


def finish_of(message: dict) -> str:
    return "tool_calls" if message.get("tool_calls") else "stop"


def base(asked: dict, number: int) -> dict:
    return {"id": f"chatcmpl-{number}", "created": 1_790_000_000, "model": asked.get("model", "m")}


def event(chunk: dict) -> bytes:
    return b"data: " + json.dumps(chunk).encode() + b"\n\n"
