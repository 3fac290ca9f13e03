"""What is kept of a turn, by the level of its upstream: all of it, what is left when it is redacted, or its metadata.

Applied to messages as they were rebuilt, before anything of them is stored, and before they are recognised: a client
brings the same words again, and the same comes of them. ("none" is decided before: such exchanges are not journaled.)
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from ..core import side
from ..core.hidden import hidden, hidden_answer, hidden_caller

if TYPE_CHECKING:
    from ..core.caller import Caller
    from ..core.message import Message
    from ..core.redact import Redactor
    from ..core.turn import Answered, Asked


class Kept(Protocol):
    """What becomes of each part of a turn."""

    def message(self, message: Message) -> Message:
        """A message of the request."""

    def quoted(self, asked: Asked) -> list[Message]:
        """The chat that a front end's own request quotes; `asked` is as it came."""

    def answer(self, answered: Answered) -> Answered:
        """What came back."""

    def caller(self, caller: Caller) -> Caller:
        """What the request says of itself; its ids stay, as conversations are found by them."""


class WholeTurns:
    """Everything."""

    def message(self, message: Message) -> Message:
        return message

    def quoted(self, asked: Asked) -> list[Message]:
        return side.quoted(asked)

    def answer(self, answered: Answered) -> Answered:
        return answered

    def caller(self, caller: Caller) -> Caller:
        return caller


class RedactedTurns:
    """What is left when it is redacted."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor

    def message(self, message: Message) -> Message:
        return self._redactor.message(message)

    def quoted(self, asked: Asked) -> list[Message]:
        return side.quoted(replace(asked, messages=[self.message(one) for one in asked.messages]))

    def answer(self, answered: Answered) -> Answered:
        value = self._redactor.value
        choices = [
            replace(
                choice,
                finish_reason=value(choice.finish_reason),
                message=self.message(choice.message),
                earlier=[self.message(one) for one in choice.earlier],
            )
            for choice in answered.choices
        ]
        return replace(answered, choices=choices, error=value(answered.error), usage=value(answered.usage))

    def caller(self, caller: Caller) -> Caller:
        return replace(caller, properties=self._redactor.value(caller.properties))


class HiddenTurns:
    """Metadata: nothing that was said."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def message(self, message: Message) -> Message:
        return hidden(message, self._key)

    def quoted(self, asked: Asked) -> list[Message]:
        return [hidden(one, self._key) for one in side.quoted(asked)]

    def answer(self, answered: Answered) -> Answered:
        return hidden_answer(answered, self._key)

    def caller(self, caller: Caller) -> Caller:
        return hidden_caller(caller)
