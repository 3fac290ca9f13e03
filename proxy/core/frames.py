"""WebSocket framing, followed without touching the bytes (RFC 6455 §5.2).

`FrameWalker` is fed every read of one direction as it came, and knows where a frame ends and when a Close frame has begun;
the bytes themselves travel on unchanged, of whatever extension. It holds no payload: a frame of any length costs nothing.
A frame that is masked where it must not be, or not where it must, or longer than any may be, is a `ValueError`.
"""

from __future__ import annotations

_OPCODE, _CLOSE = 0x0F, 0x8
_MASKED, _LENGTH = 0x80, 0x7F
#: Going away: what an endpoint says that shuts down (RFC 6455 §7.4.1).
GOING_AWAY = 1001


class FrameWalker:
    """
    Follows the frames of one direction over reads cut anywhere.

    Args:
        masked: Whether its frames must be masked: a client's are, a server's are not (§5.1).

    """

    __slots__ = ("_head", "_left", "_masked", "closed", "frames")

    def __init__(self, *, masked: bool) -> None:
        self._masked = masked
        self._head = b""  # of a frame whose head was cut by a read
        self._left = 0  # bytes still to come of the present frame
        #: How many frames have begun.
        self.frames = 0
        #: A Close frame was among them: this direction is over, or about to be.
        self.closed = False

    @property
    def between(self) -> bool:
        """Whether the last frame has come whole, so that another may follow here."""
        return not self._left and not self._head

    def feed(self, data: bytes) -> None:
        """One read; `ValueError` on what is no WebSocket frame."""
        if self._left > len(data):  # the middle of a large frame
            self._left -= len(data)
            return
        at = self._left
        self._left = 0
        data, at = (self._head + data, 0) if self._head else (data, at)
        self._head = b""
        size = len(data)
        while at < size:
            length, payload = self._read_head(data, at)
            if payload > size or length < 0:
                self._head = data[at:]
                return
            self.frames += 1
            self.closed = self.closed or data[at] & _OPCODE == _CLOSE
            at = payload + length
        self._left = at - size

    def _read_head(self, data: bytes, at: int) -> tuple[int, int]:
        """Length of a frame's payload and where that begins; a length of -1 where the head has not come so far."""
        if at + 2 > len(data):
            return -1, at
        second = data[at + 1]
        if (second >= _MASKED) != self._masked:
            raise ValueError(
                "a frame of a server is masked" if second >= _MASKED else "a frame of a client is not masked"
            )
        length, extended = second & _LENGTH, 0
        if length > 125:
            extended = 2 if length == 126 else 8
            if at + 2 + extended > len(data):
                return -1, at
            length = int.from_bytes(data[at + 2 : at + 2 + extended])
            if length >> 63:
                raise ValueError("a frame is longer than 2^63 bytes")
        return length, at + 2 + extended + (4 if self._masked else 0)


def close_frame(code: int) -> bytes:
    """A Close frame of a server."""
    return bytes((0x80 | _CLOSE, 2)) + code.to_bytes(2)
