"""What the list shows of one conversation, made of whatever was logged; the same in the page, its JSON and its CSV."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..core.fields import time_text
from ..core.tally import usd_of
from .plain import dicts, word
from .rows import json_value
from .views import user_of

if TYPE_CHECKING:
    from collections.abc import Mapping

COLUMNS = (
    "id", "changed", "began", "question", "turns", "user", "model", "tags", "positive", "negative", "why",
    "interrupted", "refused", "tokens", "costUsd", "kind",
)  # fmt: skip


def session_view(line: Mapping[str, Any]) -> dict[str, Any]:
    """One of `Sessions.lines`.

    `tokens` and `costUsd` are None where they are not known, `kind` is empty for what a user held, `why` says of thumbs down what was
    said with them.
    """
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
        "why": " · ".join(filter(None, map(_why, dicts(line["disliked"])))),
        "interrupted": bool(line["interrupted"]),
        "refused": bool(line["refused"]),
        "tokens": None if tokens is None or not math.isfinite(tokens) else int(tokens),
        "costUsd": usd_of(line["cost"]),
        "kind": word(properties.get("kind")),
    }


def _why(feedback: Mapping[str, Any]) -> str:
    """Reasons with what was said of each, and what was said besides; empty where nothing was."""
    reasons = dicts(json_value(feedback["reasons"]))
    told = [
        ": ".join(filter(None, (word(one.get("label")).replace("_", " "), word(one.get("details"))))) for one in reasons
    ]
    return "; ".join(filter(None, (*told, word(feedback["details"]))))
