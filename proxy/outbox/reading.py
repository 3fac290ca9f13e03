"""A record read: from a journal payload to what the store takes, and to what is said of it in the log.

Pure but for the configuration it is given: the same payload gives the same result. What cannot be understood comes back
as `SetAside`, with the reason; any other exception is a fault of ours, which the recorder survives.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..core import side
from ..core.caller import caller_of
from ..core.dialect import dialect_of
from ..core.entry import Entry, entry_of
from ..core.exchange import Exchange, Note, decode
from ..core.responses import read_answer as read_later_answer
from ..errors import RecordUnreadable
from .keeping import HiddenTurns, RedactedTurns, WholeTurns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..config import Conversation, Privacy, StoreLevel
    from ..core.redact import Redactor
    from ..core.turn import Answered
    from .keeping import Kept

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
        redactor: Takes out what must not be stored.
        redacts: It does so everywhere; else only where an upstream's level says so.
        keep_unreadable: Keep what cannot be read, though it is to be redacted and cannot be.
        levels: What is kept of each upstream's exchanges; "full" of all others.
        key: Makes the hashes by which hidden messages are recognised.

    """

    def __init__(
        self,
        conversation: Conversation,
        redactor: Redactor | None = None,
        *,
        redacts: bool = True,
        keep_unreadable: bool = False,
        levels: Mapping[str, StoreLevel] = MappingProxyType({}),
        key: bytes = b"",
    ) -> None:
        self._conversation = conversation
        self._redactor = redactor
        self._redacts = redacts and redactor is not None
        self._keeps_unreadable = keep_unreadable
        self._levels = levels
        self._key = key

    @classmethod
    def configured(
        cls,
        conversation: Conversation,
        privacy: Privacy,
        redactor: Redactor,
        levels: Mapping[str, StoreLevel],
        secret: bytes,
    ) -> Reading:
        """As the configuration says; `secret` is that of this installation."""
        return cls(
            conversation,
            redactor,
            redacts=privacy.redact,
            keep_unreadable=privacy.keep_unreadable,
            levels=levels,
            key=hmac.digest(secret, b"hidden messages", "sha256"),
        )

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
        # of what cannot be read nobody knows whose it is: it is kept where everything may be
        upstreams = [found.upstream] if isinstance(found, Exchange) else self._levels
        levels = [self._level(name) for name in upstreams] or [self._level("")]
        is_kept = all(one == "full" or (one == "redacted" and self._keeps_unreadable) for one in levels)
        return SetAside(found.id if found else "", reason, payload if is_kept else b"")

    def _level(self, upstream: str) -> StoreLevel:
        level = self._levels.get(upstream, "full")
        return "redacted" if level == "full" and self._redacts else level

    def _note(self, note: Note) -> Told:
        """Feedback does not say of which upstream it speaks: one that is not kept in full is enough to redact it."""
        levels = {self._level(name) for name in ("", *self._levels)}
        if self._redactor and levels != {"full"}:
            words = {name: self._redactor.value(note.body[name]) for name in _WORDS if name in note.body}
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
        kept = self._kept(exchange.upstream)
        quoted = kept.quoted(asked) if kind else []
        asked.messages = [kept.message(message) for message in asked.messages]
        asked.further = [[kept.message(message) for message in one] for one in asked.further]
        caller = kept.caller(caller)
        entry = entry_of(exchange, dialect.name, asked, kept.answer(answered), caller)
        facts["model"] = entry.model
        if kind:
            entry.side, entry.quoted = kind, quoted
            facts["side"] = kind
        if exchange.method != "GET":
            return Told(entry, facts)

        def behind(before: dict[str, Any]) -> Entry:
            return entry_of(exchange, dialect.name, asked, kept.answer(read_later_answer(exchange, before)), caller)

        return Told(Later(entry, behind, len(exchange.answer)), facts)

    def _kept(self, upstream: str) -> Kept:
        level = self._level(upstream)
        if level == "metadata":
            return HiddenTurns(self._key)
        return RedactedTurns(self._redactor) if level == "redacted" and self._redactor else WholeTurns()


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
