"""A WebSocket session: the upstream's own handshake, then bytes from transport to transport, both ways.

    handshake ──a clean 101──► open ──a Close frame, or either end──► over
        │                        └── draining, and quiet: the client is told 1001 (going away)
        └── any other answer: that of an ordinary request

The handshake goes upstream like any request, and its refusal comes back like any answer. Only after a 101 that answers
this very handshake (RFC 6455 §4.1) do bytes of the client go on; what it sent before that is refused, since a server that
does not switch would read it as its next request. Frames are followed, never changed, joined or kept: the slower side holds
the faster one back, silence of both ends it, and who leaves takes the other along. What is said is not recorded.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..core.frames import GOING_AWAY, FrameWalker, close_frame
from ..errors import RequestRefused
from .handshake import check_switch
from .reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..errors import TeelogError
    from .answer_head import AnswerHead
    from .client import ClientConnection
    from .recording import Record

#: While the process ends, a session in which nothing is said for so long is asked to end …
QUIET_SECONDS = 2.0
#: … and ended when it has not for so long.
LEAVE_SECONDS = 2.0

TOO_EARLY = "nothing may follow a WebSocket handshake before it is answered"


class Session(Reply):
    """
    The reply to a handshake, and the session that it opens.

    Args:
        client: The client's connection.
        accept: What the upstream must answer.
        exchange_id: Ours.
        record: Where frames are counted.
        on_end: As for `Reply`; called with `RequestRefused` when the client spoke too early.

    """

    __slots__ = ("_accept", "_at", "_down", "_left_at", "_quiet_since", "_record", "_refuse", "_seen", "_up", "is_open")

    def __init__(
        self,
        client: ClientConnection,
        accept: bytes,
        exchange_id: str,
        record: Record,
        on_end: Callable[[TeelogError | None], None],
    ) -> None:
        assert client.transport is not None
        super().__init__(
            client.transport, "GET", exchange_id, http10=False, close_client=True, capture=None, recording=record, limit=0,
            on_end=on_end,
        )  # fmt: skip
        self._at = client
        self._accept = accept
        self._record = record
        self._refuse = on_end
        self._up, self._down = FrameWalker(masked=True), FrameWalker(masked=False)
        self._seen, self._quiet_since, self._left_at = 0, 0.0, 0.0
        #: The upstream has switched.
        self.is_open = False

    def __repr__(self) -> str:
        state = "open" if self.is_open and not self.ended else "ended" if self.ended else "asked for"
        return f"<Session {state} client={self._up.frames} upstream={self._down.frames}>"

    # --- what the upstream connection tells

    def feed(self, data: bytes) -> None:
        """One read; `ValueError` on what is no frame."""
        if not self.is_open:
            super().feed(data)
            return
        self.reads += 1
        self._relay(data)

    def _relay(self, data: bytes) -> None:
        before = self._down.frames
        self._down.feed(data)
        self._record.frames["upstream"] += self._down.frames - before
        if not self._left_at:  # (behind our Close frame nothing may follow)
            self._client.write(data)

    def _informational(self, head: AnswerHead, raw: bytes, rest: bytes) -> bytes:
        if head.status != 101:
            return super()._informational(head, raw, rest)
        check_switch(raw, self._accept)
        if self._at.too_early:
            self.ended = True
            self._refuse(RequestRefused(400, TOO_EARLY))
            return b""
        self.head, self.answered_at = head, time.monotonic()
        self.is_open = self.sent = True
        self._client.write(
            head.forward
            + b"Connection: Upgrade\r\nUpgrade: websocket\r\nx-teelog-id: "
            + self.id.encode("ascii")
            + b"\r\n\r\n"
        )
        self._record.sessions += 1
        self._at.switch(self)
        if rest:
            self._relay(rest)
        return b""

    def behind(self, is_behind: bool) -> None:
        """Read the client no further while the upstream does not take what it sends."""
        if self.is_open and self._at.transport is not None:
            if is_behind:
                self._at.pause_reading()
            else:
                self._at.resume_reading()

    def lost(self, error: BaseException | None) -> None:
        """The upstream connection has ended: after a Close frame that is how it should be."""
        if not (self.is_open and self._is_closing) or self.ended:
            super().lost(error)
            return
        self.ended = True
        self._client.close()
        self._finish()

    # --- what the client's side tells; it is aiohttp's payload parser

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """One read of the client's."""
        upstream = self._at.upstream
        if self.ended or upstream is None:
            return False, b""
        before = self._up.frames
        try:
            self._up.feed(data)
        except ValueError:
            self.abandon()
            self._client.abort()
            return False, b""
        self._record.frames["client"] += self._up.frames - before
        upstream.write(data)
        return False, b""

    def feed_eof(self) -> None:
        """See `abandon`, which is told, too."""

    def abandon(self, by: str = "client") -> None:
        """The client has gone; after a Close frame that is how it should be."""
        if self.is_open and self._is_closing and by == "client":
            self.ended = True
        super().abandon(by)

    # --- the end of the process

    def retire(self, now: float) -> None:
        """Asked again and again while the process ends (seconds, monotonic): have the client leave when nothing is said."""
        if not self.is_open or self.ended:
            return
        if self._left_at:
            if now - self._left_at > LEAVE_SECONDS:
                self._client.close()
        elif self.reads != self._seen or not self._quiet_since:
            self._seen, self._quiet_since = self.reads, now
        elif now - self._quiet_since >= QUIET_SECONDS and self._down.between and not self._is_closing:
            self._left_at = now
            # the client answers with a Close frame of its own, and that one tells the upstream
            self._client.write(close_frame(GOING_AWAY))

    @property
    def _is_closing(self) -> bool:
        return self._up.closed or self._down.closed or self._left_at > 0
