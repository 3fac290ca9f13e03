"""How templates write values: times, numbers, ids in paths, queries. Filters of Jinja's.

A time is text that anybody can read, in UTC; a script of the frame puts it into the reader's zone. The exact one is shown
when pointed at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from markupsafe import Markup, escape

from ..core.spans import size_text, span_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def segment(name: str) -> str:
    """An id as one segment of a path."""
    return quote(name, safe="")


def query(asked: Mapping[str, str], **changes: Any) -> str:
    """A request's query as a query string with its `?`, some of it changed; what is empty is left out."""
    told = [(name, value) for name, value in asked.items() if name not in changes and value]
    told += [(name, value) for name, value in changes.items() if value not in ("", None)]
    return f"?{urlencode(told)}" if told else ""


def sessions(narrow: Mapping[str, str | list[str]]) -> str:
    """Where the list shows the sessions that figures speak of."""
    return f"/chats?{urlencode(narrow, doseq=True)}"


def when(iso: str, show: str = "minute") -> Markup:
    """A time of the wire format; shown are its `minute` with the day, its `day`, or its `time` of day."""
    iso, show = escape(iso), escape(show)
    shown = iso[:10] if show == "day" else f"{iso[11:16]} UTC" if show == "time" else f"{iso[:10]} {iso[11:16]} UTC"
    exact = f"{iso[:10]} {iso[11:].removesuffix('Z')} UTC"
    return Markup(f'<time datetime="{iso}" title="{exact}" data-show="{show}">{shown}</time>')  # noqa: S704 - escaped above


def whole(number: float | None) -> str:
    """A number without its fraction, in groups of three; a dash where there is none."""
    return "–" if number is None else f"{number:,.0f}"  # noqa: RUF001 - a dash is meant


def seconds(milliseconds: float | None) -> str:
    """A duration as a person says it; a dash where there is none."""
    if milliseconds is None:
        return "–"  # noqa: RUF001 - a dash is meant
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds / 1000:.1f} s" if milliseconds < 60_000 else f"{milliseconds / 60_000:.1f} min"


def money(dollars: float | None) -> str:
    """US dollars; of less than one, more digits."""
    if dollars is None:
        return "unknown"
    return f"${dollars:,.2f}" if dollars >= 1 or dollars == 0 else f"${dollars:.4f}"


FILTERS: dict[str, Callable[..., Any]] = {
    "segment": segment,
    "query": query,
    "sessions": sessions,
    "when": when,
    "whole": whole,
    "seconds": seconds,
    "money": money,
    "span": span_text,
    "size": size_text,
}
