"""The one thread that writes to a database: what waits is committed together, and each is told what became of it.

    inbox ──► up to `GROUP` works ──► BEGIN, a savepoint for each, COMMIT ──► their futures

A work that raises is undone alone. When the commit itself fails, or a full disk undoes the whole transaction, none of the
group happened, and all are told. Every `HEARTBEAT_SECONDS` in which something was written one commit is a full one, which
makes all before it durable. A second after the last change it gives back the memory that made it quick (`resting`).
"""

from __future__ import annotations

import queue
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import DatabaseError, DatabaseUnavailable
from .connection import translated
from .resting import REST_SECONDS, rest
from .scrubbing import scrub
from .tx import Tx

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future

#: Works that share a commit; more would make the first of them wait for its answer.
GROUP = 64
#: How much a power loss can take: one full commit makes all earlier ones durable.
HEARTBEAT_SECONDS = 0.2


@dataclass(slots=True)
class Waiting:
    """A work in the inbox, and who waits for it."""

    #: None: the file is to be scrubbed, outside any transaction.
    work: Callable[[Tx], Any] | None
    done: Future[Any]
    durable: bool


class Writer:
    """
    The thread; it has begun when this is made.

    Args:
        connection: The only one that writes; it stays the caller's.
        queries: The statements, by name.
        schema: The schema's number, which a full commit writes once more.
        full_sync: Every commit is a full one.
        name: The thread's.

    """

    def __init__(
        self, connection: sqlite3.Connection, queries: Mapping[str, str], schema: int, *, full_sync: bool, name: str
    ) -> None:
        self._connection = connection
        self._tx = Tx(connection, queries)
        self._schema = schema
        self._full_sync = full_sync
        self._mode = ""
        self._inbox: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How much waits."""
        return self._inbox.qsize()

    def put(self, waiting: Waiting) -> None:
        """To be done after all that was put before; nothing may be put behind `end`."""
        self._inbox.put(waiting)

    def end(self) -> None:
        """Do what waits, and no more."""
        self._inbox.put(None)

    def join(self) -> None:
        """Wait until it is done."""
        self._thread.join()

    def _run(self) -> None:
        """Group what waits, commit it, and answer, until the end mark."""
        unsynced_since: float | None = None
        rested = 0  # the changes up to the last rest
        ended = False
        while not ended:
            group: list[Waiting] = []
            is_rested = rested == self._connection.total_changes
            try:
                group, ended = self._gather(_left(unsynced_since, None if is_rested else REST_SECONDS))
            except queue.Empty:
                if unsynced_since is None:
                    rest(self._connection)
                    rested = self._connection.total_changes
                    continue
            durable = any(waiting.durable for waiting in group) or _left(unsynced_since) == 0
            changes = self._connection.total_changes
            happened = self._commit([one for one in group if one.work], durable=durable)
            scrubbed = [self._scrub(waiting.done) for waiting in group if waiting.work is None]
            if self._full_sync or (durable and happened) or (scrubbed and scrubbed[-1]):
                unsynced_since = None
            elif not happened or (unsynced_since is None and changes != self._connection.total_changes):
                unsynced_since = time.monotonic()

    def _gather(self, timeout: float | None) -> tuple[list[Waiting], bool]:
        """What waits, up to a group, and whether the end mark was reached; `queue.Empty` when nothing came in time."""
        group: list[Waiting] = []
        waiting = self._inbox.get(timeout=timeout)
        while waiting is not None:
            if waiting.done.set_running_or_notify_cancel():
                group.append(waiting)
            if len(group) == GROUP or self._inbox.empty():
                return group, False
            waiting = self._inbox.get()
        return group, True

    def _commit(self, group: list[Waiting], *, durable: bool) -> bool:
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

    def _attempt(self, waiting: Waiting) -> Any:
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

    def _scrub(self, done: Future[None]) -> bool:
        """Whether that went well: all is in the file then, and on the disk."""
        try:
            scrub(self._connection)
        except DatabaseError as error:
            done.set_exception(error)
            return False
        done.set_result(None)
        return True

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


def _left(unsynced_since: float | None, otherwise: float | None = None) -> float | None:
    """Seconds until the next full commit is due; `otherwise` when there is nothing to make durable."""
    if unsynced_since is None:
        return otherwise
    return max(0.0, unsynced_since + HEARTBEAT_SECONDS - time.monotonic())
