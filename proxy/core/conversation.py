"""Whose conversation is it, and where in it does an exchange go on.

Within one tenant:

    the request names a conversation   it is that one; `_within` finds the place
    its history ends at a tip          it goes on there (several fit: `_at_tip` chooses)
    an SDK repeats a first question     it is the conversation in which that was never answered
    else                               it is new, and the history the client brought belongs to it

A history is compared by hashes (`message.chain`, `message.digest`) without system messages. Two stated users never share
a conversation unless the client itself names it. Deciding is pure: what is known is asked of `Known`, which the store
implements on indexed columns inside the transaction that also stores the outcome; so each tip is taken once.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from .message import SYSTEM_ROLES, Message, chain, digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .caller import Caller


@dataclass(slots=True, frozen=True)
class History:
    """A request's messages: the system prompt at their head, and the rest with its chain hashes."""

    prompt: list[Message]
    rest: list[Message]
    chain: list[bytes]
    #: Index in `rest` of the last assistant message; -1 without one.
    answered: int

    @classmethod
    def of(cls, messages: Sequence[Message]) -> History:
        """The history that a request's messages are."""
        start = next((at for at, message in enumerate(messages) if message.role not in SYSTEM_ROLES), len(messages))
        rest = list(messages[start:])
        answers = (at for at in range(len(rest) - 1, -1, -1) if rest[at].role == "assistant")
        return cls(list(messages[:start]), rest, chain(rest), next(answers, -1))


@dataclass(slots=True, frozen=True)
class Held:
    """A conversation as the store holds it."""

    key: int
    #: Place of its newest message, and of its newest answer; behind the latter stands what was not answered. 0: none.
    last: int
    tip_place: int
    #: Chain hash at the newest answer; while there is none, at the question that waits for one.
    tip: bytes
    #: It has been sent messages without their history before.
    appended: bool = False


@dataclass(slots=True, frozen=True)
class Standing:
    """A message of a held conversation, system messages left out."""

    place: int
    chain: bytes
    digest: bytes


class Known(Protocol):
    """What the store knows within the tenant."""

    def named(self, conversation_id: str) -> Held | None:
        """The conversation of that name."""

    def newest_at(self, tip: bytes, user: str | None, connection: str | None) -> Held | None:
        """The newest conversation with that tip, of that user and last continued on that connection; None: of any."""

    def standing(self, held: Held) -> list[Standing]:
        """Its messages in order, without system messages and without what was replaced."""


@dataclass(slots=True, frozen=True)
class Placing:
    """Where an exchange goes on."""

    #: None: it begins a new conversation.
    held: Held | None = None
    #: Messages behind this place are replaced.
    keep: int = 0
    #: Chain hash at `keep`.
    start: bytes = b""
    #: Index of the first message of `History.rest` that is not in the conversation yet.
    first: int = 0
    #: The request brought no history and was put behind what there is.
    appends: bool = False


def place(history: History, caller: Caller, connection: str, known: Known) -> Placing:
    """Where a request and its answer belong."""
    if caller.conversation_id:
        held = known.named(caller.conversation_id)
        return _within(history, held, known) if held else Placing()
    if history.answered >= 0:
        held = _at_tip(history.chain[history.answered], caller.user, connection, known)
        return _behind_tip(history, held, known) if held else Placing()
    if caller.retries and history.rest:
        held = _at_tip(history.chain[-1], caller.user, connection, known)
        return Placing(held, held.last, held.tip, len(history.rest)) if held else Placing()
    return Placing()


def conversation_id(given: str, *, taken: bool, chance: bytes) -> str:
    """The id of a new conversation, of 16 random bytes; a given id is used as given by the first tenant that gives it."""
    if not given:
        return f"conv_{base64.b32encode(chance).decode().rstrip('=').lower()}"
    return f"{given}~{chance[:4].hex()}" if taken else given


def is_sampled(chance: bytes, rate: float) -> bool:
    """Whether a conversation is among the recorded share; `chance` is 8 random bytes that stay with it."""
    return int.from_bytes(chance[:8], "big") < rate * 2**64


def _at_tip(tip: bytes, user: str, connection: str, known: Known) -> Held | None:
    """
    Of the conversations with one tip: the same user's first, then on the same connection, then the newest.

    One whose user was not stated comes after those; a request that states none takes a named user's last of all.
    """
    users = (user, "") if user else ("", None)
    ladder = ((one, line) for one in users for line in (connection, None))
    return next((held for one, line in ladder if (held := known.newest_at(tip, one, line))), None)


def _behind_tip(history: History, held: Held, known: Known) -> Placing:
    """The answered part ends at the tip; of a question that was left unanswered there, what is asked again stays."""
    keep, start, first = held.tip_place, held.tip, history.answered + 1
    if held.last > held.tip_place:
        unanswered = [one for one in known.standing(held) if one.place > held.tip_place]
        asked = ((at, digest(history.rest[at])) for at in _spoken(history.rest, first))
        for one, (at, hashed) in zip(unanswered, asked, strict=False):
            if one.digest != hashed:
                break
            keep, start, first = one.place, one.chain, at + 1
    return Placing(held, keep, start, first)


def _within(history: History, held: Held, known: Known) -> Placing:
    """The place inside a conversation that the client named."""
    if history.answered >= 0 and history.chain[history.answered] == held.tip:
        return _behind_tip(history, held, known)
    standing = known.standing(held)
    if history.answered < 0:
        return _without_answers(history, held, standing)
    brought = [digest(history.rest[at]) for at in _spoken(history.rest) if at <= history.answered]
    to_tip = [one.digest for one in standing if one.place <= held.tip_place]
    if brought == to_tip[-len(brought) :]:  # the client sends only the newest part of its history
        return _behind_tip(history, held, known)
    return _behind_shared(history, held, standing)


def _without_answers(history: History, held: Held, standing: list[Standing]) -> Placing:
    """A request of questions only: one that is asked again, or said behind what there is."""
    brought = [digest(history.rest[at]) for at in _spoken(history.rest)]
    unanswered = [one.digest for one in standing if one.place > held.tip_place]
    end = standing[-1].chain if standing else b""
    if brought == unanswered:
        return Placing(held, held.last, end, len(history.rest))
    shared = _behind_shared(history, held, standing)
    if not held.appended and not _spoken(history.rest, shared.first):
        return shared  # exactly this was answered before
    return Placing(held, held.last, end, 0, appends=bool(standing))


def _behind_shared(history: History, held: Held, standing: list[Standing]) -> Placing:
    """Behind the longest beginning that both have; the client's list replaces what came after it."""
    places = {one.chain: one.place for one in standing}
    for at in reversed(_spoken(history.rest)):
        hashed = history.chain[at]
        if hashed in places:
            return Placing(held, places[hashed], hashed, at + 1)
    return Placing(held)


def _spoken(messages: Sequence[Message], start: int = 0) -> list[int]:
    """The indices from `start` on of what is not a system message."""
    return [at for at in range(start, len(messages)) if messages[at].role not in SYSTEM_ROLES]
