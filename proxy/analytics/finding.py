"""The places of a list: those of one page, and how many there are, out of whichever index leads to them soonest (`ways.py`).

The first of equal times is the smaller id, so that a page after a place neither repeats nor leaves out what stood still.
The SELECT is made of fixed parts; everything that somebody asked for is bound. Who says up to how many are to be counted
has them counted among the first of an index only, where what passes cannot be told from its entries: to count further
would take the longer, the more conversations there are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..core.query_fields import CONVERSATIONS
from ..core.session_filter import OFFSET_LIMIT, Page, Place, cursor_of
from .demands import demands_of
from .places import behind, cut, within
from .questions import in_time
from .searching import search_by
from .statements import Statement
from .ways import way_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..core.session_filter import SessionFilter
    from ..db.sqlite import Tx
    from .ways import Way

#: A list that takes longer holds one of few readers; of a million messages, one takes less than one.
SECONDS = 10.0
#: So many entries of an index are looked at, to count those that pass.
LOOKED_AT = 500


@dataclass(frozen=True, slots=True)
class Found:
    """A page's places."""

    places: list[Place]
    #: How many pass the filter, on all pages; or, when not `is_all`, more than so many.
    counted: int
    is_all: bool
    #: The `cursor` of the next page; None: this is the last.
    next: str | None


def find(tx: Tx, asked: SessionFilter, page: Page, most: int | None = None) -> Found:
    """The page, out of one place more than it has, and how many pass; counting may end at `most`. `ApiError` 422."""
    with in_time(tx, SECONDS):
        if asked.words and most is not None and (searching := search_by(tx, asked)):
            told, counted, is_all = searching.page(tx, page, most)
        else:
            told = [Place(*row) for row in _ask(tx, _select(tx, asked, page))]
            is_all = len(told) <= page.limit and page.after is None and bool(told or not page.offset)
            counted = page.offset + len(told)
            if not is_all:
                counted, is_all = _total(tx, asked, most)
    places = told[: page.limit]
    counted = counted if is_all else max(counted, len(places))
    return Found(places, counted, is_all, cursor_of(places[-1]) if len(told) > page.limit > 0 else None)


def every_id(tx: Tx, asked: SessionFilter) -> Iterator[str]:
    """All that pass."""
    return (row["id"] for row in _ask(tx, _select(tx, asked, Page(OFFSET_LIMIT))))


def _select(tx: Tx, asked: SessionFilter, page: Page) -> Statement:
    """The places of a page, and one more where the list goes on, as an index has them."""
    statement = Statement(CONVERSATIONS)
    way = _way(tx, statement, asked)
    index = way.index
    way = way.narrowed(behind(statement, page, index.changed, index.conversation))
    statement.text = (
        f"SELECT {index.changed} AS updated_at, {index.conversation} AS id {way.rows()} "
        f"{cut(statement, page, index.changed, index.conversation)}"
    )
    return statement


def _total(tx: Tx, asked: SessionFilter, most: int | None) -> tuple[int, bool]:
    """How many pass a filter, and whether those are all."""
    statement = Statement(CONVERSATIONS)
    way = _way(tx, statement, asked)
    is_all = True
    if most is not None and way.rest:
        statement.text = (
            f"SELECT {way.index.changed} {replace(way, rest=()).rows()} "
            f"ORDER BY {way.index.changed} DESC LIMIT 1 OFFSET {LOOKED_AT}"
        )
        for (changed,) in _ask(tx, statement):
            way, is_all = way.narrowed([f"{way.index.changed} > {statement.bind(changed)}"]), False
    limit = statement.bind(OFFSET_LIMIT if most is None else most + 1)
    statement.text = f"SELECT count(*) FROM (SELECT 1 {way.rows()} LIMIT {limit})"  # noqa: S608 - fixed parts only
    ((total,),) = _ask(tx, statement)
    return (most, False) if most is not None and total > most else (int(total), is_all)


def _way(tx: Tx, statement: Statement, asked: SessionFilter) -> Way:
    """How those that pass a filter are found."""
    way = way_to(tx, statement, demands_of(tx, statement, asked), side=asked.side)
    return way.narrowed(within(statement, asked, way.index.changed))


def _ask(tx: Tx, statement: Statement) -> Iterator[Any]:
    return tx.ask(statement.text, statement.values)
