"""A database: one writer thread, a few readers, SQL by name.

                 write, awrite                                        read, aread
    any thread ────────────────► inbox ──► the writer thread          ────────────► a few reader threads, each with
                                           one transaction for all    a read-only connection and a snapshot
                                           that waits, a savepoint
                                           for each

A work is a function of a `Tx`; what it returns or raises comes back to who handed it in, after the commit. A work that
raises is undone alone: the others of its group are kept. When the commit itself fails, none happened, and all are told.

Commits survive `kill -9` as soon as they return. Power loss can take the last fifth of a second of them, and nothing
with `full_sync`; a `durable` write is on the disk when it returns, and so is everything before it.

One process per file: a lock beside it (`<name>.lock`) refuses a second opening with `DatabaseError`.
"""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import DatabaseDamaged, DatabaseError
from .connection import lend, lock, open_reader, translated
from .migrations import opened
from .tx import Tx
from .writer import Waiting, Writer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Database", "Tx"]

T = TypeVar("T")

#: Pages and lists are short reads; more threads would only wait for the same two cores.
READERS = 4


class Database:
    """
    An open database file.

    Args:
        path: The file; made with mode 0600 when it is not there. Its folder must exist.
        queries: The statements, as `load_queries` reads them.
        migrations: The schema, oldest script first; never edited once released.
        full_sync: Every commit reaches the disk before it is reported.
        functions: What SQL may call by name, the schema's too; each is a pure function of a fixed number of arguments.

    Raises `DatabaseError` when the file is in use, another program's, from a newer teelog, or cannot be opened.

    """

    def __init__(
        self,
        path: Path,
        *,
        queries: Mapping[str, str],
        migrations: Sequence[str],
        full_sync: bool = False,
        functions: Mapping[str, Callable[..., Any]] = MappingProxyType({}),
    ) -> None:
        self._path = path
        self._functions = functions
        self._queries = queries
        #: A statement found the file damaged: close it, `doubt` it and open it again.
        self.is_damaged = False
        self._lock = lock(path)
        try:
            self._connection = opened(path, migrations, functions)
        except BaseException:
            os.close(self._lock)
            raise
        self._gate = threading.Lock()  # so that nothing is handed to the writer behind its end
        self._closed = False
        self._reading = threading.local()
        self._reader_connections: list[sqlite3.Connection] = []
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix=f"{path.name}-reader")
        self._writer = Writer(
            self._connection, queries, len(migrations), full_sync=full_sync, name=f"{path.name}-writer"
        )

    def __repr__(self) -> str:
        return f"<Database {self._path.name} {'closed' if self._closed else 'open'} waiting={self._writer.waiting}>"

    @property
    def folder(self) -> Path:
        """Where the file lies."""
        return self._path.parent

    def write(self, work: Callable[[Tx], T], *, durable: bool = False) -> T:
        """What `work` returns, after its commit; blocks this thread. Never call it from inside a work."""
        return self._submit(work, durable).result()

    async def awrite(self, work: Callable[[Tx], T], *, durable: bool = False) -> T:
        """The same from an event loop; a work that has begun is not undone by cancelling."""
        return await asyncio.wrap_future(self._submit(work, durable))

    def scrub(self) -> None:
        """Leave nothing in the files of what was deleted (`scrubbing`); writes wait meanwhile. `DatabaseUnavailable`."""
        self._submit(None, durable=False).result()

    def read(self, work: Callable[[Tx], T]) -> T:
        """What `work` returns on one consistent snapshot; it cannot change anything."""
        return self._submit_read(work).result()

    async def aread(self, work: Callable[[Tx], T]) -> T:
        """The same from an event loop."""
        return await asyncio.wrap_future(self._submit_read(work))

    def close(self) -> None:
        """Finishes the works and reads that wait, then closes the file; later ones raise `DatabaseError`."""
        with self._gate:
            if self._closed:
                return
            self._closed = True
            self._writer.end()
        self._writer.join()
        self._readers.shutdown()
        for connection in self._reader_connections:
            connection.close()
        self._connection.close()  # last, so that it is this one that folds the log into the file
        os.close(self._lock)

    def _submit(self, work: Callable[[Tx], T] | None, durable: bool) -> Future[T]:
        waiting = Waiting(work, Future(), durable)
        with self._gate:
            if self._closed:
                raise DatabaseError(f"{self._path.name} is closed")
            self._writer.put(waiting)
        waiting.done.add_done_callback(self._look)
        return waiting.done

    def _submit_read(self, work: Callable[[Tx], T]) -> Future[T]:
        with self._gate:
            if self._closed:
                raise DatabaseError(f"{self._path.name} is closed")
            reading = self._readers.submit(self._read, work)
        reading.add_done_callback(self._look)
        return reading

    def _look(self, done: Future[Any]) -> None:
        if not done.cancelled() and isinstance(done.exception(), DatabaseDamaged):
            self.is_damaged = True

    def _read(self, work: Callable[[Tx], T]) -> T:
        connection = self._reader_connection()
        with translated("begin reading"):
            connection.execute("BEGIN")
        try:
            return work(Tx(connection, self._queries))
        finally:
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _reader_connection(self) -> sqlite3.Connection:
        """The connection of the reader thread that runs this."""
        connection: sqlite3.Connection | None = getattr(self._reading, "connection", None)
        if connection is None:
            with translated(f"open {self._path.name} for reading"):
                connection = self._reading.connection = open_reader(self._path)
                lend(connection, self._functions)
            self._reader_connections.append(connection)
        return connection
