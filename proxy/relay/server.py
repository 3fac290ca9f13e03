"""The front door: aiohttp's low-level server, what it lets in, and where that goes.

aiohttp's C parser reads the request; the answer's bytes are written to the same transport by `Reply`. There is no
router and no middleware on the proxied path. A client that leaves cancels its handler at once (`handler_cancellation`),
and with it the upstream's work. Every refusal is in OpenAI's error shape, with the exchange's id.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, cast

from ..core.hosts import (
    CONTAINER_HOSTS,
    host_name,
    is_local_name,
    is_local_origin,
    is_loopback,
    is_of_this_server,
    is_private_name,
)
from ..core.ids import uuid7
from ..errors import RequestRefused
from .answers import CLOSE, KEEP, openai_error, write_answer
from .client import Server
from .headers import read_request_head
from .keys import TOO_MANY_WRONG, Guard
from .limits import MAX_FIELD, MAX_FIELDS, MAX_TARGET
from .own import ADMIN_PATHS, OPEN_PATHS
from .preflight import answer_preflight, is_preflight

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiohttp import web
    from aiohttp.http import HttpVersion, RawRequestMessage

    from ..config import Listen
    from ..errors import UpstreamError
    from .client import ClientConnection
    from .forward import Forwarder
    from .headers import RawHeaders, RequestHead
    from .own import OwnEndpoints
    from .plan import Plan
    from .reply import Reply
    from .route import Route
    from .upstream import Connection

#: How long the rest of a body is read that nobody wants any more, so that its sender sees the answer.
LINGER_SECONDS = 2.0
#: How long a process that ends still takes requests.
STILL_ACCEPT_SECONDS = 5.0
#: How long connections may take to end when they have to at once.
HURRIED_SECONDS = 0.05


class Front:
    """What happens to a request; `server()` makes what a listening socket is given."""

    def __init__(
        self, listen: Listen, routes: Mapping[str, Route], forwarder: Forwarder, own: OwnEndpoints, guard: Guard
    ) -> None:
        self._listen = listen
        #: By first path segment; "v1" is the first upstream.
        self._routes = routes
        self._forwarder = forwarder
        self._own = own
        self._guard = guard
        self._hosts = frozenset(map(host_name, listen.allowed_hosts))
        self._origins = frozenset(listen.cors_origins)
        #: By what name a container or a service is reached, only its users know; a browser's page must still show its own.
        self._any_host = not (self._hosts or is_loopback(listen.host))
        self._random: list[bytes] = []
        #: Requests in progress.
        self.open = 0
        #: Set while the process ends: connections are not kept.
        self.draining = False

    def server(self) -> Server:
        """A protocol factory for `loop.create_server`."""
        return Server(
            self,
            self._listen,
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=self._listen.keepalive_seconds,
            max_line_size=MAX_TARGET,
            max_field_size=MAX_FIELD,
            max_headers=MAX_FIELDS,
            lingering_time=LINGER_SECONDS,
            auto_decompress=False,
        )

    async def drain(
        self, server: Server, listener: asyncio.Server, patience: float, hurry: asyncio.Event | None = None
    ) -> None:
        """
        Let what is in progress finish, for `patience` seconds or until `hurry`; connections end after their answer.

        New requests are still taken for a while: whoever sends them needs a moment to see that `/readyz` says 503. What
        goes on at the end is cut, and handed to the journal as far as it came.
        """
        self.draining = True
        hurry = hurry or asyncio.Event()
        clock = asyncio.get_running_loop().time
        began = clock()
        while self.open and clock() - began < patience and not hurry.is_set():
            if clock() - began > STILL_ACCEPT_SECONDS:
                listener.close()
            server.retire(clock())
            # (not `server.pre_shutdown()`: it would close connections whose request is still on its way)
            await asyncio.sleep(0.02)
        listener.close()
        server.cut()
        await server.shutdown(HURRIED_SECONDS if hurry.is_set() else 1.0)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request that came aiohttp's way."""
        answered = await self._answer(request)
        if answered is KEEP:
            cast("ClientConnection", request.protocol).owed -= 1
        return answered

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        started = time.time_ns() // 1_000_000
        exchange_id = uuid7(started, self._chance())
        client = cast("ClientConnection", request.protocol)
        self.open += 1
        try:
            head, route, keeps = self._read(
                request.method, request.version, request.raw_path, request.raw_headers, keeps=request.keep_alive
            )
            keeps = keeps and not self.draining
            if route is None:
                await client.taken()
                return await self._own.handle(request, head, keep_alive=keeps)
            if route.credentials.asks_for_key and is_preflight(head):
                await client.taken()
                return answer_preflight(request, head, keep_alive=keeps)
            plan = self._forwarder.plan(
                head, route, path=request.raw_path, version=request.version, keep_alive=keeps, client=client
            )
            return await self._forwarder.forward(request, client, plan, exchange_id, started)
        except RequestRefused as error:
            await client.taken()
            return self._refuse(request, error, exchange_id)
        finally:
            self.open -= 1

    def _read(
        self, method: str, version: HttpVersion, path: str, headers: RawHeaders, *, keeps: bool
    ) -> tuple[RequestHead, Route | None, bool]:
        """A head, where it goes (None: it is for us), and whether the connection can go on behind it."""
        head = read_request_head(method, version, path, headers)
        path = head.target.partition("?")[0]
        if path not in OPEN_PATHS:
            self._check_caller(head, by_any_name=self._any_host or path in ADMIN_PATHS)
        route = self._routes.get(path[1:].partition("/")[0])
        # What stands behind is not parsed for certain where an offer to upgrade was not taken up, and behind chunks: the
        # parser (aiohttp 3.14.5) puts their last trailer into the next request's head, which may be somebody else's.
        return head, route, keeps and version.minor == 1 and not head.chunked and b"upgrade" not in head.connection

    # --- the short way

    def plan(self, message: RawRequestMessage, client: ClientConnection) -> Plan | None:
        """What a head comes to; None for what goes another way. `RequestRefused` says what is wrong with it."""
        path, version = message.path, message.version
        head, route, keeps = self._read(
            message.method, version, path, message.raw_headers, keeps=not message.should_close
        )
        if route is None or head.switches:
            return None
        return self._forwarder.plan(head, route, path=path, version=version, keep_alive=keeps, client=client)

    def begin(
        self, client: ClientConnection, plan: Plan, body: bytes, on_end: Callable[[UpstreamError | None], None]
    ) -> Reply:
        """The reply to a request that is here whole; `ended` is owed for it."""
        self.open += 1
        started = time.time_ns() // 1_000_000
        return self._forwarder.begin(
            client, plan, body, uuid7(started, self._chance()), started, on_end,
            keep_alive=plan.keep_alive and not self.draining,
        )  # fmt: skip

    def send(
        self, client: ClientConnection, plan: Plan, reply: Reply, forward: bytes, body: bytes, connection: Connection
    ) -> None:
        """Send the request that a reply was begun for."""
        self._forwarder.send(client, plan, reply, forward, body, connection)

    async def failed(
        self, client: ClientConnection, plan: Plan, reply: Reply, error: UpstreamError, *, keep_alive: bool
    ) -> None:
        """Tell a client that there is no answer."""
        await self._forwarder.failed(client, plan, reply, error, keep_alive=keep_alive)

    def ended(self, reply: Reply, came: float) -> None:
        """A reply on the short way is over; its request was there at `came` (monotonic)."""
        self.open -= 1
        self._forwarder.ended(reply, came)

    def _chance(self) -> bytes:
        """Ten random bytes; the kernel is asked once for many."""
        if not self._random:
            pool = os.urandom(5120)
            self._random = [pool[at : at + 10] for at in range(0, len(pool), 10)]
        return self._random.pop()

    def _check_caller(self, head: RequestHead, *, by_any_name: bool) -> None:
        """Refuse what a page of another site may have sent, by a name of its own (421), or by ours (403)."""
        name = host_name(head.host)
        trusted = not name or name in self._hosts or is_local_name(name)  # (browsers speak no HTTP/1.0 without Host)
        if not (trusted or by_any_name or name in CONTAINER_HOSTS):
            raise RequestRefused(
                421,
                f"teelog is not known by the name {name!r}: whoever runs it adds that to listen.allowed_hosts",
                "misdirected_request",
            )
        origin = head.origin
        if origin and not (
            origin in self._origins
            or is_local_origin(origin)
            # some WebSocket clients, which are no browsers, name the server itself
            or ((trusted or is_private_name(name)) and is_of_this_server(origin, head.host, ""))
        ):
            raise RequestRefused(
                403,
                f"requests with the Origin {origin[:200]!r} are not taken: whoever runs teelog adds it to listen.cors_origins",
                "origin_not_allowed",
            )

    def _refuse(self, request: web.BaseRequest, error: RequestRefused, exchange_id: str) -> web.StreamResponse:
        transport = request.transport
        if transport is None:
            return CLOSE
        headers = {"x-teelog-id": exchange_id}
        if error.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        who = cast("ClientConnection", request.protocol).who
        if error.code == "invalid_api_key" and self._guard.refuse(request.raw_headers, who):
            error = RequestRefused(429, TOO_MANY_WRONG, "rate_limit_exceeded")
        if error.status == 429:
            headers["Retry-After"] = "60"
        whole = request.content.is_eof()
        sent = write_answer(
            transport,
            error.status,
            openai_error(error.status, error.message, error.code),
            headers=headers,
            # what two servers may read in two ways, or not at all, is the last thing read on a connection
            keep_alive=whole and error.status in (401, 404, 405, 429, 508) and self._keeps(request),
            with_body=request.method != "HEAD",
        )
        if not whole and error.status == 408 and transport.can_write_eof():
            transport.write_eof()  # whoever waits for the connection's end need not wait for the rest of its own body
        return sent

    def _keeps(self, request: web.BaseRequest) -> bool:
        switched = cast("ClientConnection", request.protocol).has_switched  # what comes next may be no request
        chunked = "Transfer-Encoding" in request.headers  # see `_read`
        return request.keep_alive and not chunked and request.version.minor == 1 and not self.draining and not switched
