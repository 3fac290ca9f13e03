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
from ..core.responses import read_answer as read_later_answer
from ..errors import RecordUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..config import Conversation, Privacy
    from ..core.caller import Caller
    from ..core.redact import Redactor
    from ..core.turn import Answered, Asked

#: Fields of feedback and events in which a person's words stand.
_WORDS = ("details", "reasons", "searchQuery", "properties", "userProperties")


@dataclass(slots=True, frozen=True)
class SetAside:
    """A record that nothing can be made of."""

    #: Of the exchange; empty when not even that is known.
    id: str
    reason: str
    #: Empty where it must not be kept.
    payload: bytes


@dataclass(slots=True, frozen=True)
class Passed:
    """An exchange of which no message comes: "refused", "not_rebuilt", "side_request" (dropped, as configured)."""

    outcome: str


@dataclass(slots=True, frozen=True)
class Later:
    """An answer that came by an exchange of its own, after its question: a Responses answer that is polled or resumed."""

    #: An entry without a question.
    entry: Entry
    #: The same read behind what was kept of an earlier part of the answer.
    behind: Callable[[dict[str, Any]], Entry]
    #: Bytes of the answer, which `behind` keeps in memory.
    size: int


Item = Entry | Later | Note | SetAside | Passed


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
        keep_unreadable: Keep what cannot be read, though there is a redactor and it cannot be redacted.

    """

    def __init__(
        self, conversation: Conversation, redactor: Redactor | None = None, *, keep_unreadable: bool = False
    ) -> None:
        self._conversation = conversation
        self._redactor = redactor
        self._keeps_unreadable = redactor is None or keep_unreadable

    @classmethod
    def configured(cls, conversation: Conversation, privacy: Privacy, redactor: Redactor) -> Reading:
        """As the configuration says."""
        return cls(conversation, redactor if privacy.redact else None, keep_unreadable=privacy.keep_unreadable)

    def read(self, payload: bytes) -> Told:
        """What a journal payload is."""
        found = None
        try:
            found = decode(payload)
            return self._note(found) if isinstance(found, Note) else self._exchange(found)
        except RecordUnreadable as error:
            return Told(self._set_aside(found, str(error), payload))

    def set_aside(self, payload: bytes, reason: str) -> SetAside:
        """A payload that nothing was made of, for some other reason."""
        try:
            return self._set_aside(decode(payload), reason, payload)
        except RecordUnreadable:
            return self._set_aside(None, reason, payload)

    def _set_aside(self, found: Exchange | Note | None, reason: str, payload: bytes) -> SetAside:
        return SetAside(found.id if found else "", reason, payload if self._keeps_unreadable else b"")

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
            return Told(Passed("no_answer" if exchange.fault else "refused"), facts)  # as the relay counts it
        asked = dialect.read_request(exchange)
        if not asked.is_conversation:
            return Told(Passed("not_rebuilt"), facts)
        kind = side.kind_of(asked)
        if kind and self._conversation.side_requests == "drop":
            return Told(Passed("side_request"), facts | {"side": kind})
        caller = caller_of(exchange.headers, asked, self._conversation)
        if self._redactor:
            asked.messages = [self._redactor.message(message) for message in asked.messages]
            asked.further = [[self._redactor.message(message) for message in one] for one in asked.further]
        entry = self._entry(exchange, dialect.name, asked, answered, caller)
        facts["model"] = entry.model
        if kind:
            entry.side, entry.quoted = kind, side.quoted(asked)
            facts["side"] = kind
        if exchange.method != "GET":
            return Told(entry, facts)

        def behind(kept: dict[str, Any]) -> Entry:
            return self._entry(exchange, dialect.name, asked, read_later_answer(exchange, kept), caller)

        return Told(Later(entry, behind, len(exchange.answer)), facts)

    def _entry(self, exchange: Exchange, endpoint: str, asked: Asked, answered: Answered, caller: Caller) -> Entry:
        """What is stored of an exchange; of the answer nothing that must not be."""
        if self._redactor:
            answered.error = self._redactor.value(answered.error)
            answered.usage = self._redactor.value(answered.usage)
            for choice in answered.choices:
                choice.finish_reason = self._redactor.value(choice.finish_reason)
                choice.message = self._redactor.message(choice.message)
                choice.earlier = [self._redactor.message(message) for message in choice.earlier]
            caller = replace(caller, properties=self._redactor.value(caller.properties))
        return entry_of(exchange, endpoint, asked, answered, caller)


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
        "prompt_tokens": usage.get("prompt_tokens", usage.get("input_tokens")),
        "completion_tokens": usage.get("completion_tokens", usage.get("output_tokens")),
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
