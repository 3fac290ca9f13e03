"""Questions about what was logged, answered: queries, keys and values of properties, and what was searched for.

Works of a transaction that only read, each in bounded time and space: what takes or tells more than the `Limits` is
refused with 422, never with a 5xx, which the official SDK would repeat for an hour. A key is left out where there is no value, as the
official SDK wants it.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from ..core.content import json_text
from ..core.fields import time_text
from ..core.query import Source
from ..core.query_fields import JSON, TIME
from ..errors import ApiError, DatabaseInterrupted
from . import statements

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator

    from ..core.query import Column, Query
    from ..core.query_fields import View
    from ..core.query_properties import Properties
    from ..db.sqlite import Tx
    from .statements import Statement

#: What a spreadsheet, and JavaScript, still count in ones.
_EXACT = 2**53


@dataclass(frozen=True, slots=True)
class Limits:
    """What one question may take of the server that all share."""

    #: A query that takes longer holds one of few readers; with the indexes, a month of a million messages takes less
    #: than one.
    seconds: float = 10.0
    #: Stored text in one answer.
    bytes: int = 32 * 1024 * 1024
    #: Nobody waits for a chart here; a million rows take less.
    export_seconds: float = 60.0
    #: A file of more would fill the disk that conversations are kept on.
    export_bytes: int = 1024 * 1024 * 1024
    #: Keys that are ids would each become a column of an export.
    export_columns: int = 1000
    #: Exports that are written or sent at once: each has a file.
    exports: int = 4
    #: A client that reads this slowly has gone.
    send_seconds: float = 900.0
    #: Questions that wait for their turn, those that are being answered too.
    waiting: int = 64


def answer(tx: Tx, query: Query, limits: Limits) -> bytes:
    """A query's rows in the envelope, as JSON."""
    with in_time(tx, limits.seconds):
        rows = []
        size = 0
        tell = teller(query)
        for row in _asked(tx, statements.select(query)):
            size += sum(len(value) for value in row if isinstance(value, str))
            if size > limits.bytes:
                raise ApiError(422, "the answer is too large: select fewer fields, or ask for fewer rows with limit")
            rows.append({key: value for key, value in tell(row) if value is not None})
        total = _total(tx, query, len(rows))
    data = {"result": rows, "total": total, "pageSize": query.limit, "count": len(rows)}
    return orjson.dumps({"status": "ok", "data": data})


def property_keys(tx: Tx, asked: Properties, limits: Limits) -> list[str]:
    """The keys that properties have, sorted."""
    found: set[str] = set()
    with in_time(tx, limits.seconds):
        for view, where in asked.views:
            rows = _asked(tx, statements.keys(view, asked.field, where, asked.limit))
            found.update(orjson.loads(row[0]) for row in rows)
    return sorted(found)[: asked.limit]


def property_values(tx: Tx, asked: Properties, limits: Limits) -> list[str]:
    """The values of one property as texts, sorted."""
    found: set[str] = set()
    source = Source(asked.field, (asked.key or "",))
    with in_time(tx, limits.seconds):
        for view, where in asked.views:
            found.update(row[0] for row in _asked(tx, statements.values(view, source, where, asked.limit)))
    return sorted(found)[: asked.limit]


def top_searches(tx: Tx, after: int | None, project: str | None, limits: Limits) -> dict[str, Any]:
    """What was searched for most; counts are texts, as the official SDK wants them."""
    with in_time(tx, limits.seconds):
        rows = tx.all("top_searches", after=after, project=project)
    result = [{"search_query": row["search_query"], "count": str(row["searches"])} for row in rows]
    return {"data": {"result": result, "total": len(result)}}


def weekly_searchers(tx: Tx, after: int | None, project: str | None, limits: Limits) -> dict[str, Any]:
    """How many different users searched in each week; counts are texts."""
    with in_time(tx, limits.seconds):
        rows = tx.all("weekly_searchers", after=after, project=project)
    result = [{"week": time_text(row["week"]), "unique_users": str(row["users"])} for row in rows]
    return {"data": {"result": result, "total": len(result)}}


@contextmanager
def in_time(tx: Tx, seconds: float) -> Iterator[None]:
    """What is asked inside has so many seconds; `ApiError` 422 afterwards."""
    try:
        with tx.within(seconds):
            yield
    except DatabaseInterrupted as error:
        raise ApiError(
            422, f"the query took more than {seconds:g} seconds: ask about a shorter time, or select less"
        ) from error


def teller(query: Query) -> Callable[[sqlite3.Row], Iterator[tuple[str, Any]]]:
    """Tells the keys and values of a query's row, in the order of its columns; missing values are None."""
    columns = [(column.key, _telling(query.view, column)) for column in query.columns]

    def tell(row: sqlite3.Row) -> Iterator[tuple[str, Any]]:
        for (key, told), value in zip(columns, row, strict=False):
            yield key, None if value is None else told(value)

    return tell


def _telling(view: View, column: Column) -> Callable[[Any], Any]:
    """How a column's values are told."""
    if column.aggregation is not None or column.source is None:
        return _number
    if column.source.time_unit is not None:
        return time_text
    kind = view.fields[column.source.field]
    if kind == JSON and not column.source.path:
        return _flat if view.flat else orjson.loads
    return time_text if kind == TIME else _same


def _same(value: Any) -> Any:
    return value


def _number(value: float) -> float | None:
    """A number as JSON has it: whole ones without a fraction, none for a sum that went over all numbers."""
    if not math.isfinite(value):
        return None
    return int(value) if value == int(value) and abs(value) < _EXACT else value


def _flat(stored: str) -> Any:
    """An object as a map of texts."""
    value = orjson.loads(stored)
    return {key: json_text(one) for key, one in value.items() if one is not None}


def _asked(tx: Tx, statement: Statement) -> Iterator[sqlite3.Row]:
    return tx.ask(statement.text, statement.values)


def _total(tx: Tx, query: Query, told: int) -> int:
    """How many rows there are on all pages; asked only where the page does not show it."""
    if query.groups == ():
        return 1
    if 0 < told < query.limit or (not query.offset and not told and query.limit):
        return query.offset + told
    ((total,),) = _asked(tx, statements.count(query))
    return int(total)
