"""Server-sent events out of bytes cut anywhere (WHATWG HTML §9.2, "Server-sent events").

Promises: the same bytes give the same events however they were cut; time is linear in the bytes and memory is bounded
by `limit`; nothing is decoded, so what is not UTF-8 comes out as it came; no input raises. An event over the limit is
left out and counted in `dropped`. Events without data (comments, pings, bare names) are not reported, since nothing can
be rebuilt from them; `id` and `retry` serve reconnecting clients only and are passed over.
"""

from __future__ import annotations

from typing import NamedTuple

#: Bytes of one event's data, and of one line: what the relay records of one answer at most (`record_max_bytes`).
#: Real ones reach megabytes, when a gateway sends a whole reasoning trace or an image in one event.
MAX_EVENT = 32 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"
_COLON = 0x3A
_LF = 0x0A


class Event(NamedTuple):
    """One event; `whole` is false when the body ended before the blank line that ends every event."""

    name: str
    data: bytes
    whole: bool


class SseReader:
    """Feed it every read in order, then `close` it; both return the events that became known."""

    __slots__ = ("_after_cr", "_data", "_first", "_limit", "_line", "_lost", "_name", "_size", "dropped")

    def __init__(self, limit: int = MAX_EVENT) -> None:
        self._limit = max(limit, 16)
        self._line = bytearray()  # a line that a read cut; one byte over the limit marks it as too long
        self._first = True
        self._after_cr = False
        self._name = b""
        self._data: list[bytes] = []
        self._size = 0
        self._lost = False
        #: Events that were over the limit.
        self.dropped = 0

    @property
    def is_between_events(self) -> bool:
        """Whether all that came belongs to events that have ended."""
        return not (self._line or self._data or self._name or self._lost)

    def feed(self, data: bytes) -> list[Event]:
        """The events that end in this read."""
        return self.feed_lf(self.with_lf(data))

    def with_lf(self, data: bytes) -> bytes:
        """A read with LF for every line end, to be fed by `feed_lf`."""
        if self._after_cr and data:
            self._after_cr = False
            if data[0] == _LF:  # the second half of a CRLF that the read cut
                data = data[1:]
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data

    def feed_lf(self, data: bytes) -> list[Event]:
        """The events that end in a part of what `with_lf` gave."""
        if not data:
            return []
        lines = data.split(b"\n")
        cut = lines.pop()
        events: list[Event] = []
        if lines:
            lines[0] = self._joined(lines[0])
            for line in lines:
                if line:
                    self._field(line)
                else:
                    self._dispatch(events, whole=True)
        self._hold(cut)
        return events

    def close(self) -> list[Event]:
        """The event that the end of the body left open, if it has data; the reader is done."""
        events: list[Event] = []
        line = self._joined(b"")
        if line:
            self._field(line)
        self._dispatch(events, whole=False)
        return events

    def _hold(self, piece: bytes) -> None:
        bound = self._limit + 1 + (len(_BOM) if self._first else 0)  # which the first line may still lose
        self._line += piece[: bound - len(self._line)]

    def _joined(self, end: bytes) -> bytes:
        """The line that the last read cut, with its end."""
        if self._line:
            self._hold(end)
            end = bytes(self._line)
            self._line.clear()
        if self._first:
            self._first = False
            end = end.removeprefix(_BOM)
        return end

    def _field(self, line: bytes) -> None:
        if line[0] == _COLON:
            return
        if len(line) > self._limit:
            self._lost = self._lost or line.startswith(b"data:")
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._append(value)
        elif name == b"event":
            self._name = value

    def _append(self, value: bytes) -> None:
        self._size += len(value) + 1
        if self._size > self._limit:
            self._lost = True
            self._data.clear()
        elif not self._lost:
            self._data.append(value)

    def _dispatch(self, events: list[Event], *, whole: bool) -> None:
        if self._lost:
            self.dropped += 1
        elif self._data and (data := b"\n".join(self._data)):
            events.append(Event(self._name.decode("utf-8", "replace"), data, whole))
        self._name, self._data, self._size, self._lost = b"", [], 0, False
