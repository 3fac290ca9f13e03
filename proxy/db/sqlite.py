"""A database: one writer thread, a few readers, SQL by name.

                 write, awrite                                        read, aread
    any thread ────────────────► inbox ──► the writer thread          ────────────► a few reader threads, each with
                                           one transaction for all    a read-only connection and a snapshot
                                           that waits, a savepoint
                                           for each

A work is a function of a `Tx`; what it returns or raises comes back to who handed it in, after the commit. A work that
raises is undone alone: the others of its group are kept. When the commit itself fails, none happened, and all are told.

Commits survive `kill -9` as soon as they return. Power loss can take the last `HEARTBEAT_SECONDS` of them, and nothing
with `full_sync`; a `durable` write is on the disk when it returns, and so is everything before it.

One process per file: a lock beside it (`<name>.lock`) refuses a second opening with `DatabaseError`.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import DatabaseDamaged, DatabaseError, DatabaseUnavailable
from .connection import lend, lock, open_reader, translated
from .migrations import opened
from .scrubbing import scrub
from .tx import Tx

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

__all__ = ["Database", "Tx"]

T = TypeVar("T")

#: Works that share a commit; more would make the first of them wait for its answer.
GROUP = 64
#: Pages and lists are short reads; more threads would only wait for the same two cores.
READERS = 4
#: How much a power loss can take: one full commit makes all earlier ones durable.
HEARTBEAT_SECONDS = 0.2


@dataclass(slots=True)
class _Waiting:
    """A work in the inbox, and who waits for it."""

    #: None: the file is to be scrubbed, outside any transaction.
    work: Callable[[Tx], Any] | None
    done: Future[Any]
    durable: bool


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
        self._full_sync = full_sync
        self._schema = len(migrations)
        #: A statement found the file damaged: close it, `doubt` it and open it again.
        self.is_damaged = False
        self._mode = ""
        self._lock = lock(path)
        try:
            self._connection = opened(path, migrations, functions)
        except BaseException:
            os.close(self._lock)
            raise
        self._tx = Tx(self._connection, queries)
        self._inbox: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._gate = threading.Lock()  # so that nothing enters the inbox behind the end mark
        self._closed = False
        self._reading = threading.local()
        self._reader_connections: list[sqlite3.Connection] = []
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix=f"{path.name}-reader")
        self._writer = threading.Thread(target=self._write_loop, name=f"{path.name}-writer", daemon=True)
        self._writer.start()

    def __repr__(self) -> str:
        return f"<Database {self._path.name} {'closed' if self._closed else 'open'} waiting={self._inbox.qsize()}>"

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
            self._inbox.put(None)
        self._writer.join()
        self._readers.shutdown()
        for connection in self._reader_connections:
            connection.close()
        self._connection.close()  # last, so that it is this one that folds the log into the file
        os.close(self._lock)

    def _submit(self, work: Callable[[Tx], T] | None, durable: bool) -> Future[T]:
        waiting = _Waiting(work, Future(), durable)
        with self._gate:
            if self._closed:
                raise DatabaseError(f"{self._path.name} is closed")
            self._inbox.put(waiting)
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

    def _write_loop(self) -> None:
        """The writer thread: groups what waits, commits it, and answers, until the end mark."""
        unsynced_since: float | None = None
        ended = False
        while not ended:
            group: list[_Waiting] = []
            with suppress(queue.Empty):
                group, ended = self._gather(_left(unsynced_since))
            durable = any(waiting.durable for waiting in group) or _left(unsynced_since) == 0
            changes = self._connection.total_changes
            happened = self._commit([one for one in group if one.work], durable=durable)
            for waiting in group:
                if waiting.work is None:
                    self._scrub(waiting.done)
            if self._full_sync or (durable and happened):
                unsynced_since = None
            elif not happened or (unsynced_since is None and changes != self._connection.total_changes):
                unsynced_since = time.monotonic()

    def _gather(self, timeout: float | None) -> tuple[list[_Waiting], bool]:
        """What waits, up to a group, and whether the end mark was reached; `queue.Empty` when nothing came in time."""
        group: list[_Waiting] = []
        waiting = self._inbox.get(timeout=timeout)
        while waiting is not None:
            if waiting.done.set_running_or_notify_cancel():
                group.append(waiting)
            if len(group) == GROUP or self._inbox.empty():
                return group, False
            waiting = self._inbox.get()
        return group, True

    def _commit(self, group: list[_Waiting], *, durable: bool) -> bool:
        """Runs a group in one transaction and tells everyone what became of it; whether it happened."""
        try:
            self._synchronous("FULL" if durable or self._full_sync else "NORMAL")
            self._execute("BEGIN IMMEDIATE")
            outcomes = [self._attempt(waiting) for waiting in group]
            if durable:  # a full commit needs something to write: the schema's number, once more
                self._execute(f"PRAGMA user_version = {self._schema}")
            self._execute("COMMIT")
        except DatabaseError as error:
            self._roll_back()
            for waiting in group:
                waiting.done.set_exception(type(error)(f"nothing of this transaction happened: {error}"))
            return False
        for waiting, outcome in zip(group, outcomes, strict=True):
            if isinstance(outcome, _Raised):
                waiting.done.set_exception(outcome.error)
            else:
                waiting.done.set_result(outcome)
        return True

    def _attempt(self, waiting: _Waiting) -> Any:
        """One work inside its savepoint; what it raised comes back as `_Raised`."""
        self._execute("SAVEPOINT work")
        assert waiting.work is not None
        try:
            outcome = waiting.work(self._tx)
        except BaseException as error:
            if not self._connection.in_transaction:
                # A full disk or an I/O error made SQLite roll back everything, the works before this one too.
                raise DatabaseUnavailable(str(error)) from error
            outcome = _Raised(error)
            self._execute("ROLLBACK TO work")
        self._execute("RELEASE work")
        return outcome

    def _scrub(self, done: Future[None]) -> None:
        try:
            scrub(self._connection)
        except DatabaseError as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    def _synchronous(self, mode: str) -> None:
        if mode != self._mode:
            self._execute(f"PRAGMA synchronous = {mode}")
            self._mode = mode

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with suppress(DatabaseError):  # the next BEGIN fails then, and comes here again
                self._execute("ROLLBACK")

    def _execute(self, statement: str) -> None:
        with translated(statement):
            self._connection.execute(statement)


@dataclass(slots=True)
class _Raised:
    """What a work raised, to be told apart from what works return."""

    error: BaseException


def _left(unsynced_since: float | None) -> float | None:
    """Seconds until the next full commit is due; None when there is nothing to make durable."""
    if unsynced_since is None:
        return None
    return max(0.0, unsynced_since + HEARTBEAT_SECONDS - time.monotonic())
