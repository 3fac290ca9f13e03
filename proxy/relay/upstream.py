"""An upstream: its address, the way there, its TLS, and its pool of connections.

A connection belongs to one exchange from `begin` until the answer's framing ends; then it waits, newest first out, for
less time than any server keeps an idle one. One that has ended while it waited is dropped before a byte is written to
it; after the first byte nothing is ever sent twice, since a model call may not be repeated. Silence is watched by one
sweep for all connections, so that a read costs no timer. Failures become `UpstreamError`s, here and nowhere else.
"""

from __future__ import annotations

import asyncio
import errno
import select
import socket
import ssl
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from ..core.hosts import leads_astray
from ..errors import UpstreamTimeout, UpstreamUnreachable
from .tls import reason_of, tls
from .tunnel import tunnel

if TYPE_CHECKING:
    from ..config import Proxy
    from ..config import Upstream as UpstreamConfig
    from .reply import Reply


class Connection(asyncio.Protocol):
    """One connection to an upstream."""

    __slots__ = (
        "_drained", "_paused", "_pool", "_seen", "_seen_at", "arrived", "idle_since", "paused", "reply", "transport",
        "whole",
    )  # fmt: skip

    def __init__(self, pool: Upstream) -> None:
        self._pool = pool
        self.transport: asyncio.Transport | None = None
        self.reply: Reply | None = None
        #: Tells at once whether bytes, or the connection's end, wait to be read.
        self.arrived = select.poll()
        self.idle_since = 0.0
        #: The client does not take what there is: the upstream is not the silent one.
        self.paused = False
        #: The request has been written to its end; until then no other may follow it.
        self.whole = False
        self._paused = False
        self._drained: asyncio.Future[None] | None = None
        self._seen = 0
        self._seen_at = 0.0

    def begin(self, reply: Reply, head_and_body: bytes, *, whole: bool) -> None:
        """Send a request, or (not `whole`) how it begins; its answer goes to `reply`."""
        assert self.transport is not None
        self.reply = reply
        self.whole = whole
        self._seen = -1  # the next sweep begins to count
        self.transport.write(head_and_body)

    def write(self, data: bytes) -> None:
        """Send more of a request's body."""
        if self.transport is not None:
            self.transport.write(data)
        if self.reply is not None:
            self.reply.reads += 1  # an upload that moves is not silence

    async def drained(self) -> None:
        """Return when the upstream takes more of a body."""
        if self._paused and self.transport is not None:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained

    # A client speaks of its reply's connection: once that answer has ended, another's may be under way on it.

    def pause(self, reply: Reply | None) -> None:
        """Read no more until `resume`: the client is behind."""
        if self.transport is not None and self.reply is reply and not self.paused:
            self.paused = True
            self.transport.pause_reading()

    def resume(self, reply: Reply | None) -> None:
        """The client has caught up."""
        if self.transport is not None and self.reply is reply and self.paused:
            self.paused = False
            self.transport.resume_reading()

    def leave(self, reply: Reply | None) -> None:
        """Nobody waits for this answer any more."""
        if self.reply is reply:
            self.abort()

    def abort(self) -> None:
        """End the connection now, and with it whatever the upstream is doing for us."""
        self.reply = None
        if self.transport is not None:
            self.transport.abort()

    def silent_for(self, now: float) -> float:
        """Seconds since the last read was noticed."""
        reply = self.reply
        asking = not self.whole and not self._paused  # the client is still at it: the silence is its own
        if reply is None or asking or reply.progress != self._seen:
            self._seen, self._seen_at = 0 if reply is None else reply.progress, now
        return now - self._seen_at

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            self.arrived.register(sock.fileno(), select.POLLIN)
            _keep_alive(sock)
        self._pool.open.add(self)

    def data_received(self, data: bytes) -> None:
        reply = self.reply
        if reply is None:
            self.abort()  # bytes nobody asked for
            return
        try:
            reply.feed(data)
        except Exception as error:  # whatever it is, this answer is over and the client must see it
            reply.broken(error)
            self.abort()
            return
        if reply.ended:
            self._pool.give_back(self, reply)

    def connection_lost(self, exc: Exception | None) -> None:
        reply, self.reply, self.transport = self.reply, None, None
        self._pool.forget(self)
        self.resume_writing()
        if reply is not None:
            reply.lost(exc)

    def pause_writing(self) -> None:
        self._paused = True
        if self.reply is not None:
            self.reply.behind(True)

    def resume_writing(self) -> None:
        self._paused = False
        if self.reply is not None:
            self.reply.behind(False)
        waiter, self._drained = self._drained, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)


