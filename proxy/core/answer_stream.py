"""A streamed answer: events out of bytes, and the JSON in them handed to what puts the answer together.

The same for every dialect. `[DONE]` ends the answer, what follows is passed over. An event that is no JSON is counted and
left out, unless it is named an error or each of its lines is JSON: some servers forget the blank lines. One that the end of
the body left open counts if it is whole JSON. Nothing raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..errors import RecordUnreadable
from .body import ERROR_EXCERPT, answer_bytes, error_in, is_events, refusal_in
from .choice import text_in
from .jsontext import read
from .runs import Run, Varying
from .sse import MAX_EVENT, Event, SseReader
from .turn import Answered

if TYPE_CHECKING:
    from collections.abc import Callable

    from .exchange import Exchange

#: Bytes that are taken apart at once, so that tiny events fill no memory.
STEP = 256 * 1024
#: After so many events that were in no run none is looked for; one that might have begun one has cost as much as two.
PATIENCE = 64
RUN_IN_VAIN = 2

_PINGS = frozenset(("ping", "keepalive", "keep-alive", "heartbeat"))


class Taking(Protocol):
    """What puts an answer together."""

    def take(self, chunk: dict[str, Any], event: str = "") -> None:
        """One event's object, and the name the event had."""


class TakingRuns(Taking, Protocol):
    """What can take the rest of a run of events without reading each; looked for by its name, `isinstance` is slow."""

    def varying(self, chunk: dict[str, Any]) -> Varying | None:
        """Which string alone may differ in events like the one just taken; None: another such event says more."""


class AnswerStream:
    """Feeds `answer` with the events of a body; feed it reads cut anywhere, then `close` it."""

    def __init__(self, answer: Taking | TakingRuns) -> None:
        #: Whether `[DONE]` came.
        self.is_done = False
        #: Events that were no JSON, or over the reader's limit.
        self.unreadable_events = 0
        #: Whether there was anything to read but pings and `[DONE]`.
        self.has_events = False
        self._answer = answer
        self._reader = SseReader()
        self._varying: Callable[[dict[str, Any]], Varying | None] | None = getattr(answer, "varying", None)
        self._patience = PATIENCE

    def feed(self, data: bytes) -> None:
        """One read."""
        for start in range(0, len(data), STEP):
            piece = self._reader.with_lf(data[start : start + STEP])
            if self._varying is None or self._patience <= 0 or len(data) > MAX_EVENT:
                self._read(piece)
            else:
                self._feed_runs(piece, self._varying)

    def _feed_runs(self, data: bytes, varying: Callable[[dict[str, Any]], Varying | None]) -> None:
        """The same as `_read`, faster where events repeat."""
        if not self._reader.is_between_events:
            head, border, data = data.partition(b"\n\n")
            self._read(head + border)
        lines = data.split(b"\n")
        cut = lines.pop()
        at = 0
        while at < len(lines) and self._patience > 0:
            try:
                blank = lines.index(b"", at)
            except ValueError:
                break
            chunk = self._read(b"\n".join((*lines[at : blank + 1], b"")))
            run = None
            if chunk is not None and (found := varying(chunk)):
                run = Run.begun(lines[at:blank], chunk, found)
            at = run.take(lines, blank + 1) if run else blank + 1
            cost = RUN_IN_VAIN if run else 1
            self._patience = PATIENCE if at > blank + 1 else self._patience - cost
        self._read(b"\n".join((*lines[at:], cut)))

    def _read(self, data: bytes) -> dict[str, Any] | None:
        """Take the events that end in `data`; the object of the last one, None where it has none."""
        chunk = None
        for event in self._reader.feed_lf(data):
            chunk = self._take(event)
        return chunk

    def close(self) -> None:
        """The end of the body."""
        for event in self._reader.close():
            self._take(event)
        self.unreadable_events += self._reader.dropped

    def _take(self, event: Event) -> dict[str, Any] | None:
        if self.is_done:
            return None
        if event.data.strip() == b"[DONE]":
            self.is_done = True
            return None
        try:
            chunk = read(event.data)
        except ValueError:
            self._take_apart(event)
            return None
        self.has_events = self.has_events or not _is_ping(chunk, event.name)
        if not isinstance(chunk, dict):
            if event.name != "error":
                return None
            chunk = {"error": chunk}
        self._answer.take(chunk, event.name)
        return chunk

    def _take_apart(self, event: Event) -> None:
        """An event that is no JSON as a whole."""
        lines = event.data.split(b"\n")
        if event.name == "error":
            text = event.data.decode("utf-8", "replace").strip()[:ERROR_EXCERPT]
            self._answer.take({"error": text}, event.name)
        elif len(lines) > 1 and all(map(_is_whole, lines if event.whole else lines[:-1])):
            for line in lines:
                self._take(Event(event.name, line, event.whole))
        else:
            self.unreadable_events += event.whole
            self.has_events = self.has_events or event.whole


def _is_ping(chunk: Any, name: str) -> bool:
    """Whether an event only keeps the connection open."""
    return name in _PINGS or (isinstance(chunk, dict) and text_in(chunk.get("type")) in _PINGS)


def _is_whole(line: bytes) -> bool:
    """Whether a data line could be an event of its own."""
    return line.strip() == b"[DONE]" or (line.startswith(b"{") and line.rstrip().endswith(b"}"))


def refused(exchange: Exchange) -> Answered:
    """An answer with status 400 and over, in any dialect: its error where that can be read, and never a message."""
    return Answered(choices=[], complete=False, error=_refusal(exchange), refused=True)


class _FirstError:
    def __init__(self) -> None:
        self.error: Any | None = None

    def take(self, chunk: dict[str, Any], event: str = "") -> None:
        self.error = self.error or error_in(chunk, event)


def _refusal(exchange: Exchange) -> Any | None:
    try:
        data = answer_bytes(exchange)
    except RecordUnreadable:
        return None
    if not is_events(data, exchange.answer_headers.get("content-type", "")):
        return refusal_in(data)
    found = _FirstError()
    stream = AnswerStream(found)
    stream.feed(data)
    stream.close()
    return found.error
