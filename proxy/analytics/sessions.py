"""The list of conversations: those that pass a filter, last changed first, a page at a time.

    (asked, page) ──► find ──► ids of the page, how many pass in all, where the next page begins
                                    │
            answers (API: whole conversations)    lines, every_line (pages, their export: what a list shows of each)

Works of a transaction that only read, in bounded time (`ApiError` 422). The first of equal times is the smaller id, so
that a page after a place neither repeats nor leaves out what stood still. The SELECT is made of fixed parts; everything
that somebody asked for is bound. What passes is read off the index that leads to it soonest (`ways.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..core.query_fields import CONVERSATIONS
from ..core.session_filter import OFFSET_LIMIT, Page, Place, cursor_of
from . import conversations, rows
from .demands import demands_of
from .questions import in_time
from .statements import Statement
from .ways import way_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..core.session_filter import SessionFilter
    from ..db.sqlite import Tx
    from .ways import Way

#: A list that takes longer holds one of few readers; of a million messages, one takes less than one.
SECONDS = 10.0
#: What people see counted; to count all that there are would take the longer, the more there are.
COUNTED = 1000


@dataclass(frozen=True, slots=True)
class Sessions:
    """A page of the list as people see it."""

    #: Columns of the conversations, with their `positive` and `negative` feedback counted; JSON is read.
    lines: list[dict[str, Any]]
    #: How many pass the filter, on all pages; None: more than `COUNTED`.
    total: int | None
    #: The `cursor` of the next page; None: this is the last.
    next: str | None


@dataclass(slots=True)
class _Found:
    places: list[Place] = field(default_factory=list)
    total: int = 0
    next: str | None = None


def answers(tx: Tx, asked: SessionFilter, page: Page, most: int = conversations.BYTES_LIMIT) -> dict[str, Any]:
    """A page in the list envelope; beside what the format has, `nextCursor` where the list goes on."""
    found = _find(tx, asked, page)
    conversations.refuse_large(tx, [place.id for place in found.places], most)
    told = [conversations.told(tx, place.id) for place in found.places]
    envelope = {"conversations": told, "total": found.total, "pageSize": page.limit, "count": len(told)}
    return envelope if found.next is None else {**envelope, "nextCursor": found.next}


def lines(tx: Tx, asked: SessionFilter, page: Page) -> Sessions:
    """A page as people see it."""
    found = _find(tx, asked, page, COUNTED + 1)
    told = [_line(tx, place.id) for place in found.places]
    return Sessions(told, found.total if found.total <= COUNTED else None, found.next)


def every_line(tx: Tx, asked: SessionFilter) -> Iterator[dict[str, Any]]:
    """All that pass a filter, as people see them, one after the other."""
    statement = _select(tx, asked, Page(OFFSET_LIMIT))
    for row in tx.ask(statement.text, statement.values):
        yield _line(tx, row["id"])


def _line(tx: Tx, name: str) -> dict[str, Any]:
    line = dict(tx.all("session", id=name)[0])
    for column in ("properties", "user_properties", "tags", "disliked"):
        line[column] = rows.json_value(line[column])
    return line


def _find(tx: Tx, asked: SessionFilter, page: Page, most: int = OFFSET_LIMIT) -> _Found:
    """The page, out of one place more than it has, and how many pass; counting may end at `most`."""
    with in_time(tx, SECONDS):
        statement = _searched(tx, asked, page) if asked.words else _select(tx, asked, page)
        told = list(tx.ask(statement.text, statement.values))
        total = told[0]["total"] if told and asked.words else _total(tx, asked, most)
    places = [Place(row["updated_at"], row["id"]) for row in told[: page.limit]]
    return _Found(places, total, cursor_of(places[-1]) if len(told) > page.limit > 0 else None)


def _select(tx: Tx, asked: SessionFilter, page: Page) -> Statement:
    """The places of a page, and one more where the list goes on, as an index has them."""
    statement = Statement(CONVERSATIONS)
    way = _way(tx, statement, asked)
    index = way.index
    way.conditions.extend(_behind(statement, page, index.changed, index.conversation))
    statement.text = (
        f"SELECT {index.changed} AS updated_at, {index.conversation} AS id {way.rows()} "
        f"{_cut(statement, page, index.changed, index.conversation)}"
    )
    return statement


def _searched(tx: Tx, asked: SessionFilter, page: Page) -> Statement:
    """The same where words are looked for: all that pass must be found before the first is known, so that they are counted as well."""
    statement = Statement(CONVERSATIONS)
    way = _way(tx, statement, asked)
    passing = f"SELECT {way.index.changed} AS updated_at, {way.index.conversation} AS id {way.rows()}"
    behind = " AND ".join(_behind(statement, page, "updated_at", "id")) or "1 = 1"
    statement.text = (
        f"WITH v AS MATERIALIZED ({passing}) "  # noqa: S608 - fixed parts only
        f"SELECT updated_at, id, (SELECT count(*) FROM v) AS total FROM v WHERE {behind} "
        f"{_cut(statement, page, 'updated_at', 'id')}"
    )
    return statement


def _total(tx: Tx, asked: SessionFilter, most: int) -> int:
    """How many pass a filter; counting ends at `most`."""
    statement = Statement(CONVERSATIONS)
    way = _way(tx, statement, asked)
    statement.text = f"SELECT count(*) FROM (SELECT 1 {way.rows()} LIMIT {statement.bind(most)})"  # noqa: S608 - fixed parts only
    ((total,),) = tx.ask(statement.text, statement.values)
    return int(total)


def _way(tx: Tx, statement: Statement, asked: SessionFilter) -> Way:
    """How those that pass a filter are found."""
    way = way_to(tx, statement, demands_of(tx, statement, asked), side=asked.side)
    bounds = ((">=", asked.since), ("<", asked.until))
    way.conditions.extend(
        f"{way.index.changed} {compared} {statement.bind(value)}" for compared, value in bounds if value is not None
    )
    return way


def _behind(statement: Statement, page: Page, changed: str, name: str) -> list[str]:
    """The condition of those after a page's place."""
    if page.after is None:
        return []
    at, after = statement.bind(page.after.updated_at), statement.bind(page.after.id)
    return [f"{changed} <= {at} AND ({changed} < {at} OR {name} > {after})"]


def _cut(statement: Statement, page: Page, changed: str, name: str) -> str:
    """The order of the list, and a page of it."""
    return (
        f"ORDER BY {changed} DESC, {name} LIMIT {statement.bind(page.limit + 1)} OFFSET {statement.bind(page.offset)}"
    )
