"""What the list shows of one conversation, made of whatever was logged; the same in the page, its JSON and its CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.fields import time_text
from .plain import word
from .views import user_of

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS = (
    "id", "changed", "began", "question", "turns", "user", "model", "tags", "positive", "negative", "interrupted",
    "refused", "tokens", "kind",
)  # fmt: skip


def session_view(line: Mapping[str, Any]) -> dict[str, Any]:
    """One of `Sessions.lines`; `tokens` is None where they are not known, `kind` is empty for what a user held."""
    properties, tags = line["properties"] or {}, line["tags"] or []
    tokens = line["tokens"]
    return {
        "id": line["id"],
        "changed": time_text(line["updated_at"]),
        "began": time_text(line["created_at"]),
        "question": line["question"],
        "turns": line["user_message_count"],
        "user": user_of(line["user_properties"] or {}),
        "model": word(properties.get("model")),
        "tags": tags,
        "positive": line["positive"],
        "negative": line["negative"],
        "interrupted": bool(line["interrupted"]),
        "refused": bool(line["refused"]),
        "tokens": None if tokens is None else int(tokens),
        "kind": word(properties.get("kind")),
    }
