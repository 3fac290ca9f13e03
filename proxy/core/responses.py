"""The Responses API: request and answer, JSON and SSE, and answers that come later.

An answer made in the background is asked for again by `GET …/responses/{id}`, as a whole or as the rest of its stream:
such an exchange has no question, its answer belongs to the one whose completion id it has. What an upstream breaks on the
way is an `Answered` as far as it came; `RecordUnreadable` is raised as in `chat`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ..errors import RecordUnreadable
from .answer_stream import AnswerStream, refused
from .body import answer_bytes, answer_object, cut_object, is_events
from .responses_answer import ResponseAnswer
from .responses_request import read_request
from .turn import Asked

if TYPE_CHECKING:
    from .exchange import Exchange
    from .turn import Answered


class Responses:
    """The dialect of `POST …/responses` and `GET …/responses/{id}`."""

    name = "responses"

    def read_request(self, exchange: Exchange) -> Asked:
        """What was asked; `RecordUnreadable` when a POST has no input nor anything in its place."""
        if exchange.method == "GET":
            is_stream = "stream=true" in exchange.target.partition("?")[2].split("&")
            return Asked([], None, is_stream, 1, None, {}, {})
        return read_request(exchange)

    def read_answer(self, exchange: Exchange) -> Answered:
        """What came back; a later answer is told even when it is empty."""
        return read_answer(exchange)


def read_answer(exchange: Exchange, kept: dict[str, Any] | None = None) -> Answered:
    """What came back, behind what was `kept` of an earlier part of the same answer (its last message's `unfinished`)."""
    if exchange.status >= 400:
        return refused(exchange)
    data, answer, is_later = answer_bytes(exchange), ResponseAnswer(kept), exchange.method == "GET"
    if is_events(data, exchange.answer_headers.get("content-type", "")):
        stream = AnswerStream(answer)
        stream.feed(data)
        stream.close()
        has_said = stream.has_events
        answered = answer.result(is_done=stream.is_done, is_later=is_later)
        answered.unreadable_events = stream.unreadable_events
    else:
        value = answer_object(data)
        told = cut_object(data) if value is None and exchange.interrupted else value
        if told is not None:
            answer.take_whole(told)
        elif data.strip() and not exchange.interrupted:
            raise RecordUnreadable("answer is neither JSON nor server-sent events")
        has_said = bool(value)
        answered = answer.result(is_done=False, is_later=is_later)
        answered.complete = answered.complete and value is not None
    if has_said and not (answer.is_understood or exchange.interrupted or is_later):
        raise RecordUnreadable("answer is no response of the Responses API")
    if is_later:
        answered.completion_id = unquote(exchange.target.partition("?")[0].rstrip("/").rpartition("/")[2])
    return answered
