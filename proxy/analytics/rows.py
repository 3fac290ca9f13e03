"""Rows and records: what a table holds, and the same as the wire format says it.

A record is a dict with the format's field names (see `core/wire.py`). Here its fields get their columns, JSON where
they are not plain; a record that comes back from its row is equal to the one that went in, absent fields as None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

#: Characters of the first question that lists show.
QUESTION_LIMIT = 300

_SAME = ("id", "type", "role", "name", "links", "tool_calls", "properties", "reasons", "details", "sources", "tags")
_COLUMNS = {name: name for name in (*_SAME, "visibility")} | {
    "externalId": "external_id",
    "externalUrl": "external_url",
    "supportTicketConversationId": "support_ticket_conversation_id",
    "projectId": "project_id",
    "integrationId": "integration_id",
    "userProperties": "user_properties",
    "createdAt": "created_at",
    "updatedAt": "updated_at",
    "messageId": "message",
    "conversationId": "conversation",
    "entityType": "entity_type",
    "searchQuery": "search_query",
}
_JSON = frozenset(
    ("links", "tool_calls", "properties", "userProperties", "reasons", "sources", "tags"),
)
_CONVERSATION = (
    "id", "type", "externalId", "externalUrl", "supportTicketConversationId", "projectId", "integrationId",
    "visibility", "properties", "userProperties", "tags", "createdAt", "updatedAt",
)  # fmt: skip
_MESSAGE = (
    "id", "role", "name", "tool_calls", "links", "properties", "userProperties", "externalId", "externalUrl",
    "createdAt", "updatedAt",
)  # fmt: skip
_FEEDBACK = (
    "id", "type", "messageId", "conversationId", "reasons", "details", "sources", "properties", "userProperties",
    "createdAt", "updatedAt",
)  # fmt: skip
_EVENT = (
    "id", "type", "entityType", "messageId", "conversationId", "searchQuery", "projectId", "integrationId",
    "properties", "userProperties", "createdAt",
)  # fmt: skip


def conversation_row(record: Mapping[str, Any], rev: int | None) -> dict[str, Any]:
    """The columns of a conversation whose messages have their times; what lists show is taken from the messages."""
    messages = record["messages"]
    return _row(record, _CONVERSATION) | {
        "rev": rev,
        "first_message_time": min(message["createdAt"] for message in messages),
        "user_message_count": sum(message["role"] == "user" for message in messages),
        "question": _question(messages),
        "interrupted": int(any((message.get("properties") or {}).get("interrupted") for message in messages)),
    }


def conversation_record(row: sqlite3.Row, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A conversation with its messages."""
    return _record(row, _CONVERSATION) | {"messages": list(messages)}


def message_row(record: Mapping[str, Any], conversation: str, place: int, *, id_given: bool) -> dict[str, Any]:
    """The columns of a message."""
    content = record["content"]
    items = isinstance(content, list)
    return _row(record, _MESSAGE) | {
        "conversation": conversation,
        "place": place,
        "id_given": int(id_given),
        "text": text_of(content) if items else content,
        "items": orjson.dumps(content).decode() if items else None,
    }


def message_record(row: sqlite3.Row) -> dict[str, Any]:
    """A message."""
    items = json_value(row["items"])
    content = row["text"] if items is None else items
    return _record(row, _MESSAGE) | {"content": content}


def feedback_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of feedback; its author is who the user properties say it is."""
    return _row(record, _FEEDBACK) | {"author": author_of(record)}


def feedback_record(row: sqlite3.Row) -> dict[str, Any]:
    """Feedback."""
    return _record(row, _FEEDBACK)


def event_row(record: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of an event."""
    return _row(record, _EVENT)


def event_record(row: sqlite3.Row) -> dict[str, Any]:
    """An event."""
    return _record(row, _EVENT)


def author_of(feedback: Mapping[str, Any]) -> str | None:
    """Who gave feedback, as far as it says so."""
    user = feedback.get("userProperties") or {}
    author = user.get("id") if user.get("id") is not None else user.get("userId")
    return None if author is None else str(author)


def text_of(content: Any) -> str:
    """The text of a public content."""
    if isinstance(content, list):
        return "\n".join(item["text"] for item in content if item["type"] == "text")
    return content or ""


def json_value(text: str | None) -> Any:
    """A JSON column's value; nothing where the disk has damaged it: the rest of the row, and all others, are told."""
    try:
        return None if text is None else orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _question(messages: Sequence[Mapping[str, Any]]) -> str:
    """The beginning of the first thing a user said (or anybody, where there is no user), on one line."""
    asked = (message for message in messages if message["role"] == "user")
    spoken = (message for message in messages if message["content"])
    first = next(asked, None) or next(spoken, messages[0])
    words = " ".join(text_of(first["content"])[: QUESTION_LIMIT * 4].split())
    return words if len(words) <= QUESTION_LIMIT else f"{words[: QUESTION_LIMIT - 1]}…"


def _row(record: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    row = {}
    for name in names:
        value = record.get(name)
        row[_COLUMNS[name]] = orjson.dumps(value).decode() if name in _JSON and value is not None else value
    return row


def _record(row: sqlite3.Row, names: Sequence[str]) -> dict[str, Any]:
    return {name: json_value(row[_COLUMNS[name]]) if name in _JSON else row[_COLUMNS[name]] for name in names}
