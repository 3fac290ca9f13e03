"""Insights: what people ask, and where help failed; each row leads to its sessions. The URL is the query."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..core.fields import time_text
from ..core.figure_question import check_span, read_question
from .chosen import chosen_by
from .figures_page import AT_ONCE, SECONDS, ends, narrow_of
from .frame import Page
from .gathering import ALL
from .insights import insights
from .questions import in_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from aiohttp import web

    from ..core.figure_question import FigureQuestion
    from ..db.sqlite import Tx
    from .frame import Frame
    from .store import Store

#: What somebody looks at every morning; a longer time costs as much more as it has sessions.
DEFAULT_RANGE = "7d"
_COLUMNS = ("question", "failed", "by", "reason", "url", "title", "search", "times", "sessions", "disliked")


class InsightsPage:
    """The page."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turns = asyncio.Semaphore(AT_ONCE)

    def attach(self, app: web.Application, frame: Frame) -> None:
        """Adds it."""
        frame.add(app, Page("/insights", "insights.html", self._look, self._table, tab="Insights"))

    async def _look(self, request: web.Request) -> dict[str, Any]:
        now = self._store.now()
        question = read_question(request.query, now, DEFAULT_RANGE)
        async with self._turns:
            return await self._store.read(lambda tx: _answered(tx, question, now, request.query))

    async def _table(self, request: web.Request) -> AsyncIterator[Sequence[Any]]:
        answer = await self._look(request)
        yield ["list", *_COLUMNS]
        for name, rows in answer["lists"].items():
            for row in rows:
                yield [name, *(row.get(column) for column in _COLUMNS)]


def _answered(tx: Tx, question: FigureQuestion, now: int, query: Mapping[str, str]) -> dict[str, Any]:
    with in_time(tx, SECONDS):
        since, until = ends(tx, question, now)
        check_span(since, until)
        chosen = chosen_by(tx, question.asked, since, until, by_week=True) or ALL
        lists = insights(tx, chosen if question.with_side else chosen.without_side(), since, until)
    narrow = narrow_of(query, since, until)
    for rows in lists.values():
        for row in rows:
            row["narrow"] = narrow | row["narrow"]
    return {
        "period": {"name": question.period.name, "from": time_text(since), "to": time_text(until)},
        "lists": lists,
    }
