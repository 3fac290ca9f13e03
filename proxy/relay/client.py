"""A client's connection: aiohttp's, which also tells the upstream when its client is behind, or gone.

Nothing is written to a client that has left, and no answer is held back by the slowness of another one's client. A round
past all connections, every second, ends those that are too slow with their head or with what they were answered; one too
many is turned away at once.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, cast

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from .answers import CLOSE, openai_error, write_answer
from .limits import LINGER_SECONDS, Crowd, Refusal, bound_unsent, client_of, refusal_of
from .pace import Drain
from .shortcut import Shortcut
from .websocket import Session

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from aiohttp.http import HttpRequestParser, WebSocketReader

    from ..config import Listen
    from .reply import Reply
    from .server import Front
    from .upstream import Connection


#: How often slow clients are looked for; more often where they are given less time than usual.
LOOK_SECONDS = 1.0
#: So many connections at once, about 1 µs each.
LOOK_STEP = 200


class ClientConnection(RequestHandler):
    """One client's connection: aiohttp's, which also tells the upstream when the client is behind."""

    __slots__ = ("_drain", "_shortcut", "_wire", "number", "reply", "upstream", "who")
    _numbers = itertools.count(1)

    def __init__(self, manager: Server, front: Front, *, loop: asyncio.AbstractEventLoop, **settings: Any) -> None:
        super().__init__(manager, loop=loop, **settings)
        self._shortcut = Shortcut(cast("HttpRequestParser", self._parser), self, front)
        self._parser = self._shortcut  # type: ignore[assignment] # it is what the connection asks of a parser
        self._drain = Drain()
        # aiohttp lets go of a transport that it closes, though its last bytes are still to be taken
        self._wire: asyncio.Transport | None = None
        #: Its address, as far as that tells who it is; empty: unknown.
        self.who = ""

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
        self._wire = cast("asyncio.Transport", transport)
        bound_unsent(self._wire)
        self.who = client_of(transport)
        self._shortcut.begun_at = self._loop.time()
        refusal = cast("Server", self._manager).crowd.enters(self.who)
        if refusal is not None:
            self._turn_away(refusal)

    def _turn_away(self, refusal: Refusal) -> None:
        """Say why, and hang up."""
        wire = self._wire
        assert wire is not None
        self._close = True  # what it sends is not parsed,
        self.transport = None  # and aiohttp has nothing to close
        body = openai_error(refusal.status, refusal.message, refusal.code)
        headers = {"Retry-After": "1"} if refusal.status in (429, 503) else None
        write_answer(wire, refusal.status, body, headers=headers, keep_alive=False)
        if wire.can_write_eof():
            wire.write_eof()
        self._loop.call_later(LINGER_SECONDS, self.hang_up)

    def hang_up(self) -> None:
        """Close the connection, once its client has taken what waits for it."""
        if self._wire is not None:
            self._wire.close()

    def connection_lost(self, exc: BaseException | None) -> None:
        """End the upstream's work at once: nothing may be written to this client any more."""
        if self.upstream is not None:
            self.upstream.leave(self.reply)
        self._shortcut.lost()
        if self._wire is not None and self._manager is not None:
            self._wire = None
            cast("Server", self._manager).crowd.leaves(self.who)
        super().connection_lost(exc)

    def look(self, now: float, listen: Listen) -> None:
        """End the connection if its client is too slow (seconds, of the loop's clock)."""
        wire, begun_at = self._wire, self._shortcut.begun_at
        if wire is None:
            return
        flows = self.reply is not None and not self.writing_paused and not wire.is_closing()
        if self._drain.of(wire, now, flows=flows) > listen.write_idle_seconds:
            wire.abort()
        elif begun_at and not self.is_waiting:
            self._shortcut.begun_at = now  # what comes behind a request is awaited once that one is answered
        elif begun_at and now - begun_at > listen.head_seconds and not self._close:
            if self._shortcut.begun:
                self._turn_away(Refusal(408, "the request's head stopped coming", "request_timeout"))
            else:
                wire.close()

    async def taken(self) -> None:
        """Return once the client is not behind: answers of our own are held back by no upstream's pace."""
        if self.writing_paused:
            await self._drain_helper()

    def follow(self, upstream: Connection, reply: Reply) -> None:
        """Hold this upstream back when the client is behind, as it may be now with the answer before."""
        self.upstream, self.reply = upstream, reply
        if self.writing_paused:
            upstream.pause(reply)

    def data_received(self, data: bytes) -> None:
        """See aiohttp; a request like the one before it need not be read to be sent on."""
        if self._force_close or self._close or not self._shortcut.repeats(data):
            super().data_received(data)

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
            self._turn_away(
                refusal_of(exc, message)
                if status < 500
                else Refusal(status, "teelog could not handle this request", "internal_error")
            )
        return CLOSE


class Server(web.Server):
    """aiohttp's server, with our connections."""

    def __init__(self, front: Front, listen: Listen, **settings: Any) -> None:
        super().__init__(front.handle, **settings)
        self._front = front
        self._listen = listen
        self.crowd = Crowd(listen)
        self._look_every = min(LOOK_SECONDS, listen.head_seconds / 8, listen.write_idle_seconds / 8)
        self._looking = self._loop.call_later(self._look_every, self._look)

    def __call__(self) -> ClientConnection:
        return ClientConnection(self, self._front, loop=self._loop, **self._kwargs)

    def _look(self) -> None:
        """A round past all connections, in steps spread over its time: ten thousand at once would hold up every chunk."""
        ours = self._ours()
        self._look_on(iter(ours), self._look_every / (len(ours) // LOOK_STEP + 1))

    def _look_on(self, ours: Iterator[ClientConnection], pause: float) -> None:
        now, seen = self._loop.time(), 0
        for one in itertools.islice(ours, LOOK_STEP):
            one.look(now, self._listen)
            seen += 1
        if seen < LOOK_STEP:
            self._looking = self._loop.call_later(pause, self._look)
        else:
            self._looking = self._loop.call_later(pause, self._look_on, ours, pause)

    async def shutdown(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - aiohttp's contract
        """See aiohttp."""
        self._looking.cancel()
        ours = self._ours()
        await super().shutdown(timeout)
        for one in ours:
            one.hang_up()

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
