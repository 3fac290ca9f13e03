"""A query's answer as CSV, for spreadsheets: a header row, every row of the result, no page.

Memory holds one row at a time. Objects are unpacked into a column for each of their keys (`properties.source`), or stay
JSON in one cell (`mode: "json"`). Cells are safe in spreadsheets (`core/cells.py`).
"""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from ..core.cells import cell, csv_lines, safe
from ..core.query_fields import JSON
from ..errors import ApiError
from . import statements
from .questions import teller
from .sheet_file import written

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..core.query import Column, Query
    from ..db.sqlite import Tx
    from .questions import Limits


def sheet(tx: Tx, query: Query, folder: Path, limits: Limits) -> IO[bytes]:
    """As `sheet_file.written` gives it."""
    return written(tx, folder, limits, lambda file: _write(tx, query, file, limits))


def _write(tx: Tx, query: Query, file: IO[bytes], limits: Limits) -> None:
    unpacked = [column for column in query.columns if _is_unpacked(query, column)]
    keys = _keys(tx, query, {column.key for column in unpacked}, limits)
    header = [(column.key, inner) for column in query.columns for inner in keys.get(column.key, [None])]
    file.write(csv_lines([[safe(key if inner is None else f"{key}.{inner}") for key, inner in header]]))
    size = 0
    for row in _rows(tx, query):
        size += file.write(csv_lines([[cell(_inner(row[key], inner)) for key, inner in header]]))
        if size > limits.export_bytes:
            raise ApiError(422, "the export is too large: ask about a shorter time, or select fewer fields")


def _is_unpacked(query: Query, column: Column) -> bool:
    source = column.source
    if source is None or column.aggregation or column.as_json or source.path:
        return False
    return query.view.fields[source.field] == JSON


def _keys(tx: Tx, query: Query, unpacked: set[str], limits: Limits) -> dict[str, list[str | None]]:
    """The keys in each unpacked column, sorted; None: what is no object has a column of its own."""
    found: dict[str, set[str]] = {name: set() for name in unpacked}
    whole: set[str] = set()
    if unpacked:
        for row in _rows(tx, query):
            for name in unpacked:
                if isinstance(row[name], dict):
                    found[name].update(row[name])
                elif row[name] is not None:
                    whole.add(name)
            if sum(map(len, found.values())) > limits.export_columns:
                raise ApiError(
                    422, f"there are more than {limits.export_columns} keys to unpack: select with the mode json"
                )
    return {name: [*([None] if name in whole or not inner else []), *sorted(inner)] for name, inner in found.items()}


def _rows(tx: Tx, query: Query) -> Iterator[dict[str, Any]]:
    statement = statements.select(query, page=False)
    tell = teller(query)
    return (dict(tell(row)) for row in tx.ask(statement.text, statement.values))


def _inner(value: Any, key: str | None) -> Any:
    """What belongs in a cell: the value of a key, or what is no object."""
    if key is None:
        return value
    return value.get(key) if isinstance(value, dict) else None
