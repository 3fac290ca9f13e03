"""The proxied path: one request to its upstream, and the answer back.

A recorded request's body is read before it is sent on, up to `record_max_bytes`, so that it can be kept; anything
larger, what would be too much together, and everything else streams through, held nowhere. Model calls are never
repeated. A client that leaves takes its upstream connection with it. No JSON is parsed here.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING

from ..core.capture import Capture
from ..errors import RequestRefused, UpstreamError
from .answers import CLOSE, KEEP, openai_error, write_answer
from .handshake import SWITCH, expected_accept
from .headers import forward_head
from .limits import is_on_this_machine
from .pace import Body, body_too_large
from .plan import Plan
from .reply import Reply
from .websocket import TOO_EARLY, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web
    from aiohttp.http import HttpVersion
    from aiohttp.streams import StreamReader

    from ..config import Listen
    from ..core.capture_rules import CaptureRules
    from ..errors import TeelogError
    from .client import ClientConnection
    from .headers import RequestHead
    from .recording import Record
    from .route import Route
    from .upstream import Connection


#: Bytes of bodies that are read before they are sent on, all together; further ones stream through and are not recorded.
MAX_HELD = 256 * 1024 * 1024


class Forwarder:
    """Forwards requests; one for the process."""

    def __init__(
        self,
        record: Record,
        rules: CaptureRules,
        loop: asyncio.AbstractEventLoop,
        *,
        record_limit: int,
        listen: Listen,
    ) -> None:
        self._record = record
        self._loop = loop
        self._rules = rules
        self._limit = record_limit
        self._listen = listen
        self._held = 0
        # tells our own requests when they come back to us; new with each start
        self._hop = os.urandom(6).hex().encode("ascii")

    def plan(
        self,
        head: RequestHead,
        route: Route,
        *,
        path: str,
        version: HttpVersion,
        keep_alive: bool,
        client: ClientConnection,
    ) -> Plan:
        """What a head comes to; `RequestRefused` for a caller without a key, and for a request that was here before."""
        hops = self._hop
        if head.hops:
            if hops in head.hops:
                raise RequestRefused(508, "the upstream leads back to this proxy", "loop_detected")
            hops = head.hops + b", " + hops
        target = route.target(head.target)
        if head.switches:
            drop, add = route.credentials.handshake_rules(head.headers, client.who)
            forward = forward_head(head, target, route.upstream.host, hops, drop, (*add, *SWITCH))
        elif route.credentials.plain:
            forward = forward_head(head, target, route.upstream.host, hops)
        else:
            forward = forward_head(
                head, target, route.upstream.host, hops, *route.credentials.rules(head.headers, client.who)
            )
        return Plan(
            head, route, forward, path=path, version=version, keep_alive=keep_alive, connection=client.number,
            rules=self._rules,
        )  # fmt: skip

    def begin(
        self,
        client: ClientConnection,
        plan: Plan,
        body: bytes,
        exchange_id: str,
        started: int,
        on_end: Callable[[UpstreamError | None], None],
        *,
        keep_alive: bool,
    ) -> Reply:
        """The reply to a request that is here whole; `ended` is told of it after its end."""
        captured = plan.captured
        capture = None if captured is None else Capture(exchange_id, captured, body, started)
        return self._reply(client, plan, exchange_id, capture, on_end, keep_alive=keep_alive)

    def send(
        self, client: ClientConnection, plan: Plan, reply: Reply, forward: bytes, body: bytes, connection: Connection
    ) -> None:
        """Send such a request, on a connection that is here too."""
        connection.begin(reply, forward + _framed(body, plan.head, last=True), whole=True)
        reply.written_at = time.monotonic()
        client.follow(connection, reply)

    def ended(self, reply: Reply, came: float) -> None:
        """A reply is over, however it ended; its request was there at `came` (monotonic)."""
        self._record.ended(reply, came)

    async def forward(
        self, request: web.BaseRequest, client: ClientConnection, plan: Plan, exchange_id: str, started: int
    ) -> web.StreamResponse:
        """Forward one request; `RequestRefused` while nothing has been sent to the client."""
        transport, content, head = client.transport, request.content, plan.head
        if transport is None:
            return CLOSE
        came, held = time.monotonic(), 0
        captured = plan.captured
        accept = expected_accept(head.target, head.headers) if head.switches else b""
        if head.switches and (client.too_early or not client.has_switched):
            raise RequestRefused(400, TOO_EARLY)
        if content.is_eof():
            body, streams = content.read_nowait(-1), False
        else:
            coming = self._coming(content, head)
            body, streams = await self._body(coming, head, transport, recorded=captured is not None)
            came, held = time.monotonic(), len(body)  # it was the client that took its time
        capture = None if captured is None or streams else Capture(exchange_id, captured, body, started)
        if captured is not None and streams:
            self._not_kept(exchange_id, coming)
        over: asyncio.Future[None] = self._loop.create_future()
        if accept:
            reply = self._session(client, accept, exchange_id, _settling(over))
        else:
            reply = self._reply(client, plan, exchange_id, capture, _settling(over), keep_alive=plan.keep_alive)
        connection: Connection | None = None
        try:
            connection = await plan.route.upstream.acquire()
            forward = plan.forward(request.raw_headers)
            connection.begin(reply, forward + _framed(body, head, last=not streams), whole=not streams)
            reply.written_at = time.monotonic()
            client.follow(connection, reply)
            if streams:
                await self._upload(coming, head, over, connection)
            await over
        except UpstreamError as error:
            return await self.failed(client, plan, reply, error, keep_alive=plan.keep_alive and content.is_eof())
        except RequestRefused:
            if reply.sent:  # too late for words
                transport.close()
                return CLOSE
            raise
        except asyncio.CancelledError:
            reply.abandon()
            raise
        finally:
            if over.done() and not over.cancelled():
                over.exception()  # (an upload that was given up does not ask for it)
            client.upstream = client.reply = None
            if connection is not None:
                connection.leave(reply)
            self._held -= held
            self._record.ended(reply, came)
        return KEEP if reply.keep_alive and content.is_eof() else CLOSE

    def _reply(
        self,
        client: ClientConnection,
        plan: Plan,
        exchange_id: str,
        capture: Capture | None,
        on_end: Callable[[UpstreamError | None], None],
        *,
        keep_alive: bool,
    ) -> Reply:
        if capture is not None and len(capture.request) > self._limit:
            self._record.too_large(exchange_id, len(capture.request))
            capture = None
        self._record.begun()
        assert client.transport is not None
        return Reply(
            client.transport, plan.head.method, exchange_id, http10=plan.is_http10, close_client=not keep_alive,
            capture=capture, recording=self._record, limit=self._limit, on_end=on_end,
        )  # fmt: skip

    def _session(
        self, client: ClientConnection, accept: bytes, exchange_id: str, on_end: Callable[[TeelogError | None], None]
    ) -> Reply:
        self._record.begun()
        return Session(client, accept, exchange_id, self._record, on_end)

    # --- towards the upstream

    def _coming(self, content: StreamReader, head: RequestHead) -> Body:
        """A body that is not here whole; refused when it says that it is too large."""
        listen = self._listen
        limit = listen.json_max_bytes if head.is_json else listen.body_max_bytes
        coming = Body(content, listen.body_idle_seconds, limit, head.content_length or 0)
        if coming.is_over(limit):
            raise body_too_large(limit)
        return coming

    def _not_kept(self, exchange_id: str, coming: Body) -> None:
        lost = self._record.too_large if coming.is_over(self._limit) else self._record.memory_full
        lost(exchange_id, coming.announced or coming.size)

    async def _body(
        self, coming: Body, head: RequestHead, transport: asyncio.Transport, *, recorded: bool
    ) -> tuple[bytes, bool]:
        """What is sent with the head, and whether more of the body streams behind it."""
        if head.expects_continue:
            transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        parts: list[bytes] = []
        try:
            while recorded and not (coming.ended or coming.is_over(self._limit) or self._held >= MAX_HELD):
                part = await coming.part()
                self._held += len(part)
                parts.append(part)
        except BaseException:
            self._held -= sum(map(len, parts))
            raise
        return b"".join(parts), not coming.ended

    async def _upload(
        self, coming: Body, head: RequestHead, over: asyncio.Future[None], connection: Connection
    ) -> None:
        """Send on a body as it comes; an answer that ends first ends the upload."""
        while not coming.ended:
            reading = asyncio.ensure_future(coming.part())
            try:
                await asyncio.wait((reading, over), return_when=asyncio.FIRST_COMPLETED)
                if over.done():
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

    async def failed(
        self, client: ClientConnection, plan: Plan, reply: Reply, error: UpstreamError, *, keep_alive: bool
    ) -> web.StreamResponse:
        """Tell the client, once the failed exchange is on disk."""
        await self._record.refused(reply, error.status, str(error))
        await client.taken()
        if client.transport is None:
            return CLOSE
        is_here = is_on_this_machine(client.transport) and not plan.head.was_forwarded
        said = str(error) if is_here else f"{error.told} (exchange {reply.id})"
        body = openai_error(error.status, said, error.code)
        headers = {"x-teelog-id": reply.id}
        return write_answer(
            client.transport, error.status, body, headers=headers, keep_alive=keep_alive,
            with_body=reply.method != "HEAD",
        )  # fmt: skip


def _settling(over: asyncio.Future[None]) -> Callable[[TeelogError | None], None]:
    """What a reply calls at its end, for somebody who awaits that."""

    def settle(error: TeelogError | None) -> None:
        if over.done():
            return
        if error is None:
            over.set_result(None)
        else:
            over.set_exception(error)

    return settle


def _framed(data: bytes, head: RequestHead, *, last: bool) -> bytes:
    """A piece of a request body in the framing in which it came."""
    if not head.chunked:
        return data
    chunk = b"%x\r\n%b\r\n" % (len(data), data) if data else b""
    return chunk + b"0\r\n\r\n" if last else chunk
