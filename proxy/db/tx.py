"""A running transaction: statements by their names, and questions that are put together as they are asked.

What is asked by name stands in a .sql file. A question (`ask`) comes from who builds its text out of fixed parts alone,
with every value bound; it reads, row by row. A read can be given so many seconds: `DatabaseInterrupted` ends it.

A transaction steps aside for who goes first on its processor, between two statements and within long ones: see `aside`.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .aside import Aside
from .connection import translated

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

#: Steps of SQLite's machine between two looks at the clock: about 0.1 ms.
_STEPS = 2000


class Tx:
    """A running transaction. Not to be kept beyond the work it was given to."""

    __slots__ = ("_aside", "_connection", "_queries")

    def __init__(self, connection: sqlite3.Connection, queries: Mapping[str, str]) -> None:
        self._connection = connection
        self._queries = queries
        self._aside = Aside()
        connection.set_progress_handler(self._aside.step, _STEPS)

    def all(self, name: str, /, **values: Any) -> list[sqlite3.Row]:
        """Every row of a query."""
        with self._doing(name):
            return self._connection.execute(self._queries[name], values).fetchall()

    def one(self, name: str, /, **values: Any) -> sqlite3.Row | None:
        """The first row of a query, or None."""
        rows = self.all(name, **values)
        return rows[0] if rows else None

    def run(self, name: str, /, **values: Any) -> int:
        """How many rows a statement changed."""
        with self._doing(name):
            return self._connection.execute(self._queries[name], values).rowcount

    def add(self, name: str, /, **values: Any) -> int:
        """The key of the row that a statement inserts; to have it returned as a row takes half as long again."""
        with self._doing(name):
            return self._connection.execute(self._queries[name], values).lastrowid or 0

    def fill(self, table: str, column: str, row: int, data: bytes) -> None:
        """Write into a value that was made by `zeroblob` of that length: megabytes are bound in two copies, and so in none."""
        with self._doing(f"fill {table}"), self._connection.blobopen(table, column, row) as value:
            value.write(data)

    def many(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Runs a statement once for each row of values."""
        with self._doing(name):
            self._connection.executemany(self._queries[name], rows)

    def ask(self, question: str, values: Mapping[str, Any]) -> Iterator[sqlite3.Row]:
        """The rows of a SELECT of fixed parts and bound values, one at a time."""
        with self._doing("ask"):
            yield from self._connection.execute(question, values)

    def _doing(self, what: str) -> AbstractContextManager[None]:
        """Around each statement: who goes first comes before it, and what it raises is ours."""
        self._aside.step()
        return translated(what)

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """What is read inside raises `DatabaseInterrupted` when the seconds are over."""
        end = time.monotonic() + seconds
        self._connection.set_progress_handler(lambda: self._aside.step() or time.monotonic() > end, _STEPS)
        try:
            yield
        finally:
            self._connection.set_progress_handler(self._aside.step, _STEPS)
