"""Messages without what was said in them, for upstreams of which only metadata is kept.

A hidden message has a keyed hash in the place of its content, so that a history is recognised as ever, and by nobody
without the key; what is stored and sent of it (`to_json`) has neither: only role, ids, and which functions were called.
Of an answer stay its model, usage, times, finish reason and ids.
"""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .message import SYSTEM_ROLES, Message, digest, is_heard

if TYPE_CHECKING:
    from .caller import Caller
    from .turn import Answered, Choice

#: A word that a program chose, such as a finish reason or the code of an error; no sentence.
_WORD = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


@dataclass(slots=True, frozen=True)
class Hidden(Message):
    """A message that is recognised, and says nothing."""

    def to_json(self) -> dict[str, Any]:
        """Without the hash that stands in the place of its content."""
        values = Message.to_json(self)
        values.pop("content", None)
        return values


def hidden(message: Message, key: bytes) -> Hidden:
    """A message without what was said."""
    is_known = is_heard(message) or message.role in SYSTEM_ROLES
    mark = hmac.digest(key, digest(message), "sha256")[:16].hex() if is_known else None
    reason = message.extra.get("native_finish_reason")
    return Hidden(
        role=message.role,
        content=mark,
        tool_calls=[_call(call) for call in message.tool_calls],
        tool_call_id=message.tool_call_id,
        function_call=message.function_call and _function(message.function_call),
        id=message.id,
        extra={"native_finish_reason": reason} if _is_word(reason) else {},
    )


def hidden_answer(answered: Answered, key: bytes) -> Answered:
    """An answer without what was said, and without what an error or a detail of it quotes."""
    return replace(
        answered,
        choices=[_choice(choice, key) for choice in answered.choices],
        usage=_counts(answered.usage),
        error=_codes(answered.error),
        details={},
    )


def hidden_caller(caller: Caller) -> Caller:
    """Who speaks, by ids alone."""
    return replace(caller, properties={})


def _choice(choice: Choice, key: bytes) -> Choice:
    return replace(
        choice,
        message=hidden(choice.message, key),
        earlier=[hidden(message, key) for message in choice.earlier],
        finish_reason=choice.finish_reason if _is_word(choice.finish_reason) else None,
    )


def _call(call: dict[str, Any]) -> dict[str, Any]:
    return {"id": call.get("id"), "type": call.get("type"), "function": _function(call.get("function") or {})}


def _function(function: dict[str, Any]) -> dict[str, Any]:
    return {"name": function.get("name"), "arguments": ""}


def _counts(value: Any) -> Any:
    """The numbers in a JSON object, at any depth."""
    if isinstance(value, dict):
        return {name: _counts(one) for name, one in value.items() if isinstance(one, int | float | dict)}
    return value if isinstance(value, int | float) else None


def _codes(error: Any) -> Any:
    """Of an error its type and code; that there was one, where it has neither."""
    if error is None:
        return None
    told = error if isinstance(error, dict) else {}
    return {name: told[name] for name in ("type", "code") if _is_word(told.get(name))} or {"type": "error"}


def _is_word(value: object) -> bool:
    return isinstance(value, str) and _WORD.fullmatch(value) is not None
