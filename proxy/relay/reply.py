"""One answer on its way from upstream to client.

Every read goes to the client as it came, chunk framing included, in the same call in which it arrived; but for the last
piece, which the tee holds until the exchange is on disk. What the upstream breaks stays broken: a cut answer ends the
client's connection without a terminator.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ..core.framing import SIZE_LINES, ChunkWalker
from ..errors import UpstreamBroken, UpstreamError
from .answer_again import read_again
from .answer_head import MAX_ANSWER_HEAD, AnswerHead
from .final_event import DONE, RESPONSE, WHOLE_LINES, FinalEvent, may_end
from .reset import reset_on_close
from .tee import OPEN, RELEASED, Tee

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from ..core.capture import Capture
    from .tee import Recording

#: A first read of more than this is not copied: it may wait for its client, in the record and in the transport.
LARGE = 16 * 1024


class Reply(Tee):
    """The answer to one request: fed by an upstream connection, written to a client's transport."""

    __slots__ = (
        "_buffer", "_client", "_close_client", "_flows", "_http10", "_left", "_on_end", "_walker", "answered_at", "ended", "head",
        "id", "interrupted", "method", "reads", "reusable", "sent", "written_at",
    )  # fmt: skip

    def __init__(
        self,
        client: asyncio.Transport,
        method: str,
        exchange_id: str,
        *,
        http10: bool,
        close_client: bool,
        capture: Capture | None,
        recording: Recording,
        limit: int,
        on_end: Callable[[UpstreamError | None], None],
    ) -> None:
        super().__init__(capture, recording, limit)
        self.id = exchange_id
        self.head: AnswerHead | None = None
        self.sent = False
        self.ended = False
        #: By whom it was cut off before its end: "client", "upstream", or nobody.
        self.interrupted = ""
        #: The upstream connection may carry another request.
        self.reusable = False
        #: Counts reads, so that silence can be told without a clock; but for those that `progress` sees by their size.
        self.reads = 0
        #: Monotonic times: the request was written to the upstream; the answer's head came. 0: it did not happen.
        self.written_at = self.answered_at = 0.0
        # called once, when the client has all there is; with an error when nothing has been sent to it
        self._on_end: Callable[[UpstreamError | None], None] | None = on_end
        self._client = client
        self.method = method
        self._http10 = http10
        self._close_client = close_client
        #: One whole chunk follows on another, to be recorded and sent on, and the next may, too.
        self._flows = False
        self._buffer = b""
        self._walker: ChunkWalker | None = None
        self._left = 0

    @property
    def keep_alive(self) -> bool:
        """Whether the client's connection can go on after this answer."""
        return not self._close_client

    @property
    def progress(self) -> int:
        """Another number after every read."""
        return self.reads + self.kept

    # --- what the upstream connection tells

    def feed(self, data: bytes) -> None:
        """One read; raises `UpstreamBroken` or `ValueError` on what is not HTTP/1.1."""
        if self._flows:
            # What nearly every read is, one more whole chunk of a stream: for it nothing is called that need not be. (`in`
            # would try first whether the bytes are a number, and fail: half as slow again.)
            size = len(data)
            line = SIZE_LINES.get(size)
            if (
                line is not None
                and data.startswith(line)
                and data.endswith(WHOLE_LINES)
                and data.find(DONE) < 0
                and (data.find(RESPONSE) < 0 or not may_end(data))
                and self.kept + size <= self._limit
            ):
                self.kept += size
                self._pieces.append(data)
                self._client.write(data)
                return
        self.reads += 1
        if self.head is None:
            self._feed_head(data)
            return
        if self._due:
            self._keep(data)
        end = self._walk(data)
        self._pass(data, self._forward(data, end), end)
        self._flows = (
            self._stage == OPEN
            and self.sent
            and self._final is not None
            and self._final.at_line_start
            and self._walker is not None
            and self._walker.is_between
        )

    def lost(self, error: BaseException | None) -> None:
        """The upstream connection has ended before the answer's framing did."""
        if self.ended:
            return
        if self.head is None:
            self._fail(UpstreamBroken("the upstream closed the connection before it answered"))
        elif self.head.framing == "close" and error is None:
            self.ended = True
            if self._settled():
                self._finish()
        else:
            self._cut()

    def broken(self, error: Exception) -> None:
        """The upstream sent what is not HTTP/1.1, or nothing for too long."""
        if self.ended:
            return
        if self.head is None or (not self.sent and self._stage in (OPEN, RELEASED)):
            self._fail(error if isinstance(error, UpstreamError) else UpstreamBroken(f"the upstream's answer: {error}"))
        else:
            self._cut()

    def behind(self, is_behind: bool) -> None:
        """The upstream takes no more for now, or (False) does again: an upload waits by itself."""

    # --- what the client's side tells

    def abandon(self, by: str = "client") -> None:
        """The client has gone, or (`by` "crash") this process does: keep what there is."""
        self._on_end = None
        self._flows = False
        self._stage = RELEASED
        if not self.ended and (self._due or self.capture is None):
            self.interrupted = by
        if self._due and self.capture is not None:
            if not self.ended:
                self.capture.interrupted = by
            self._commit()
        self.ended = True

    # --- head

    def _feed_head(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        self._buffer = b""
        while buffer:
            end = buffer.find(b"\r\n\r\n")
            if end < 0 or end > MAX_ANSWER_HEAD:
                if len(buffer) > MAX_ANSWER_HEAD:
                    raise UpstreamBroken("the head of the upstream's answer has no end")
                self._buffer = buffer
                return
            end += 4
            head = read_again(buffer[:end], self.method)
            if head.status >= 200:
                self._begin(head, buffer, end)
                return
            buffer = self._informational(head, buffer[:end], buffer[end:])

    def _informational(self, head: AnswerHead, raw: bytes, rest: bytes) -> bytes:  # noqa: ARG002 - a session needs it
        """Deal with a 1xx, which came as `raw`; what is still to be read of `rest` comes back."""
        if head.status == 101:
            raise UpstreamBroken("the upstream switched protocols without being asked")
        if head.status != 100 and not self._http10:
            self._client.write(head.forward + b"\r\n")
        return rest

    def _begin(self, head: AnswerHead, buffer: bytes, end: int) -> None:
        self.head = head
        self.answered_at = time.monotonic()
        out = head.forward
        if head.framing == "chunked":
            self._walker = ChunkWalker([] if self._http10 else None)
            if self._http10:
                self._close_client = True
            else:
                out += b"Transfer-Encoding: chunked\r\n"
        elif head.framing == "close":
            self._close_client = True
        self._left = head.length
        if self._close_client:
            out += b"Connection: close\r\n"
        out += b"x-teelog-id: " + self.id.encode("ascii") + b"\r\n\r\n"
        capture = self.capture
        if capture is not None:
            capture.status = head.status
            capture.head_size = end
            capture.framing = head.framing
            capture.first_byte = time.time_ns() // 1_000_000
            if head.events:
                self._final = FinalEvent()
            if head.status in (204, 304):
                self._due, self._stage = False, RELEASED  # forwarded and counted only
        data = buffer[end:]
        large = len(data) > LARGE
        if self._due:
            self._keep(buffer[:end] if large else buffer)
            if large:
                self._keep(data)
        walked = self._walk(data)
        if large and walked < 0:
            self._write(out)
            out = b""
        self._pass(data, out + self._forward(data, walked), walked)

    # --- body

    def _walk(self, data: bytes) -> int:
        """The index in `data` after the body's end, or -1 while it goes on."""
        if self._walker is not None:
            return self._walker.feed(data)
        assert self.head is not None
        if self.head.framing == "close":
            return -1
        self._left -= len(data)
        return len(data) + self._left if self._left <= 0 else -1

    def _forward(self, data: bytes, end: int) -> bytes:
        """What the client gets of one read: all of it, but for bytes after the end that nobody asked for."""
        walker = self._walker
        if walker is not None and walker.payload is not None:
            plain = b"".join(walker.payload)
            walker.payload.clear()
            return plain
        return data if end < 0 or end == len(data) else data[:end]

    def _pass(self, data: bytes, forward: bytes, end: int) -> None:
        """Send on what one read brought; `end` is where the body ends in `data`, or -1."""
        if end >= 0:
            self.ended = True
            assert self.head is not None
            self.reusable = end == len(data) and not self.head.closes
        if not self._held_back(data, forward, is_end=end >= 0):
            self._write(forward)
        if self.ended and self._stage == RELEASED:
            self._finish()

    def _write(self, data: bytes) -> None:
        self.sent = True
        self._client.write(data)

    # --- the end

    def _let_go(self, held: bytes) -> None:
        if held and not self._client.is_closing():
            self._write(held)
        if self.ended:
            self._finish()

    def _finish(self, error: UpstreamError | None = None) -> None:
        on_end, self._on_end = self._on_end, None
        if on_end is not None:
            on_end(error)

    def _fail(self, error: UpstreamError) -> None:
        self.ended = True
        self._finish(error)

    def _cut(self) -> None:
        """Cut upstream, cut client: never a clean terminator."""
        self.ended = True
        self._close_client = True
        assert self.head is not None
        if self._due or self.capture is None:
            self.interrupted = "upstream"
        if self._due and self.capture is not None:
            self.capture.interrupted = "upstream"
            self._commit()
        self._release()
        if self.head.framing == "close" or (self._http10 and self.head.framing == "chunked"):
            reset_on_close(self._client)
            self._client.abort()
        else:
            self._client.close()
        self._finish()