class Upstream:
    """Where requests go; see the module."""

    def __init__(
        self, name: str, config: UpstreamConfig, loop: asyncio.AbstractEventLoop, proxy: Proxy | None = None
    ) -> None:
        self.name = name
        self.config = config
        self._proxy = proxy
        url = urlsplit(config.base_url)
        assert url.hostname is not None
        self._address = (url.hostname, url.port or (443 if url.scheme == "https" else 80))
        #: What `Host` says.
        self.host = url.netloc.encode("ascii")
        #: What stands before the rest of a request's path.
        self.path = url.path.rstrip("/")
        self.open: set[Connection] = set()
        self._tls = tls(config) if url.scheme == "https" else None
        self._loop = loop
        self._idle: list[Connection] = []
        self._sweeper = loop.call_later(self._sweep_every(), self._sweep)

    def take(self) -> Connection | None:
        """A connection that lies ready, if there is one."""
        now = self._loop.time()
        while self._idle:
            connection = self._idle.pop()
            if self._usable(connection, now):
                return connection
            connection.abort()
        return None

    async def acquire(self) -> Connection:
        """A connection to send a request on; `UpstreamError` when there is none to be had."""
        if (connection := self.take()) is not None:
            return connection
        host, port = self._address
        try:
            async with asyncio.timeout(self.config.connect_timeout_seconds):
                return await self._connect(host, port)
        except TimeoutError as error:
            raise UpstreamTimeout(
                f"no connection to the upstream {host}:{port} within {self.config.connect_timeout_seconds:g} s"
            ) from error
        except (OSError, ssl.SSLError) as error:
            raise UpstreamUnreachable(f"the upstream {host}:{port} cannot be reached: {reason_of(error)}") from error

    async def _connect(self, host: str, port: int) -> Connection:
        name = host if self._tls else None
        if self._proxy is None:
            transport, connection = await self._loop.create_connection(
                lambda: Connection(self), host, port, ssl=self._tls, server_hostname=name
            )
            peer = transport.get_extra_info("peername")
            if peer is None:  # it has hung up already
                connection.abort()
                raise ConnectionResetError(errno.ECONNRESET, "it hung up at once")
            address = peer[0]
            if leads_astray(address, host):  # looked at where it cannot change any more; nothing has been sent
                connection.abort()
                raise OSError(f"its name leads to {address}, a link-local address: configure that if it is meant")
        else:
            sock = await tunnel(self._proxy, host, port, self._loop)
            _, connection = await self._loop.create_connection(
                lambda: Connection(self), sock=sock, ssl=self._tls, server_hostname=name
            )
        return connection

    def give_back(self, connection: Connection, reply: Reply) -> None:
        """The answer has ended: keep the connection for the next request, or end it."""
        transport = connection.transport
        # an answer may come before its request has gone out whole: what would follow is not the next request
        if reply.reusable and connection.whole and transport is not None and not transport.is_closing():
            connection.resume(reply)
            connection.reply = None
            connection.idle_since = self._loop.time()
            self._idle.append(connection)
        else:
            connection.abort()

    def forget(self, connection: Connection) -> None:
        """The connection has ended."""
        self.open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def close(self) -> None:
        """End every connection."""
        self._sweeper.cancel()
        for connection in list(self.open):
            connection.abort()

    def _usable(self, connection: Connection, now: float) -> bool:
        transport = connection.transport
        if transport is None or transport.is_closing():
            return False
        if now - connection.idle_since > self.config.keepalive_seconds:
            return False
        # an end that has arrived but that the loop has not seen yet: the request must not be written into it
        return not connection.arrived.poll(0)

    def _sweep_every(self) -> float:
        return min(5.0, max(0.02, min(self.config.idle_timeout_seconds, self.config.keepalive_seconds) / 8))

    def _sweep(self) -> None:
        """End what has waited too long: idle connections, and upstreams that say nothing."""
        now = self._loop.time()
        self._sweeper = self._loop.call_later(self._sweep_every(), self._sweep)
        for connection in list(self.open):
            reply = connection.reply
            if reply is None:
                if now - connection.idle_since > self.config.keepalive_seconds and connection in self._idle:
                    connection.abort()
            # (a client that is behind is looked at on its own side)
            elif connection.silent_for(now) > self.config.idle_timeout_seconds and not connection.paused:
                reply.broken(
                    UpstreamTimeout(f"the upstream has been silent for {self.config.idle_timeout_seconds:g} s")
                )
                connection.abort()


def _keep_alive(sock: socket.socket) -> None:
    """
    Have the kernel ask every minute whether the other end is there.

    Clouds' NAT gateways forget a connection on which nothing goes for 4 to 6 minutes, and models think for longer.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name in ("TCP_KEEPIDLE", "TCP_KEEPINTVL"):  # (macOS has its own, of two hours)
        if (option := getattr(socket, name, None)) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, 60)
