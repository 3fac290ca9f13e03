"""The pace that a client has to keep: of the body that it sends, and of the answer that it takes.

Whoever sends or takes less than `STEP` bytes for as long as the configuration allows holds a place and moves nothing: a
bound on pauses alone would let one byte a minute hold it for ever. Only the time for which the client was waited for
counts: an upstream that takes a body slowly, or a model that thinks, is no fault of its client.
"""

from __future__ import annotations

import asyncio
import fcntl
import struct
import termios
from typing import TYPE_CHECKING

from aiohttp import web

from ..errors import RequestRefused

if TYPE_CHECKING:
    from aiohttp.streams import StreamReader

#: Less than this in a minute, 270 bytes a second, is slower than any line that chats travel on.
STEP = 16 * 1024


class Body:
    """
    A request's body as it comes.

    Args:
        content: aiohttp's reader of it.
        patience: Seconds within which a step, or its end, must come.
        limit: Bytes; more are refused.
        announced: Bytes that it says it has; 0: it does not say.

    """

    def __init__(self, content: StreamReader, patience: float, limit: int, announced: int = 0) -> None:
        self._content = content
        self._patience = patience
        self._limit = limit
        self._waited = 0.0
        self._stepped = 0
        self.announced = announced
        #: Bytes that have come.
        self.size = 0

    def is_over(self, limit: int) -> bool:
        """Whether it has more bytes than this, by what it says or by what has come."""
        return max(self.size, self.announced) > limit

    @property
    def ended(self) -> bool:
        """Whether all of it has been read."""
        return self._content.at_eof()

    async def part(self) -> bytes:
        """What has come of it; `RequestRefused` when it is too slow, too large, or no HTTP."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(self._patience - self._waited):
                part = await self._content.readany()
        except TimeoutError as error:
            raise RequestRefused(408, "the request's body stopped coming", "request_timeout") from error
        except web.RequestPayloadError as error:
            raise RequestRefused(400, "the request's body is not framed as HTTP/1.1 asks") from error
        self._waited += clock() - began
        self._stepped += len(part)
        if self._stepped >= STEP:
            self._waited = self._stepped = 0
        self.size += len(part)
        if self.size > self._limit:
            raise body_too_large(self._limit)
        return part


def body_too_large(limit: int) -> RequestRefused:
    """The refusal of a body over so many bytes."""
    return RequestRefused(413, f"a request's body may have {limit} bytes here", "request_too_large")


class Drain:
    """What a client takes of the bytes that wait for it; looked at now and then, for a clock per write would cost."""

    __slots__ = ("_left", "_since")

    def __init__(self) -> None:
        self._left = 0
        self._since = 0.0

    def of(self, wire: asyncio.Transport, now: float, *, flows: bool) -> float:
        """`stuck_for`, of what waits on a transport and behind it."""
        left = wire.get_write_buffer_size()
        return self.stuck_for(now, left + _with_the_kernel(wire) if left else 0, flows=flows)

    def stuck_for(self, now: float, left: int, *, flows: bool) -> float:
        """For how many seconds less than a step of the `left` bytes has been taken; `flows`: more may be added to them."""
        if flows or not 0 < left <= self._left or self._left - left >= STEP:
            self._left, self._since = left, now
        return now - self._since


def _with_the_kernel(wire: asyncio.Transport) -> int:
    """
    The bytes that have left the transport and that the client has not taken.

    There may be megabytes of them, and the kernel asks for more only when a third of them has gone: from the transport
    alone a slow client cannot be told from one that takes nothing. Linux: SIOCOUTQ, `man 7 tcp`.
    """
    sock = wire.get_extra_info("socket")
    try:
        waiting: int = struct.unpack("i", fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
    except (OSError, AttributeError):
        return 0
    return waiting
