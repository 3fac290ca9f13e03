"""The list of conversations: those that pass a filter, last changed first, a page at a time.

    (asked, page) ──► find (`finding.py`) ──► ids of the page, how many pass in all, where the next page begins
                                                   │
                 answers (API: whole conversations)    lines, every_line (pages, their export: what a list shows of each)

Works of a transaction that only read, in bounded time (`ApiError` 422).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import conversations, rows
from .finding import every_id, find

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..core.session_filter import Page, SessionFilter
    from ..db.sqlite import Tx

#: What people see counted; to count all that there are would take the longer, the more there are.
COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Sessions:
    """A page of the list as people see it."""

    #: Columns of the conversations, with their `positive` and `negative` feedback counted; JSON is read.
    lines: list[dict[str, Any]]
    #: How many pass the filter, on all pages; None: more than `counted`.
    total: int | None
    counted: int
    #: The `cursor` of the next page; None: this is the last.
    next: str | None


def answers(tx: Tx, asked: SessionFilter, page: Page, most: int = conversations.BYTES_LIMIT) -> dict[str, Any]:
    """A page in the list envelope; beside what the format has, `nextCursor` where the list goes on."""
    found = find(tx, asked, page)
    conversations.refuse_large(tx, [place.id for place in found.places], most)
    told = [conversations.told(tx, place.id) for place in found.places]
    envelope = {"conversations": told, "total": found.counted, "pageSize": page.limit, "count": len(told)}
    return envelope if found.next is None else {**envelope, "nextCursor": found.next}


def lines(tx: Tx, asked: SessionFilter, page: Page) -> Sessions:
    """A page as people see it."""
    found = find(tx, asked, page, COUNTED)
    told = [_line(tx, place.id) for place in found.places]
    return Sessions(told, found.counted if found.is_all else None, found.counted, found.next)


def every_line(tx: Tx, asked: SessionFilter) -> Iterator[dict[str, Any]]:
    """All that pass a filter, as people see them, one after the other."""
    for name in every_id(tx, asked):
        yield _line(tx, name)


def _line(tx: Tx, name: str) -> dict[str, Any]:
    line = dict(tx.all("session", id=name)[0])
    for column in ("properties", "user_properties", "tags", "disliked"):
        line[column] = rows.json_value(line[column])
    return line
