"""Analytics: how much, how fast, how well, at what price; by time and by a mark, beside the period before.

The URL is the query (`core/figure_question.py`); every bucket and every group says by which query the list shows its
sessions (`narrow`). Figures are read in bounded time, and only so many at once, as queries are (`asking.py`).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..core.buckets import DAY_MS, bucket_after
from ..core.fields import time_text
from ..core.figure_question import read_question, unit_for
from ..core.session_filter import REPEATED
from ..core.tally import figures as told
from .charts import analytics_view
from .chosen import chosen_by
from .figures import Asked, earlier, figures, span
from .frame import Page
from .questions import in_time

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from aiohttp import web

    from ..core.figure_question import FigureQuestion
    from ..db.sqlite import Tx
    from .frame import Frame
    from .store import Store

    Narrow = dict[str, str | list[str]]

#: Figures of a filter over everything sum millions of rows; a reader is not to be kept longer.
SECONDS = 10.0
#: Of the database's readers, so many may sum at once.
AT_ONCE = 2
#: How far a period without a begin goes back, whatever some client took for the time.
_OPEN_MS = 60 * 365 * DAY_MS
#: Parameters that the list does not have, or means differently.
_NOT_OF_THE_LIST = ("range", "from", "to", "unit", "by")


class FiguresPage:
    """The page."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._turns = asyncio.Semaphore(AT_ONCE)

    def attach(self, app: web.Application, frame: Frame) -> None:
        """Adds it."""
        frame.add(
            app,
            Page("/analytics", "analytics.html", self._look, self._table, arrange=_arranged, tab="Analytics"),
        )

    async def _look(self, request: web.Request) -> dict[str, Any]:
        now = self._store.now()
        question = read_question(request.query, now)
        async with self._turns:
            return await self._store.read(lambda tx: answered(tx, question, now, request.query))

    async def _table(self, request: web.Request) -> AsyncIterator[Sequence[Any]]:
        answer = await self._look(request)
        names = [name for name in answer["total"] if name != "narrow"]
        yield ["row", "of", *names]
        for row, of, values in _rows(answer):
            yield [row, of, *(values[name] for name in names)]


def answered(tx: Tx, question: FigureQuestion, now: int, query: Mapping[str, str]) -> dict[str, Any]:
    """The whole answer, as JSON has it; `ApiError` 400 and 422."""
    with in_time(tx, SECONDS):
        since, until = ends(tx, question, now)
        asked = _asked(tx, question, since, until)
        found = figures(tx, asked)
        period = question.period.before()
        before: dict[str, Any] | None = None
        groups: dict[str | None, dict[str, Any]] = {}
        if period is not None:
            before, groups = earlier(tx, _asked(tx, question, period.since or 0, period.until or 0))
    kept = narrow_of(query, since, until)
    return {
        "period": {"name": question.period.name, "from": time_text(since), "to": time_text(until)},
        "unit": asked.unit,
        "by": question.by,
        "total": told(found.total, found.newcomers) | {"narrow": kept},
        "before": before,
        "series": [
            {"start": time_text(start)}
            | told(tally, found.newcomers_of.get(start, set()))
            | {"narrow": kept | _during(max(start, since), min(bucket_after(start, asked.unit), until))}
            for start, tally in found.series.items()
        ],
        "groups": [
            {"name": name}
            | told(tally, found.newcomers)
            | {"narrow": _of_group(question, name, kept), "before": groups.get(name)}
            for name, tally in found.top()
        ],
    }


def ends(tx: Tx, question: FigureQuestion, now: int) -> tuple[int, int]:
    """From when to when; what is open ends with the first and the last session, as far as clocks can be believed."""
    since, until = question.period.since, question.period.until
    first, last = span(tx) or (now, now)
    if since is None:
        since = min(max(first, now - _OPEN_MS), now)
    if until is None:
        until = max(now, min(last, now + DAY_MS)) + 1
    return since, until


def _asked(tx: Tx, question: FigureQuestion, since: int, until: int) -> Asked:
    """What is asked of the store; marks alone need no filter."""
    among = question.asked.among
    endpoint = among.endpoint if among else None
    rest = replace(question.asked, model=None, among=replace(among, endpoint=None) if among else None)
    chosen = chosen_by(tx, rest, since, until)
    marks: dict[str, str | None] = {"model": question.asked.model, "endpoint": endpoint}
    return Asked(
        since,
        until,
        unit_for(question, since, until),
        chosen,
        with_side=question.with_side,
        by=question.by,
        property=question.property,
        **marks,
    )


def narrow_of(query: Mapping[str, str], since: int, until: int) -> Narrow:
    """The list's query for the sessions of a page's query; what may be given more than once is a list."""
    kept: Narrow = {
        name: value for name, value in query.items() if value and name not in (*_NOT_OF_THE_LIST, *REPEATED)
    }
    for name in REPEATED:
        if values := [value for other, value in query.items() if other == name and value]:
            kept[name] = values
    return kept | _during(since, until)


def _during(since: int, until: int) -> Narrow:
    return {"began": time_text(since), "before": time_text(until)}


def _of_group(question: FigureQuestion, name: str | None, narrow: Narrow) -> Narrow | None:
    """The list's query for a group; None where a list cannot say it: that something is not there."""
    if not name:
        return None
    if question.property is not None:
        return narrow | {"property": [*narrow.get("property", ()), f"{question.property}={name}"]}
    return narrow | {question.by: name}


def _rows(answer: Mapping[str, Any]) -> list[tuple[str, str | None, Mapping[str, Any]]]:
    rows: list[tuple[str, str | None, Mapping[str, Any]]] = [("total", "", answer["total"])]
    rows += [("before", "", answer["before"])] if answer["before"] else []
    rows += [(answer["unit"], one["start"], one) for one in answer["series"]]
    return rows + [(answer["by"], one["name"], one) for one in answer["groups"]]


async def _arranged(answer: dict[str, Any]) -> dict[str, Any]:
    return answer | analytics_view(answer)
