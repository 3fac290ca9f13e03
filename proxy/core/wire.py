"""The Analytics format, both ways: what is posted, and what is answered.

    courier:  Snapshot, a note's body ── build_* ──► what is posted        (strict: Inkeep takes it as it is)
    server:   what was posted ── read_* ──► a record ── emit_* ──► what is answered

`read_*` is liberal: unknown fields, raw OpenAI messages and missing details are taken; `ApiError` 400 names every field
that is wrong, 422 what contradicts itself. `emit_*` is strict: the official SDK parses every answer, whatever was read.
Conversations stand here, feedback and events in `notes`. A record is a dict with the format's field names, in which times are unix milliseconds and absent fields are absent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from .fields import Fields, fault, read_json, refuse_faults, time_text, user_properties
from .links import data_of, links_of, read_links
from .notes import build_event, build_feedback, emit_event, emit_feedback, read_event, read_feedback
from .public import public_messages

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .message import Message
    from .parts import Content

__all__ = [
    "Logged", "Snapshot", "build_conversation", "build_event", "build_feedback",
    "emit_conversation", "emit_event", "emit_feedback", "emit_message",
    "replaced_event", "read_conversation", "read_event", "read_feedback", "read_json",
]  # fmt: skip

#: A picture in a message is sent as it is up to this many characters (a small thumbnail); a body may have 2 MB in all.
INLINE_LIMIT = 16 * 1024

#: What a message of the Responses API brings along: tools that the server ran itself, and whether it is the last word.
_TOLD_EXTRAS = ("server_tool_calls", "phase")
_TYPES = frozenset(("openai", "support_ticket", "support_copilot"))
_VISIBILITIES = frozenset(("private", "public"))


@dataclass(slots=True)
class Logged:
    """A message in its conversation; `created_at` is unix milliseconds: when it really came."""

    message: Message
    id: str
    created_at: int
    properties: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Snapshot:
    """A conversation as of one exchange, always all messages."""

    id: str
    messages: list[Logged]
    created_at: int
    properties: dict[str, Any] = field(default_factory=dict)
    user_properties: dict[str, Any] = field(default_factory=dict)
    tags: list[str] | None = None


# ── what the courier posts ──────────────────────────────────────────────────────────────────────────────────────────


def build_conversation(snapshot: Snapshot) -> dict[str, Any]:
    """The body of `POST /conversations`; `updatedAt` is the time of the newest message, not of the delivery."""
    messages = public_messages((_spoken(logged) for logged in snapshot.messages), inline_limit=INLINE_LIMIT)
    newest = max((logged.created_at for logged in snapshot.messages), default=snapshot.created_at)
    body = {
        "id": snapshot.id,
        "type": "openai",
        "createdAt": time_text(snapshot.created_at),
        "updatedAt": time_text(max(newest, snapshot.created_at)),
        "messages": messages,
        "properties": snapshot.properties,
    }
    if snapshot.user_properties:
        body["userProperties"] = user_properties(snapshot.user_properties)
    if snapshot.tags is not None:
        body["tags"] = snapshot.tags
    return body


def replaced_event(kind: str, about: Mapping[str, str], lost: Iterable[Logged], at: int) -> dict[str, Any]:
    """The event that tells what a conversation does not say any more; `about` names the conversation or a message."""
    messages = public_messages((_spoken(logged) for logged in lost), inline_limit=INLINE_LIMIT)
    entity = "message" if "messageId" in about else "conversation"
    return {
        "type": kind,
        "entityType": entity,
        **about,
        "createdAt": time_text(at),
        "properties": {"messages": messages},
    }


def _spoken(logged: Logged) -> dict[str, Any]:
    """A logged message as an OpenAI message that carries the format's own fields as well."""
    message = logged.message
    properties = {key: message.extra[key] for key in _TOLD_EXTRAS if key in message.extra}
    properties |= data_of(message) | logged.properties
    if message.reasoning:
        properties.setdefault("reasoning", message.reasoning)
    spoken: dict[str, Any] = {
        "id": logged.id,
        "createdAt": time_text(logged.created_at),
        "role": message.role,
        "content": _with_pictures(message.content, message.extra.get("images")),
        "name": message.name,
        "tool_calls": message.tool_calls,
        "tool_call_id": message.tool_call_id,
        "function_call": message.function_call,
        "refusal": message.refusal,
        "audio": message.extra.get("audio"),
    }
    if links := links_of(message):
        spoken["links"] = links
    if properties:
        spoken["properties"] = properties
    return spoken


def _with_pictures(content: Content, images: Any) -> Content:
    """The content, and the pictures that a model made, which OpenRouter and LiteLLM give beside it."""
    given = images if isinstance(images, list) else []
    made = [one for one in given if isinstance(one, dict) and one.get("type") == "image_url"]
    if not made:
        return content
    return [*([{"type": "text", "text": content}] if isinstance(content, str) else content or []), *made]


