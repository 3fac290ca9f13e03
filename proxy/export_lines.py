"""A conversation as lines of a file: JSONL, or CSV that a spreadsheet can open without running what is in it. Pure.

JSONL: a conversation a line, as `GET /conversations/{id}` answers. CSV (RFC 4180): a message a line. A cell that begins
as a formula does gets a `'` before it (OWASP, "CSV Injection"): spreadsheets then show it as text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from .core.cells import csv_lines as written
from .core.cells import safe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COLUMNS = (
    "conversationId", "userId", "place", "messageId", "createdAt", "role", "name", "content", "toolCalls", "model",
    "interrupted", "properties", "conversationProperties",
)  # fmt: skip


def jsonl(conversation: Mapping[str, Any]) -> bytes:
    """One line."""
    return orjson.dumps(conversation) + b"\n"


def heading() -> bytes:
    """The first line of a CSV file."""
    return written([list(COLUMNS)])


def csv_lines(conversation: Mapping[str, Any]) -> bytes:
    """A line for each message."""
    return written(
        [safe(cell) for cell in _cells(conversation, place)] for place in range(len(conversation["messages"]))
    )


def _cells(conversation: Mapping[str, Any], place: int) -> Iterator[str]:
    message = conversation["messages"][place]
    properties = message["properties"] or {}
    user = conversation["userProperties"] or {}
    yield conversation["id"]
    yield str(user.get("userId") or user.get("id") or "")
    yield str(place)
    yield message["id"]
    yield message["createdAt"]
    yield message["role"]
    yield message["name"] or ""
    yield _text(message["content"])
    yield _text(message.get("tool_calls"))
    yield str(properties.get("model") or "")
    yield str(properties.get("interrupted") or "")
    yield _text(properties)
    yield _text(conversation["properties"])


def _text(value: Any) -> str:
    """A text as it is, nothing as nothing, all else as JSON."""
    return value if isinstance(value, str) else orjson.dumps(value).decode() if value else ""
