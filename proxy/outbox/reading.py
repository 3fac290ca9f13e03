"""A record read: from a journal payload to what the store takes, and to what is said of it in the log.

Pure but for the configuration it is given: the same payload gives the same result. What cannot be understood comes back
as `SetAside`, with the reason; any other exception is a fault of ours, which the recorder survives.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..core import side
from ..core.caller import caller_of
from ..core.dialect import dialect_of
from ..core.entry import Entry, entry_of
from ..core.exchange import Exchange, Note, decode
from ..errors import RecordUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..config import Conversation
    from ..core.redact import Redactor
    from ..core.turn import Answered

#: Fields of feedback and events in which a person's words stand.
_WORDS = ("details", "reasons", "searchQuery", "properties", "userProperties")


@dataclass(slots=True, frozen=True)
class SetAside:
    """A record that nothing can be made of."""

    #: Of the exchange; empty when not even that is known.
    id: str
    reason: str
    payload: bytes


@dataclass(slots=True, frozen=True)
class Passed:
    """An exchange of which no message comes: "refused", "not_rebuilt", "side_request" (dropped, as configured)."""

    outcome: str


Item = Entry | Note | SetAside | Passed


@dataclass(slots=True, frozen=True)
class Told:
    """What a record is, and the facts of its log line."""

    item: Item
    facts: dict[str, Any] = field(default_factory=dict)


class Reading:
    """
    How records are read.

    Args:
        conversation: By which names requests say whose they are, and what becomes of side requests.
        redactor: Takes out what must not be stored; None: nothing.

    """

    def __init__(self, conversation: Conversation, redactor: Redactor | None = None) -> None:
        self._conversation = conversation
        self._redactor = redactor

    def read(self, payload: bytes) -> Told:
        """What a journal payload is."""
        found = None
        try:
            found = decode(payload)
            return self._note(found) if isinstance(found, Note) else self._exchange(found)
        except RecordUnreadable as error:
            return Told(SetAside(found.id if found else "", str(error), payload))

    def id_in(self, payload: bytes) -> str:
        """The id of what is in a payload; empty when it cannot be read."""
        try:
            return decode(payload).id
        except RecordUnreadable:
            return ""

    def _note(self, note: Note) -> Told:
        if self._redactor:
            words = {name: _in_texts(note.body[name], self._redactor.text) for name in _WORDS if name in note.body}
            note = replace(note, body=note.body | words)
        return Told(note)

    def _exchange(self, exchange: Exchange) -> Told:
        dialect = dialect_of(exchange.method, exchange.target)
        if dialect is None:
            return Told(Passed("not_rebuilt"), _facts(exchange))
        answered = dialect.read_answer(exchange)
        facts = _facts(exchange) | {"endpoint": dialect.name} | _more_facts(answered)
        if answered.refused:
            return Told(Passed("refused"), facts)
        asked = dialect.read_request(exchange)
        kind = side.kind_of(asked)
        if kind and self._conversation.side_requests == "drop":
            return Told(Passed("side_request"), facts | {"side": kind})
        caller = caller_of(exchange.headers, asked, self._conversation)
        if self._redactor:
            asked.messages = [self._redactor.message(message) for message in asked.messages]
            for choice in answered.choices:
                choice.message = self._redactor.message(choice.message)
            caller = replace(caller, properties=_in_texts(caller.properties, self._redactor.text))
        entry = entry_of(exchange, dialect.name, asked, answered, caller)
        if kind:
            entry.side, entry.quoted = kind, side.quoted(asked)
            facts["side"] = kind
        return Told(entry, facts | {"model": entry.model})


def _facts(exchange: Exchange) -> dict[str, Any]:
    first_byte = exchange.first_byte
    told = {
        "id": exchange.id,
        "upstream": exchange.upstream or None,
        "status": exchange.status,
        "interrupted": exchange.interrupted or None,
        "fault": exchange.fault or None,
        "first_byte_ms": first_byte - exchange.started if first_byte else None,
        "duration_ms": exchange.ended - exchange.started,
    }
    return {name: value for name, value in told.items() if value is not None}


def _more_facts(answered: Answered) -> dict[str, Any]:
    usage = answered.usage or {}
    told = {
        "model": answered.model,
        "prompt_tokens": usage.get("prompt_tokens"),
        "completion_tokens": usage.get("completion_tokens"),
        "unreadable_events": answered.unreadable_events or None,
    }
    return {name: value for name, value in told.items() if isinstance(value, (int, str))}


def _in_texts(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON value with all its texts changed."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {name: _in_texts(one, change) for name, one in value.items()}
    if isinstance(value, list):
        return [_in_texts(one, change) for one in value]
    return value