# ── what the server reads ───────────────────────────────────────────────────────────────────────────────────────────


def read_conversation(body: Any) -> dict[str, Any]:
    """A posted conversation as a record, its messages in public form."""
    faults: list[dict[str, str]] = []
    fields = Fields(body, faults)
    kind = fields.choice("type", _TYPES, required=True)
    fields.name("id")
    fields.text("externalId", "externalUrl", "supportTicketConversationId", "projectId", "integrationId")
    fields.time("createdAt", "updatedAt")
    fields.object("properties")
    fields.user()
    fields.texts("tags")
    fields.choice("visibility", _VISIBILITIES)
    given = fields.items("messages") or []
    if not fields.given.get("messages"):
        fields.wrong("messages", "must hold at least one message")
    read = _read_openai_message if kind == "openai" else _read_ticket_message
    messages = [read(Fields(message, faults, f"/messages/{place}")) for place, message in enumerate(given)]
    refuse_faults(faults)
    fields.out["messages"] = public_messages(messages) if kind == "openai" else messages
    _refuse_repeated_ids(fields.out["messages"])
    return fields.out


def _read_openai_message(fields: Fields) -> dict[str, Any]:
    """A message as said: what `public_messages` retells is only looked at where it could not cope."""
    _read_any_message(fields)
    fields.name("role", required=True)
    _read_content(fields, (str, list))
    fields.text("tool_call_id")
    for name in ("function_call", "refusal", "audio"):
        fields.out[name] = fields.given.get(name)
    calls = fields.items("tool_calls")
    if calls and not all(isinstance(call, dict) for call in calls):
        fields.wrong("tool_calls", "must hold objects")
    fields.out["tool_calls"] = calls
    return fields.out


def _read_ticket_message(fields: Fields) -> dict[str, Any]:
    """A message of a support conversation: any role, text or null, no tool calls."""
    _read_any_message(fields)
    fields.name("role", required=True)
    _read_content(fields, (str,))
    fields.out.setdefault("content", None)
    return fields.out


def _read_any_message(fields: Fields) -> None:
    fields.name("id")
    fields.text("externalId", "externalUrl", "name")
    fields.time("createdAt", "updatedAt")
    fields.object("properties")
    fields.user()
    fields.out["links"] = read_links(fields.items("links"))


def _read_content(fields: Fields, kinds: tuple[type, ...]) -> None:
    content = fields.given.get("content")
    if content is None or isinstance(content, kinds):
        fields.out["content"] = content
    else:
        fields.wrong("content", "must be a string" if kinds == (str,) else "must be a string or an array of parts")


def _refuse_repeated_ids(messages: Sequence[Mapping[str, Any]]) -> None:
    """Two messages with one id could not be told apart by feedback: 422."""
    seen: set[str] = set()
    for place, message in enumerate(messages):
        name = message.get("id")
        if name in seen:
            raise ApiError(422, f"two messages have the id {name!r}", [fault(f"/messages/{place}/id", "is repeated")])
        if name is not None:
            seen.add(name)


# ── what the server answers ─────────────────────────────────────────────────────────────────────────────────────────


def emit_conversation(record: Mapping[str, Any]) -> dict[str, Any]:
    """The answer form of a conversation record with `id`, `type`, times and messages; other fields may be absent."""
    nullable = ("externalId", "externalUrl", "supportTicketConversationId", "projectId", "integrationId")
    answer = {
        "id": record["id"],
        "type": record["type"],
        **{name: record.get(name) for name in (*nullable, "properties", "userProperties", "tags")},
        "visibility": record.get("visibility") or "private",
        "createdAt": time_text(record["createdAt"]),
        "updatedAt": time_text(record["updatedAt"]),
        "messages": [emit_message(message, record) for message in record["messages"]],
    }
    if record["type"] == "openai":
        answer["messagesOpenAIFormat"] = [_emit_openai(message) for message in record["messages"]]
    return answer


def emit_message(message: Mapping[str, Any], conversation: Mapping[str, Any]) -> dict[str, Any]:
    """The answer form of one message of a conversation record."""
    nullable = ("externalId", "externalUrl", "name", "links", "properties", "userProperties")
    answer = {
        "id": message["id"],
        "type": conversation["type"],
        "conversationId": conversation["id"],
        "role": message["role"],
        "content": message["content"],
        **{name: message.get(name) for name in nullable},
        "createdAt": time_text(message["createdAt"]),
        "updatedAt": time_text(message["updatedAt"]),
    }
    if conversation["type"] == "openai":
        answer["tool_calls"] = message.get("tool_calls")
    return answer


def _emit_openai(message: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: message.get(name) for name in ("role", "content", "name", "tool_calls")}
    return {name: value for name, value in told.items() if value is not None}
