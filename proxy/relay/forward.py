"""The proxied path: one request to its upstream, and the answer back.

A recorded request's body is read before it is sent on, up to `record_max_bytes`, so that it can be kept; anything
larger and everything else streams through, held nowhere. Model calls are never repeated. A client that leaves takes
its upstream connection with it. No JSON is parsed here.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from ..core.dialect import is_recorded
from ..core.exchange import Capture, CaptureRules
from ..errors import RequestRefused, UpstreamError
from .answers import CLOSE, KEEP, openai_error, write_answer
from .client import read_part
from .headers import RequestHead, forward_head
from .keys import Credentials, KeyRing
from .reply import Reply

if TYPE_CHECKING:
    from aiohttp import web
    from aiohttp.streams import StreamReader

    from .client import ClientConnection
    from .recording import Record
    from .upstream import Connection, Upstream


class Route:
    """An upstream at a path prefix (`/v1`, `/azure`), and what its requests need."""

    def __init__(self, prefix: str, upstream: Upstream, client_keys: KeyRing) -> None:
        self.prefix = prefix
        self.upstream = upstream
        self.credentials = Credentials(upstream.config, client_keys)

    def target(self, target: str) -> str:
        """The upstream's form of a request target."""
        rest = self.upstream.path + target[len(self.prefix) :]
        return rest if rest.startswith("/") else "/" + rest


class Forwarder:
    """Forwards requests; one for the process."""

    def __init__(
        self,
        record: Record,
        rules: CaptureRules,
        loop: asyncio.AbstractEventLoop,
        *,
        record_limit: int,
        body_idle: float,
    ) -> None:
        self._record = record
        self._loop = loop
        self._rules = rules
        self._limit = record_limit
        self._body_idle = body_idle
        # tells our own requests when they come back to us; new with each start
        self._hop = os.urandom(6).hex().encode("ascii")

    async def forward(
        self,
        request: web.BaseRequest,
        client: ClientConnection,
        head: RequestHead,
        route: Route,
        exchange_id: str,
        started: int,
        *,
        keep_alive: bool,
    ) -> web.StreamResponse:
        """Forward one request; `RequestRefused` while nothing has been sent to the client."""
        transport, content = client.transport, request.content
        if transport is None:
            return CLOSE
        came = time.monotonic()
        out = self._head(head, route)
        capture: Capture | None = None
        if not head.skip and is_recorded(head.method, head.target):
            capture = Capture(
                exchange_id, head.method, head.target, route.upstream.name, client.number, head.headers, b"", started,
                self._rules,
            )  # fmt: skip
        if content.is_eof():
            body, streams = content.read_nowait(-1), False
        else:
            body, streams = await self._body(content, head, transport, recorded=capture is not None)
            came = time.monotonic()  # it was the client that took its time
        if capture is not None:
            capture.request = body
            if streams or len(body) > self._limit:
                capture = None
                self._record.too_large()
        reply = Reply(
            transport, head.method, exchange_id, http10=request.version.minor == 0, close_client=not keep_alive,
            capture=capture, recording=self._record, limit=self._limit, loop=self._loop,
        )  # fmt: skip
        self._record.begun()
        connection: Connection | None = None
        try:
            connection = await route.upstream.acquire()
            connection.begin(reply, out + _framed(body, head, last=not streams), whole=not streams)
            reply.written_at = time.monotonic()
            client.follow(connection, reply)
            if streams:
                await self._upload(content, head, reply, connection)
            await reply.done
        except UpstreamError as error:
            return await self._failed(transport, reply, error, keep_alive=keep_alive and content.is_eof())
        except RequestRefused:
            if reply.sent:  # too late for words
                transport.close()
                return CLOSE
            raise
        except asyncio.CancelledError:
            reply.abandon()
            raise
        finally:
            client.upstream = client.reply = None
            if connection is not None:
                connection.leave(reply)
            self._record.ended(reply, came)
        return KEEP if reply.keep_alive and content.is_eof() else CLOSE

    # --- towards the upstream

    def _head(self, head: RequestHead, route: Route) -> bytes:
        """The head to send."""
        hops = self._hop
        if head.hops:
            if hops in head.hops:
                raise RequestRefused(508, "the upstream leads back to this proxy", "loop_detected")
            hops = head.hops + b", " + hops
        target = route.target(head.target)
        if route.credentials.plain:
            return forward_head(head, target, route.upstream.host, hops)
        drop, add = route.credentials.rules(head.headers)
        return forward_head(head, target, route.upstream.host, hops, drop, add)

    async def _body(
        self, content: StreamReader, head: RequestHead, transport: asyncio.Transport, *, recorded: bool
    ) -> tuple[bytes, bool]:
        """What is sent with the head, and whether more of the body streams behind it."""
        if head.expects_continue:
            transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not recorded or (head.content_length or 0) > self._limit:
            return b"", True
        parts: list[bytes] = []
        size = 0
        while not content.at_eof() and size <= self._limit:
            part = await read_part(content, self._body_idle)
            parts.append(part)
            size += len(part)
        return b"".join(parts), not content.at_eof()

    async def _upload(self, content: StreamReader, head: RequestHead, reply: Reply, connection: Connection) -> None:
        """Send on a body as it comes; an answer that ends first ends the upload."""
        while not content.at_eof():
            reading = asyncio.ensure_future(read_part(content, self._body_idle))
            try:
                await asyncio.wait((reading, reply.done), return_when=asyncio.FIRST_COMPLETED)
                if reply.done.done():
                    return
                data = reading.result()
            finally:
                reading.cancel()
            if data:
                connection.write(_framed(data, head, last=False))
                await connection.drained()
        if head.chunked:
            connection.write(b"0\r\n\r\n")
        connection.whole = True

    # --- when no answer came

    async def _failed(
        self,
        transport: asyncio.Transport,
        reply: Reply,
        error: UpstreamError,
        *,
        keep_alive: bool,
    ) -> web.StreamResponse:
        """Say so, once the failed exchange is on disk."""
        await self._record.refused(reply, error.status, str(error))
        body = openai_error(error.status, str(error), error.code)
        headers = {"x-teelog-id": reply.id}
        return write_answer(
            transport, error.status, body, headers=headers, keep_alive=keep_alive, with_body=reply.method != "HEAD"
        )


def _framed(data: bytes, head: RequestHead, *, last: bool) -> bytes:
    """A piece of a request body in the framing in which it came."""
    if not head.chunked:
        return data
    chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
    return chunk + b"0\r\n\r\n" if last else chunk
