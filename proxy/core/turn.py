"""A turn, as every dialect gives it: what was asked and what was answered.

Values only. `RecordUnreadable` is how a dialect says that it cannot make one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .message import Message


@dataclass(slots=True)
class Asked:
    """A request, understood."""

    #: The history and the new messages, in the request's order.
    messages: list[Message]
    model: str | None
    stream: bool
    #: How many choices were asked for.
    n: int
    #: The end user, as the client named it (`user`).
    user: str | None
    metadata: dict[str, Any]
    #: The whole request object.
    body: dict[str, Any]
    #: The stored conversation the request goes on with (Responses `conversation`); it holds only what is new then.
    conversation_ref: str | None = None
    #: The completion id of the answer the request goes on from (Responses `previous_response_id`); likewise.
    previous_id: str | None = None


@dataclass(slots=True)
class Choice:
    """One of the answers to a request."""

    index: int
    message: Message
    #: As the upstream said, any word; None when it said none.
    finish_reason: str | None
    #: Messages that the answer has before `message`; only the Responses API answers with several.
    earlier: list[Message] = field(default_factory=list)


@dataclass(slots=True)
class Answered:
    """What came back, as far as it came."""

    #: By index; empty when nothing was answered.
    choices: list[Choice]
    #: False when nothing came, the answer was cut, or an error ended it.
    complete: bool
    model: str | None = None
    completion_id: str | None = None
    #: As the upstream said; never summed.
    usage: dict[str, Any] | None = None
    #: The upstream's error object or text, also beside choices that came before it.
    error: Any | None = None
    #: Status of 400 and over, or an error without choices: no message came of it.
    refused: bool = False
    #: What else the upstream said of the answer: created, service_tier, system_fingerprint.
    details: dict[str, Any] = field(default_factory=dict)
    #: Events that could not be read and were left out.
    unreadable_events: int = 0
