"""How large a request's head may be, how many clients there may be, and what those beyond are told.

A head is bounded as a whole besides its parts, while it comes: 128 fields of 16 KiB would be 2 MiB for each of thousands
of connections. nginx and Apache have bounds of this size; real heads stay under 4 KiB, but for keys and tracing baggage.
"""

from __future__ import annotations

import ipaddress
import resource
import socket
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from aiohttp.http_exceptions import BadHttpMessage, LineTooLong

if TYPE_CHECKING:
    import asyncio

    from ..config import Listen

#: Request line and fields together.
MAX_HEAD = 32 * 1024
MAX_TARGET = 8 * 1024
#: One field, its name and value. Not `MAX_TARGET`, by which the parser's complaints are told apart.
MAX_FIELD = 16 * 1024
MAX_FIELDS = 128
#: Descriptors besides those of exchanges: the journal, the recorder, the upstreams' connections that lie ready.
_OTHER_DESCRIPTORS = 128
#: What the kernel takes of an answer before it has sent what it has, and what waits here before the upstream is read no
#: further. Left to itself the kernel takes megabytes for every client that reads slowly; with less than this a fast one
#: costs more.
MAX_UNSENT = 32 * 1024
MAX_WAITING = 32 * 1024
#: For so long what a client still sends that was told to go is read and thrown away: a close over it would be a reset, and
#: take the words back (RFC 9112 §9.6).
LINGER_SECONDS = 1.0


class HeadTooLarge(BadHttpMessage):
    """A head that has come to more than `MAX_HEAD` bytes, and to no end."""


class Refusal(NamedTuple):
    """An answer to who is not let in."""

    status: int
    message: str
    code: str


HEAD_TOO_LARGE = Refusal(
    431,
    f"a request's head may have {MAX_HEAD} bytes, in {MAX_FIELDS} fields of {MAX_FIELD} bytes",
    "headers_too_large",
)


def refusal_of(error: BaseException | None, message: str | None) -> Refusal:
    """What a client is told whose request the parser does not take (RFC 9110 §15.5.15, RFC 6585 §5)."""
    if isinstance(error, LineTooLong) and error.args[1] == MAX_TARGET:
        return Refusal(414, f"the request target is longer than {MAX_TARGET} bytes", "uri_too_long")
    if isinstance(error, (LineTooLong, HeadTooLarge)) or "Too many headers" in (message or ""):
        return HEAD_TOO_LARGE
    said = (message or "").partition("\n")[0][:200]
    return Refusal(400, f"this is not an HTTP/1.1 request: {said}", "bad_request")


class Crowd:
    """
    Whose connections there are.

    Args:
        listen: Says how many there may be, as far as the process may have as many open files.

    """

    def __init__(self, listen: Listen) -> None:
        self._most = _with_descriptors(listen.max_connections)
        self._most_of_one = listen.max_connections_per_client
        self._of: Counter[str] = Counter()
        self._all = 0

    def enters(self, who: str) -> Refusal | None:
        """Count a connection; whether it must be turned away. It `leaves` in either case."""
        self._all += 1
        if who:
            self._of[who] += 1
        if self._all > self._most:
            return Refusal(503, f"{self._most} connections are open (listen.max_connections)", "too_many_connections")
        if who and self._of[who] > self._most_of_one:
            said = f"{self._most_of_one} connections of this address are open (listen.max_connections_per_client)"
            return Refusal(429, said, "too_many_connections")
        return None

    def leaves(self, who: str) -> None:
        """A connection has ended."""
        self._all -= 1
        self._of[who] -= 1
        if self._of[who] <= 0:
            del self._of[who]


def bound_unsent(transport: asyncio.Transport) -> None:
    """Leave what a client does not take with the upstream, rather than with the kernel (`man 7 tcp`)."""
    transport.set_write_buffer_limits(MAX_WAITING)
    sock, option = transport.get_extra_info("socket"), getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if sock is not None and option is not None and sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.IPPROTO_TCP, option, MAX_UNSENT)


def client_of(transport: asyncio.BaseTransport) -> str:
    """Who has a connection: its address; of IPv6 the /64, for whoever has one address has all of it. Empty: unknown."""
    peer = transport.get_extra_info("peername")
    if not isinstance(peer, tuple):
        return ""
    host = str(peer[0])
    if ":" not in host or host.startswith("::ffff:"):
        return host
    return ipaddress.IPv6Address(host.partition("%")[0]).packed[:8].hex()


def is_on_this_machine(transport: asyncio.BaseTransport) -> bool:
    """Whether the other end is here, as far as its address tells."""
    peer = transport.get_extra_info("peername")
    return not isinstance(peer, tuple) or ipaddress.ip_address(peer[0].partition("%")[0]).is_loopback


def _with_descriptors(wanted: int) -> int:
    """As many connections as can be had, two open files for each; what the process may ask for is asked for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    needed = 2 * wanted + _OTHER_DESCRIPTORS
    if soft < needed and (hard == resource.RLIM_INFINITY or hard > soft):
        soft = needed if hard == resource.RLIM_INFINITY else min(hard, needed)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        except (OSError, ValueError):  # macOS has a lower bound of its own
            soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return min(wanted, max(1, (soft - _OTHER_DESCRIPTORS) // 2))
