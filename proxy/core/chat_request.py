"""Chat requests: messages in every form that clients send and some server takes.

A string, parts, one part or an object for a content; calls in today's form and the one before; keys of the client's own.
Marks and sealed reasoning that are for one server only are dropped, and so is sound. `RecordUnreadable` is raised only
where there is no list of messages with roles.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from ..errors import RecordUnreadable
from .body import request_object
from .jsontext import index_in, mend, mend_text
from .message import Message
from .parts import REASONING_KEYS, content_said, reasoning_in
from .toolcalls import ToolCalls, arguments_text
from .turn import Asked

if TYPE_CHECKING:
    from .exchange import Exchange

#: Of a message's keys those that `Message` has a place for; the rest is extra.
_PLACED_KEYS = frozenset((*(one.name for one in fields(Message) if one.name != "extra"), "audio", *REASONING_KEYS))
#: Marks and sealed reasoning that mean something to one server only.
_SEALED_KEYS = frozenset(
    (
        *("cache_control", "reasoning_details", "reasoning_opaque", "encrypted_content", "thinking_blocks"),
        *("thought_signature", "extra_content", "provider_specific_fields", "provider_metadata"),
    )
)
_NOT_EXTRA = _PLACED_KEYS | _SEALED_KEYS


def read_request(exchange: Exchange) -> Asked:
    """What was asked; `RecordUnreadable` when there is no list of messages with roles."""
    body = request_object(exchange)
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise RecordUnreadable("chat request has no list of messages")
    model, user, metadata = body.get("model"), body.get("user"), body.get("metadata")
    return Asked(
        messages=[message_said(one) for one in messages],
        model=model if isinstance(model, str) else None,
        stream=body.get("stream") is True,
        n=choices_asked(body),
        user=user if isinstance(user, str) and user else None,
        metadata=mend(metadata) if isinstance(metadata, dict) else {},
        body=body,
    )


def message_said(raw: Any) -> Message:
    """One message of a request; `RecordUnreadable` when it has no role."""
    role = raw.get("role") if isinstance(raw, dict) else None
    if not isinstance(role, str) or not role:
        raise RecordUnreadable("chat request has a message without a role")
    if len(raw) == 2 and isinstance(raw.get("content"), str):
        return Message(mend_text(role), raw["content"])  # by far the most, in histories of hundreds
    content, inner_reasoning = content_said(raw.get("content"))
    calls = ToolCalls()
    calls.add_whole(raw.get("tool_calls"))
    return Message(
        role=mend_text(role),
        content=content,
        tool_calls=calls.result(),
        tool_call_id=_text(raw.get("tool_call_id")),
        name=_text(raw.get("name")),
        refusal=_text(raw.get("refusal")),
        reasoning=reasoning_in(raw) or inner_reasoning,
        function_call=_function_said(raw.get("function_call")),
        id=_text(raw.get("id")),
        extra=_extra_said(raw),
    )


def _function_said(raw: Any) -> dict[str, Any] | None:
    if not isinstance(raw, dict) or not isinstance(raw.get("name"), str):
        return None
    return {"name": raw["name"], "arguments": arguments_text(raw)}


def _extra_said(raw: dict[str, Any]) -> dict[str, Any]:
    """What else a client keeps with its messages; of audio all but the sound."""
    extra = {key: mend(value) for key, value in raw.items() if value and key not in _NOT_EXTRA}
    if isinstance(audio := raw.get("audio"), dict):
        extra["audio"] = mend({key: value for key, value in audio.items() if key != "data"})
    return extra


def choices_asked(body: dict[str, Any]) -> int:
    """How many answers a request wants."""
    return max(index_in(body.get("n")) or 1, 1)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
