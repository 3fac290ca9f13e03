"""An upstream that plays back answers: the request's `x-play` names which."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from aiohttp import web

from tests.e2e.upstream import ChatUpstream

#: Bytes of one write: so small that events are cut.
STEP = 700


@dataclass
class Answer:
    """What a request gets."""

    body: bytes
    content_type: str = "text/event-stream"
    status: int = 200
    #: The connection breaks at its end.
    breaks: bool = False


class Playback(ChatUpstream):
    """Plays `answers` by name, whatever was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.answers: dict[str, Answer] = {}

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        return await self._other(request)

    async def _other(self, request: web.Request) -> web.StreamResponse:
        self.heads.append(list(request.headers.items()))
        answer = self.answers[request.headers["x-play"]]
        headers = {"Content-Type": answer.content_type} if answer.content_type else {}
        response = web.StreamResponse(status=answer.status, headers=headers)
        await response.prepare(request)
        with suppress(ConnectionError):  # some clients leave when they cannot read on
            for at in range(0, len(answer.body), STEP):
                await response.write(answer.body[at : at + STEP])
            if answer.breaks:
                request.transport.close()
            else:
                await response.write_eof()
        return response
