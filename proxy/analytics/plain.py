"""Values that anybody may have sent, taken for what they are: words, numbers, objects, or nothing."""

from __future__ import annotations

from typing import Any

import orjson


def word(value: Any) -> str:
    """A string or number as text; nothing for anything else."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def number(value: Any) -> float | None:
    """A number; None for anything else."""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def dicts(value: Any) -> list[dict[str, Any]]:
    """The objects in a list; none for anything else."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def pretty(value: Any) -> str:
    """A JSON value on several lines."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def pretty_text(text: str) -> str:
    """A text that is a JSON object or array, on several lines; any other as it is."""
    if text[:1] not in ("{", "["):
        return text
    try:
        return pretty(orjson.loads(text))
    except (ValueError, TypeError):  # not JSON after all, or too deep to write
        return text
