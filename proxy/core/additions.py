"""What one exchange adds to a conversation: messages with ids, times and properties.

Ids are fixed when a message is first logged. The answer has the exchange's id (of several messages in one answer the
last has it, those before `<id>.0`, `<id>.1`); history that a client brought has the client's own id where that is free,
else `<id>.h<n>`. Times are unix milliseconds at which a message really came; what is unknown is absent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .caller import LONGEST_ID, LONGEST_UPSTREAM_ID, checked_id
from .message import Message, digest, is_heard, link, pair

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .entry import Entry
    from .history import History
    from .place import Placing


@dataclass(slots=True)
class Addition:
    """A message that comes into a conversation."""

    message: Message
    #: The id it gets unless the client's own is free.
    id: str
    created_at: int
    properties: dict[str, Any]
    #: None for messages that a history is not recognised by.
    chain: bytes | None
    digest: bytes | None
    pair: bytes | None
    is_answer: bool

    @property
    def own_id(self) -> str:
        """The id that the client itself gave the message, or the upstream; empty without a usable one."""
        return checked_id(self.message.id, LONGEST_UPSTREAM_ID if self.is_answer else LONGEST_ID)


def prompt_additions(entry: Entry) -> list[Addition]:
    """The system prompt, in its order."""
    return [
        Addition(message, f"{entry.id}.h{at}", entry.started, {}, None, None, None, is_answer=False)
        for at, message in enumerate(entry.history.prompt)
    ]


def additions(entry: Entry, placing: Placing) -> list[Addition]:
    """What comes behind `placing.keep`: the messages that are not in the conversation yet, and the answer."""
    history = entry.history
    last, asked = placing.start, _question_before(history, placing.first)
    out = []
    for at, (message, message_id, created_at, properties, is_answer) in enumerate(
        _named(entry, placing.first), placing.first
    ):
        digested = _digest(message) if is_answer else history.digests[at]
        last = link(last, digested) if digested else last
        answers = asked if message.role == "assistant" else None
        paired = pair(answers, digested, history.root) if answers and digested else None
        asked = digested if message.role == "user" else asked
        chain = last if digested else None
        out.append(Addition(message, message_id, created_at, properties, chain, digested, paired, is_answer))
    return out


def other_tips(entry: Entry, before: bytes) -> list[tuple[bytes, int]]:
    """
    By what else the client may go on from this answer: chain hashes, and the other choice that each means (from 1).

    0 is the answer itself, in the words of a client that keeps what it has begun as a message of its own. `before` is the
    chain hash before the answer.
    """
    tips = [(link(before, digest(other)), at) for at, other in enumerate(entry.others, 1) if is_heard(other)]
    prefill = entry.history.prefill
    if prefill and entry.answers:
        apart, rest = before, _without(entry.history.begun, entry.answers[0])
        for one in (*prefill, rest, *entry.answers[1:]):
            apart = link(apart, digest(one)) if is_heard(one) else apart
        tips.append((apart, 0))
    return tips


def _named(entry: Entry, first: int) -> Iterator[tuple[Message, str, int, dict[str, Any], bool]]:
    """Messages with their ids, times and properties, and whether they are answers."""
    offset, history = len(entry.history.prompt), entry.history
    for at in range(first, history.end):
        yield history.rest[at], f"{entry.id}.h{offset + at}", entry.started, {}, False
    for at, message in enumerate(entry.answers[:-1]):
        yield message, f"{entry.id}.{at}", entry.ended, {}, True
    for message in entry.answers[-1:]:
        yield message, entry.id, entry.ended, entry.properties, True


def _digest(message: Message) -> bytes | None:
    return digest(message) if is_heard(message) else None


def _question_before(history: History, first: int) -> bytes | None:
    questions = (at for at in range(min(first, history.end) - 1, -1, -1) if history.rest[at].role == "user")
    return history.digests[at] if (at := next(questions, -1)) >= 0 else None


def _without(begun: str, answer: Message) -> Message:
    text = answer.content or ""
    return replace(answer, content=text.removeprefix(begun)) if isinstance(text, str) else answer
