"""What a request's head comes to: where the request goes, what is sent there, what the record tells of it.

Clients repeat their head from request to request, but for the length of the body. A plan is made once and serves every
request of a connection that it fits; anything else in the head, in its order or its spelling, asks for a new one. So
nothing is decided for a request that was not decided for exactly its head.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.capture import CapturedHead
from ..core.recorded import is_recorded

if TYPE_CHECKING:
    from aiohttp.http import HttpVersion, RawRequestMessage

    from ..core.capture_rules import CaptureRules
    from .headers import RawHeaders, RequestHead
    from .route import Route


class Plan:
    """
    A head, read and made ready.

    Args:
        head: As it was read.
        route: Where it goes.
        forward: The head that goes upstream, to its empty line.
        path: The request target as it came.
        version: As it came.
        keep_alive: The client's connection can go on after the answer.
        connection: The client connection's number.
        rules: What the configuration says of every record.

    """

    __slots__ = (
        "_after",
        "_before",
        "_length_at",
        "_path",
        "_version",
        "captured",
        "head",
        "is_http10",
        "keep_alive",
        "route",
    )

    def __init__(
        self,
        head: RequestHead,
        route: Route,
        forward: bytes,
        *,
        path: str,
        version: HttpVersion,
        keep_alive: bool,
        connection: str,
        rules: CaptureRules,
    ) -> None:
        self.head = head
        self.route = route
        self.keep_alive = keep_alive
        #: None for what is forwarded and not recorded.
        self.captured: CapturedHead | None = None
        if route.is_recorded and not head.skip and is_recorded(head.method, head.target):
            self.captured = CapturedHead(head.method, head.target, route.upstream.name, connection, head.headers, rules)
        self._path, self._version = path, version
        self.is_http10 = version.minor == 0
        # what goes upstream before the value of Content-Length, and from there on
        self._length_at = _length_at(head.headers)
        self._before, self._after = forward, b""
        if self._length_at >= 0:
            name, value = head.headers[self._length_at]
            line = b"\r\n%b: %b" % (name, value)
            before, found, after = forward.partition(line + b"\r\n")
            if found:
                self._before, self._after = before + line[: -len(value)], b"\r\n" + after
            else:
                self._length_at = -1

    def fits(self, message: RawRequestMessage) -> bool:
        """Whether a request has this head, but for the length of its body."""
        head = self.head
        if message.path != self._path or message.method != head.method or message.version is not self._version:
            return False
        ours, theirs = head.headers, message.raw_headers
        if theirs == ours:
            return True
        at = self._length_at
        return (
            at >= 0
            and len(theirs) == len(ours)
            and theirs[at][0] == ours[at][0]
            and theirs[:at] == ours[:at]
            and theirs[at + 1 :] == ours[at + 1 :]
        )

    def length(self, headers: RawHeaders) -> tuple[bytes, bytes] | None:
        """The Content-Length of a request that this plan fits, name and value as they came; None where there is none."""
        return headers[self._length_at] if self._length_at >= 0 else None

    def forward(self, headers: RawHeaders) -> bytes:
        """The head that goes upstream for a request that this plan fits."""
        length = self.length(headers)
        return self._before if length is None else self.forward_sized(length[1])

    def forward_sized(self, length: bytes) -> bytes:
        """The same for one whose Content-Length has this value."""
        return self._before + length + self._after


def _length_at(headers: RawHeaders) -> int:
    return next((at for at, (name, _) in enumerate(headers) if name.lower() == b"content-length"), -1)
