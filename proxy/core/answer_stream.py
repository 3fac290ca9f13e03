"""A streamed answer: events out of bytes, and the JSON in them handed to what puts the answer together.

The same for every dialect. `[DONE]` ends the answer, what follows is passed over. An event that is no JSON is counted and
left out; one that the end of the body left open counts if it is whole JSON. Nothing raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ..errors import RecordUnreadable
from .body import answer_bytes, error_in, is_events, refusal_in
from .jsontext import read
from .sse import Event, SseReader
from .turn import Answered

if TYPE_CHECKING:
    from .exchange import Exchange


class Taking(Protocol):
    """What puts an answer together."""

    def take(self, chunk: dict[str, Any], event: str = "") -> None:
        """One event's object, and the name the event had."""


class AnswerStream:
    """Feeds `answer` with the events of a body; feed it reads cut anywhere, then `close` it."""

    def __init__(self, answer: Taking) -> None:
        #: Whether `[DONE]` came.
        self.is_done = False
        #: Events that were no JSON, or over the reader's limit.
        self.unreadable_events = 0
        self._answer = answer
        self._reader = SseReader()

    def feed(self, data: bytes) -> None:
        """One read."""
        for event in self._reader.feed(data):
            self._take(event)

    def close(self) -> None:
        """The end of the body."""
        for event in self._reader.close():
            self._take(event)
        self.unreadable_events += self._reader.dropped

    def _take(self, event: Event) -> None:
        if self.is_done:
            return
        if event.data.strip() == b"[DONE]":
            self.is_done = True
            return
        try:
            chunk = read(event.data)
        except ValueError:
            self.unreadable_events += event.whole
            return
        if isinstance(chunk, dict):
            self._answer.take(chunk, event.name)


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
