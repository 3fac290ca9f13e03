"""Chat completions: the dialect every OpenAI-compatible server speaks, request and answer, JSON and SSE.

What an upstream breaks on the way (a cut stream, an error in the middle, events that are no JSON) is an `Answered` as far
as it came. `RecordUnreadable` is raised only for an answer that is neither JSON nor events, or nothing that this dialect
says, for bodies that cannot be decoded, and for requests that `chat_request` does not understand.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import RecordUnreadable
from .answer_stream import AnswerStream, refused
from .body import answer_bytes, answer_object, cut_object, is_events, request_object
from .chat_answer import ChatAnswer
from .chat_request import choices_asked, read_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from .exchange import Exchange
    from .turn import Answered, Asked


class ChatCompletions:
    """The dialect of `POST …/chat/completions`."""

    name = "chat.completions"

    def read_request(self, exchange: Exchange) -> Asked:
        """What was asked; `RecordUnreadable` when there is no list of messages with roles."""
        return read_request(exchange)

    def read_answer(self, exchange: Exchange) -> Answered:
        """What came back; needs a readable request only to tell how many choices were asked for."""
        return read_answer(exchange, ChatAnswer(), _is_one_choice)


def read_answer(exchange: Exchange, answer: ChatAnswer, is_one_choice: Callable[[Exchange, Any], bool]) -> Answered:
    """What came back, built in `answer`; of a JSON answer `is_one_choice` tells whether its choices are one message."""
    if exchange.status >= 400:
        return refused(exchange)
    data = answer_bytes(exchange)
    if is_events(data, exchange.answer_headers.get("content-type", "")):
        return _read_events(exchange, data, answer)
    value = answer_object(data)
    told = cut_object(data) if value is None and exchange.interrupted else value
    if told is not None:
        answer.take_whole(told, one_choice=is_one_choice(exchange, told))
    elif data.strip() and not exchange.interrupted:
        raise RecordUnreadable("answer is neither JSON nor server-sent events")
    if value and not (answer.is_understood or exchange.interrupted):
        raise RecordUnreadable("answer has neither choices nor an error")
    return answer.result(ended_well=value is not None)


def _read_events(exchange: Exchange, data: bytes, answer: ChatAnswer) -> Answered:
    stream = AnswerStream(answer)
    stream.feed(data)
    stream.close()
    if stream.has_events and not (answer.is_understood or exchange.interrupted):
        raise RecordUnreadable("no event of the answer has choices or an error")
    ended_well = stream.is_done or (answer.is_finished and not exchange.interrupted)
    answered = answer.result(ended_well=ended_well)
    answered.unreadable_events = stream.unreadable_events
    return answered


def _is_one_choice(exchange: Exchange, answer: dict[str, Any]) -> bool:
    """Whether an answer of several choices is one message: one was asked for. The request is read for these only."""
    choices = answer.get("choices")
    if not isinstance(choices, list) or len(choices) < 2:
        return False
    try:
        return choices_asked(request_object(exchange)) == 1
    except RecordUnreadable:
        return True
