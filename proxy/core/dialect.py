"""Dialects: which upstream API shape an exchange speaks, and what every dialect gives.

The path alone chooses (any prefix, so that Azure's deployments and gateways' folders are found); `body.is_events` then
tells JSON answers from streams. To add one: a file like `chat.py`, a line in `dialect_of`, its path in `recorded.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .chat import ChatCompletions
from .completions import Completions
from .recorded import is_recorded, path_of
from .responses import Responses
from .turn import Answered, Asked, Choice

if TYPE_CHECKING:
    from .exchange import Exchange

__all__ = ["Answered", "Asked", "Choice", "Dialect", "dialect_of"]

_CHAT = ChatCompletions()
_COMPLETIONS = Completions()
_RESPONSES = Responses()


class Dialect(Protocol):
    """One upstream API shape."""

    #: As it is logged: "chat.completions".
    name: str

    def read_request(self, exchange: Exchange) -> Asked:
        """What was asked; `RecordUnreadable` when that is not understood."""

    def read_answer(self, exchange: Exchange) -> Answered:
        """What came back, as far as it came; `RecordUnreadable` when that is not understood."""


def dialect_of(method: str, target: str) -> Dialect | None:
    """The dialect of a request target; None for what is not rebuilt into messages."""
    if not is_recorded(method, target):
        return None
    path = path_of(target)
    if path.endswith("/chat/completions"):
        return _CHAT
    return _COMPLETIONS if path.endswith("/completions") else _RESPONSES
