"""The short way of a request that is here whole: from the parser to the upstream in one call, with no task of its own.

aiohttp makes a request object and a task of every message that its parser gives; that costs a third of a short exchange.
`Shortcut` stands in the parser's place on one client connection. A message that came whole in one read, on a connection
that waits for one, goes upstream at once, or as soon as there is a connection to it; aiohttp never sees it, nor, if its
head came before (`again.py`), does the parser. Every other message, and whatever is refused, goes aiohttp's way, which
decides everything again.

One request at a time: what a client sends behind one that is under way waits, unparsed, and is bounded. It leans on
fields of `RequestHandler` that have no public name, all of them in `ClientConnection` and here.
"""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import RequestRefused, UpstreamError
from .again import head_again
from .limits import MAX_HEAD, HeadTooLarge

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

    from aiohttp.http import HttpRequestParser, RawRequestMessage
    from aiohttp.streams import StreamReader

    from .again import HeadAgain
    from .client import ClientConnection
    from .plan import Plan
    from .reply import Reply
    from .server import Front

#: What may wait behind a request; a client that sends more is read no further meanwhile.
MAX_WAITING = 64 * 1024
_NO_MESSAGES: tuple[tuple[Any, ...], bool, bytes] = ((), False, b"")


class Shortcut:
    """aiohttp's parser, as one client connection sees it."""

    __slots__ = (
        "_again",
        "_came",
        "_client",
        "_front",
        "_in_body",
        "_parser",
        "_plan",
        "_reply",
        "_task",
        "_waiting",
        "_waits_for",
        "begun",
        "begun_at",
        "is_busy",
    )

    def __init__(self, parser: HttpRequestParser, client: ClientConnection, front: Front) -> None:
        self._parser = parser
        self._client = client
        self._front = front
        self._plan: Plan | None = None
        # the head that the plan was made of, while the parser waits for the beginning of a message
        self._again: HeadAgain | None = None
        self._reply: Reply | None = None
        self._came = 0.0
        self._waiting: list[bytes] = []
        self._waits_for = 0
        # it opens a connection, or tells the client that there is no answer
        self._task: asyncio.Task[None] | None = None
        # the body of a message that has not come to its end
        self._in_body: StreamReader | None = None
        #: Bytes of a head that has not come to its end, and since when it (or, of a new connection, the first) is awaited.
        self.begun = 0
        self.begun_at = 0.0
        #: Whether a request is on the short way.
        self.is_busy = False

    # --- aiohttp's parser

    def feed_data(self, data: bytes) -> tuple[Any, bool, bytes]:
        """One read; what comes back is aiohttp's to deal with."""
        if self.is_busy:
            if data:  # (aiohttp asks with nothing when a body was read)
                self._wait(data)
            return _NO_MESSAGES
        is_beginning, self._again = self._in_body is None and not self.begun, None
        try:
            result = self._parse(data)
        except Exception:
            self._client.owed += 1  # aiohttp answers that, and hangs up
            raise
        messages, upgraded, _ = result
        if len(messages) == 1 and not upgraded and self._client.is_waiting:
            message, content = messages[0]
            if content.is_eof() and self._take(message, content, data if is_beginning else b""):
                return _NO_MESSAGES
        if messages:
            content = messages[-1][1]
            self._in_body = None if content.is_eof() else content
            self._client.owed += len(messages)
        return result

    def _parse(self, data: bytes) -> tuple[Any, bool, bytes]:
        result: tuple[Any, bool, bytes] = self._parser.feed_data(data)
        if not result[0]:
            self._goes_on(data)
        elif self.begun_at:
            self.begun, self.begun_at = 0, 0.0
        return result

    def _goes_on(self, data: bytes) -> None:
        """A read that ended no head: more of a body, or of a head."""
        if self._in_body is not None:
            if self._in_body.is_eof():
                self._in_body = None
        elif self.begun or data.strip(b"\r\n"):  # (some put a line end behind their body: RFC 9112 §2.2)
            self.begun_at = self.begun_at or self._client.loop.time()
            self.begun += len(data)
            if self.begun > MAX_HEAD:
                raise HeadTooLarge("the head has no end")

    def feed_eof(self) -> Any:
        """See the parser."""
        return self._parser.feed_eof()

    def message_consumed(self) -> None:
        """See the parser."""
        self._parser.message_consumed()

    def pause_reading(self) -> None:
        """See the parser."""
        self._parser.pause_reading()

    def set_upgraded(self, val: bool) -> None:
        """See the parser."""
        self._parser.set_upgraded(val)

    # --- a request

    def repeats(self, data: bytes) -> bool:
        """Send on a read that is one request with the head of the last; false when the parser has to look at it."""
        again, plan = self._again, self._plan
        if again is None or plan is None or self.is_busy or not self._client.is_waiting:
            return False
        found = again.split(data)
        if found is None:
            return False
        self._send(plan, plan.forward_sized(found[0]), found[1])
        return True

    def _take(self, message: RawRequestMessage, content: StreamReader, data: bytes) -> bool:
        """Send on a request, which is all of the data if there is any; false when it has to go the other way."""
        client, front, plan = self._client, self._front, self._plan
        if plan is None or not plan.fits(message):
            try:
                plan = self._plan = front.plan(message, client)
            except RequestRefused:
                return False
            if plan is None:
                return False
        self.is_busy = True  # (to read a body asks for more data)
        self._parser.message_consumed()
        headers, body = message.raw_headers, content.read_nowait(-1)
        length = plan.length(headers)
        if length is not None and data:
            line = f"{message.method} {message.path} HTTP/1.".encode("ascii")
            self._again = head_again(data, line, len(headers), len(body), *length)
        self._send(plan, plan.forward(headers), body)
        return True

    def _send(self, plan: Plan, forward: bytes, body: bytes) -> None:
        self.is_busy = True
        self._came = time.monotonic()
        reply = self._reply = self._front.begin(self._client, plan, body, self._ended)
        connection = plan.route.upstream.take()
        if connection is None:
            self._run(partial(self._open, plan, reply, forward, body))
        else:
            self._front.send(self._client, plan, reply, forward, body, connection)

    async def _open(self, plan: Plan, reply: Reply, forward: bytes, body: bytes) -> None:
        """Send a request on a connection that has to be opened."""
        try:
            connection = await plan.route.upstream.acquire()
        except UpstreamError as error:
            await self._fail(reply, error)
        else:
            self._front.send(self._client, plan, reply, forward, body, connection)

    def _ended(self, error: UpstreamError | None) -> None:
        """The client has all there is, or (`error`) nothing yet."""
        reply, client = self._reply, self._client
        assert reply is not None
        client.upstream = client.reply = None
        if error is None:
            self._finish(reply, keep_alive=reply.keep_alive)
        else:
            self._run(partial(self._fail, reply, error))

    def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        self._task = self._client.loop.create_task(self._surely(work))

    async def _surely(self, work: Callable[[], Awaitable[None]]) -> None:
        """Whatever goes wrong, the client is not left waiting."""
        try:
            await work()
        except Exception as error:
            self._client.log_exception("a request could not be handled", exc_info=error)
            self._client.hang_up()

    async def _fail(self, reply: Reply, error: UpstreamError) -> None:
        keep_alive, plan = reply.keep_alive, self._plan
        assert plan is not None
        await self._front.failed(self._client, plan, reply, error, keep_alive=keep_alive)
        if self._reply is reply:
            self._finish(reply, keep_alive=keep_alive)

    def lost(self) -> None:
        """The client has left."""
        reply = self._reply
        if reply is not None:
            reply.abandon()
            self._reply = None
            self.is_busy = False
            self._front.ended(reply, self._came)
        if self._task is not None:
            self._task.cancel()

    def _finish(self, reply: Reply, *, keep_alive: bool) -> None:
        client, self._reply, self._task = self._client, None, None
        self.is_busy = False
        self._front.ended(reply, self._came)
        if not keep_alive:
            if client.transport is not None:
                client.transport.close()
            return
        client.rest()
        if self._waiting:
            self._go_on()

    # --- what came behind it

    def _wait(self, data: bytes) -> None:
        self._waiting.append(data)
        self._waits_for += len(data)
        if self._waits_for > MAX_WAITING and self._client.transport is not None:
            self._client.transport.pause_reading()

    def _go_on(self) -> None:
        data, paused = b"".join(self._waiting), self._waits_for > MAX_WAITING
        self._waiting.clear()
        self._waits_for = 0
        if paused and self._client.transport is not None:
            self._client.transport.resume_reading()
        self._client.data_received(data)
