"""A client's connection: aiohttp's, which also tells the upstream when its client is behind, or gone.

Nothing is written to a client that has left, and no answer is held back by the slowness of another one's client. A body
that stops coming is given up with `RequestRefused`.
"""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from ..errors import RequestRefused
from .answers import CLOSE, openai_error, write_answer
from .shortcut import Shortcut
from .websocket import Session

if TYPE_CHECKING:
    from aiohttp.http import HttpRequestParser, WebSocketReader
    from aiohttp.streams import StreamReader

    from .reply import Reply
    from .server import Front
    from .upstream import Connection


class ClientConnection(RequestHandler):
    """One client's connection: aiohttp's, which also tells the upstream when the client is behind."""

    __slots__ = ("_shortcut", "number", "reply", "upstream")
    _numbers = itertools.count(1)

    def __init__(self, manager: Server, front: Front, *, loop: asyncio.AbstractEventLoop, **settings: Any) -> None:
        super().__init__(manager, loop=loop, **settings)
        self._shortcut = Shortcut(cast("HttpRequestParser", self._parser), self, front)
        self._parser = self._shortcut  # type: ignore[assignment] # it is what the connection asks of a parser

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop."""
        return self._loop

    @property
    def is_waiting(self) -> bool:
        """Whether nothing is under way, and aiohttp waits for a request."""
        waiter = self._waiter
        return waiter is not None and not waiter.done() and not self._messages

    @property
    def has_switched(self) -> bool:
        """Whether aiohttp's parser has stopped behind a request that asks for WebSocket, and reads no request after it."""
        return self._upgraded

    @property
    def too_early(self) -> bool:
        """Whether bytes came behind that request before it was answered."""
        return bool(self._message_tail)

    def switch(self, session: Session) -> None:
        """From now on all that comes is the session's."""
        self.keep_alive(False)
        self.set_parser(cast("WebSocketReader", session))

    def rest(self) -> None:
        """A request that aiohttp has not seen is over: wait for the next, as long as after any other."""
        self._keepalive = True
        self._next_keepalive_close_time = until = self._loop.time() + self.keepalive_timeout
        if self._keepalive_handle is None:
            self._keepalive_handle = self._loop.call_at(until, self._process_keepalive)

    def _process_keepalive(self) -> None:
        if self._shortcut.is_busy:
            self._keepalive_handle = None  # `rest` begins anew
        else:
            super()._process_keepalive()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin with no upstream."""
        self.upstream: Connection | None = None
        self.reply: Reply | None = None
        self.number = str(next(self._numbers))
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """End the upstream's work at once: nothing may be written to this client any more."""
        if self.upstream is not None:
            self.upstream.leave(self.reply)
        self._shortcut.lost()
        super().connection_lost(exc)

    def follow(self, upstream: Connection, reply: Reply) -> None:
        """Hold this upstream back when the client is behind, as it may be now with the answer before."""
        self.upstream, self.reply = upstream, reply
        if self.writing_paused:
            upstream.pause(reply)

    def pause_writing(self) -> None:
        """Read the upstream no further: the client is behind."""
        super().pause_writing()
        if self.upstream is not None:
            self.upstream.pause(self.reply)

    def resume_writing(self) -> None:
        """Read on: the client has caught up."""
        super().resume_writing()
        if self.upstream is not None:
            self.upstream.resume(self.reply)

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - aiohttp's contract
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP, or a fault of ours, in OpenAI's shape; the connection ends."""
        if status >= 500:
            self.log_exception("a request could not be handled", exc_info=exc)
        if self.transport is not None:
            text, code = "teelog could not handle this request", "internal_error"
            if status < 500:
                text, code = (
                    f"this is not an HTTP/1.1 request: {(message or '').partition(chr(10))[0][:200]}",
                    "bad_request",
                )
            write_answer(self.transport, status, openai_error(status, text, code), keep_alive=False)
        return CLOSE


async def read_part(content: StreamReader, patience: float) -> bytes:
    """What has come of a request's body; `RequestRefused` when nothing does for `patience` seconds."""
    try:
        async with asyncio.timeout(patience):
            return await content.readany()
    except TimeoutError as error:
        raise RequestRefused(408, "the request's body stopped coming", "request_timeout") from error
    except web.RequestPayloadError as error:
        raise RequestRefused(400, "the request's body is not framed as HTTP/1.1 asks") from error


class Server(web.Server):
    """aiohttp's server, with our connections."""

    def __init__(self, front: Front, **settings: Any) -> None:
        super().__init__(front.handle, **settings)
        self._front = front

    def __call__(self) -> ClientConnection:
        return ClientConnection(self, self._front, loop=self._loop, **self._kwargs)

    def replies(self) -> list[Reply]:
        """All answers under way."""
        return [one.reply for one in self._ours() if one.reply is not None]

    def retire(self, now: float) -> None:
        """Have sessions in which nothing is said come to an end (seconds, monotonic)."""
        for one in self._ours():
            if isinstance(one.reply, Session):
                one.reply.retire(now)

    def cut(self) -> None:
        """End every answer under way, here and at the upstream; what is to be recorded is, as far as the client had it."""
        for one in self._ours():
            if one.reply is not None and one.transport is not None:
                one.reply.abandon("crash")
                one.transport.abort()

    def _ours(self) -> list[ClientConnection]:
        return cast("list[ClientConnection]", self.connections)
