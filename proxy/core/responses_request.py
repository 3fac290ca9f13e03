"""Responses requests: input in every form, as the messages of a conversation.

A string, messages with or without a type, and items that an earlier answer had: calls, their outputs, messages. Items of
the server's own making (reasoning, its own calls, approvals, compaction) say nothing that the client said. References to
items stay references, for whoever has a store (`reference_of`). Items of unknown types are passed over.
`RecordUnreadable` is raised only where there is neither input nor anything that stands for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import RecordUnreadable
from .body import request_object
from .choice import text_in
from .item_messages import CLIENT_CALLS, ItemMessages, output_text
from .jsontext import mend, mend_text
from .message import Message
from .parts import kind_of
from .turn import Asked

if TYPE_CHECKING:
    from .exchange import Exchange

#: What a request may have in place of input: a stored conversation, an answer to go on from, a prompt stored upstream.
_STAND_INS = ("conversation", "previous_response_id", "prompt", "instructions")

#: What a message that stands for a stored item has in `extra`.
_REFERENCE = "item_reference"


def read_request(exchange: Exchange) -> Asked:
    """What was asked; with `conversation_ref` or `previous_id` the messages are only what is new."""
    body = request_object(exchange)
    metadata = body.get("metadata")
    return Asked(
        messages=[*_instructions(body), *_messages(body)],
        model=text_in(body.get("model")),
        stream=body.get("stream") is True,
        n=1,
        user=text_in(body.get("user")) or text_in(body.get("safety_identifier")),
        metadata=mend(metadata) if isinstance(metadata, dict) else {},
        body=body,
        conversation_ref=_id_in(body.get("conversation")),
        previous_id=text_in(body.get("previous_response_id")),
    )


def _instructions(body: dict[str, Any]) -> list[Message]:
    """The system message of this turn alone."""
    instructions = body.get("instructions")
    if isinstance(instructions, list):
        return _said(instructions)
    return [Message("system", mend_text(instructions))] if isinstance(instructions, str) and instructions else []


def _messages(body: dict[str, Any]) -> list[Message]:
    given = body.get("input")
    if isinstance(given, str):
        return [Message("user", mend_text(given))]
    if isinstance(given, list):
        return _said(given)
    if given is None and any(body.get(name) for name in _STAND_INS):
        return []
    raise RecordUnreadable("responses request has no input")


def _said(items: list[Any]) -> list[Message]:
    """The messages that items are; what the assistant said in one go is put together as its answer was."""
    messages: list[Message] = []
    answer = ItemMessages()
    for raw in items:
        item = {"role": "user", "content": raw} if isinstance(raw, str) else raw
        if not isinstance(item, dict):
            continue
        kind, role = kind_of(item), text_in(item.get("role"))
        if kind in CLIENT_CALLS or (role == "assistant" and kind in ("", "message")):
            answer.add(item)
        elif message := _other(kind, role, item):
            messages += [*answer.result(), message]
            answer = ItemMessages()
    return messages + answer.result()


def _other(kind: str, role: str | None, item: dict[str, Any]) -> Message | None:
    """What is not the assistant's; None for what nobody said."""
    if role and kind in ("", "message"):
        said = ItemMessages()
        said.add(item)
        return said.result()[0]
    call = text_in(item.get("call_id")) or text_in(item.get("id"))
    if call and (kind == "item_reference" or (not kind and item.keys() <= {"id", "type"})):
        return Message("assistant", extra={_REFERENCE: {"id": mend(call)}})
    if kind.removesuffix("_output") in CLIENT_CALLS and kind.endswith("_output"):
        return Message("tool", mend(output_text(item.get("output"))), tool_call_id=mend(call))
    return None


def reference_of(message: Message) -> str | None:
    """The id of the item that a message stands for; None for what was said."""
    named = message.extra.get(_REFERENCE)
    return named["id"] if named else None


def _id_in(conversation: Any) -> str | None:
    return text_in(conversation.get("id") if isinstance(conversation, dict) else conversation)
