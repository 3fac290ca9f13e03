"""Times as people write them on a command line, and spans as they read them. Pure; `ValueError` says what is allowed."""

from __future__ import annotations

import re
from datetime import UTC, datetime

#: Seconds of each unit, the largest first.
_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_SPAN = re.compile(r"(\d{1,9})([dhms])", re.ASCII)
#: From how many seconds on a span is told in a unit: "41 h" says more than "1 d".
_TOLD_IN = (("d", "d", 3 * 86_400), ("h", "h", 2 * 3_600), ("m", "min", 2 * 60))


def span_seconds(text: str) -> int:
    """`90s`, `30m`, `36h` or `7d` in seconds."""
    found = _SPAN.fullmatch(text)
    if not found:
        raise ValueError(f'found "{text}"; allowed: a span such as 90s, 30m, 36h or 7d')
    return int(found[1]) * _UNITS[found[2]]


def moment(text: str, now: int) -> int:
    """
    A date, a time (ISO 8601, UTC unless it says otherwise) or how long ago (`7d`), in unix milliseconds.

    `now` is in unix milliseconds too.
    """
    if _SPAN.fullmatch(text):
        return now - span_seconds(text) * 1000
    try:
        when = datetime.fromisoformat(text)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)
        return round(when.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise ValueError(
            f'found "{text}"; allowed: 2026-01-31, 2026-01-31T18:00Z, or how long ago, such as 7d'
        ) from None


def span_text(seconds: float) -> str:
    """A span in one number and its unit: `41 h`, `3 d`."""
    for unit, word, least in _TOLD_IN:
        if seconds >= least:
            return f"{int(seconds // _UNITS[unit]):,} {word}"
    return f"{int(max(seconds, 0))} s"


def size_text(size: float) -> str:
    """So many bytes in one number and its unit: `12 KB`, `1.4 GB`."""
    for unit in ("B", "KB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if size >= 10 or unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"
