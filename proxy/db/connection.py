"""One SQLite connection: its settings, and what its errors mean.

The settings keep what `kill -9` must not take (WAL) and keep one slow disk from becoming a crash (`mmap_size = 0`: an
I/O error through a map is a SIGBUS). SQLite up to 3.51.2 can damage a file when two connections write or checkpoint at
once; here readers never do either.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from inspect import signature
from typing import TYPE_CHECKING, Any

from ..errors import DatabaseDamaged, DatabaseError, DatabaseInterrupted, DatabaseUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

#: How long a statement waits for a foreign program's lock (a backup, a person with `sqlite3`).
BUSY_SECONDS = 5.0
#: Page cache of a connection, in KiB.
CACHE_KIB = 16_000
#: Pages of the log that are folded into the file together: 32 MB. Those that were written several times by then are folded
#: in once, which saves a quarter; what folding holds the writer for, about a tenth of a second, grows with it.
MOST_LOG_PAGES = 8000
#: SQLite's own number: 4 MB, for a disk on which even that is much.
LEAST_LOG_PAGES = 1000
#: The log is no more than this part of the disk: a full one must have room, in what is kept free on it, for two logs to
#: grow to their size and be folded in, so that what is delivered then can still be noted.
LARGEST_LOG_PART = 40
PAGE_BYTES = 4096
#: A log that grew past this during a long read is cut back afterwards.
WAL_LIMIT_BYTES = 64 * 1024 * 1024
#: Prepared statements kept; more than the queries of any one file.
STATEMENTS = 256

#: Primary result codes that say "this statement, with these values"; every other one speaks of the disk or the file.
_OF_THE_STATEMENT = frozenset(
    (
        sqlite3.SQLITE_ERROR,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_MISMATCH,
        sqlite3.SQLITE_MISUSE,
        sqlite3.SQLITE_RANGE,
        sqlite3.SQLITE_AUTH,
    )
)
#: And of those the ones that say the file is not what was written.
DAMAGE = frozenset((sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB))


def lock(path: Path) -> int:
    """
    The right to be the one process that has this file open: a descriptor to close at the end.

    Makes the file with mode 0600 when it is not there (SQLite gives its log the same mode). Raises `DatabaseError`.
    """
    beside = path.with_name(f"{path.name}.lock")
    try:
        descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise DatabaseError(f"{beside} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            raise DatabaseError(f"{path} is open already: is another teelog running on this data_dir?") from error
        raise DatabaseError(f"{path} cannot be written: {error.strerror}") from error
    return descriptor


def open_writer(path: Path) -> sqlite3.Connection:
    """The connection that writes and checkpoints, with transactions in our hands; `sqlite3.Error` when it cannot."""
    connection = _connect(path)
    # Before the first table and before WAL: afterwards only a VACUUM of the whole file could change it.
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        connection.close()
        raise DatabaseError(f"{path} lies on a filesystem without shared memory (a network share?): choose a local one")
    connection.execute(f"PRAGMA wal_autocheckpoint = {log_pages(_disk_bytes(path))}")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT_BYTES}")
    connection.execute("PRAGMA foreign_keys = ON")
    # What is deleted is overwritten in the file, so that it is gone once the log is folded in.
    connection.execute("PRAGMA secure_delete = FAST")
    return connection


def log_pages(disk: int) -> int:
    """After how many pages the log is folded into the file, on a disk of a size (bytes)."""
    return max(LEAST_LOG_PAGES, min(MOST_LOG_PAGES, disk // LARGEST_LOG_PART // PAGE_BYTES))


def _disk_bytes(path: Path) -> int:
    """The size of the disk that a file lies on; 0 where it cannot be asked."""
    try:
        found = os.statvfs(path)
    except OSError:
        return 0
    return found.f_blocks * found.f_frsize


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that cannot write and never checkpoints; what it sorts may outgrow memory, into a file."""
    connection = _connect(path)
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute("PRAGMA temp_store = FILE")
    connection.execute("PRAGMA query_only = ON")
    return connection


def open_foreign(path: Path) -> sqlite3.Connection:
    """A connection to a file that another process may own: SQLite itself refuses every write, checkpoints too."""
    return _connect(f"{path.absolute().as_uri()}?mode=ro")


def lend(connection: sqlite3.Connection, functions: Mapping[str, Callable[..., Any]]) -> None:
    """Makes pure functions known to a connection's SQL; none may raise."""
    for name, function in functions.items():
        connection.create_function(name, len(signature(function).parameters), function, deterministic=True)


def _connect(path: Path | str) -> sqlite3.Connection:
    """A connection to a path, or to a `file:` URI."""
    connection = sqlite3.connect(
        path,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=STATEMENTS,
        uri=isinstance(path, str),
    )
    connection.row_factory = sqlite3.Row
    # one damaged letter must not take the whole list with it, nor stop the recorder
    connection.text_factory = lambda data: data.decode("utf-8", "replace")
    connection.execute("PRAGMA mmap_size = 0")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    return connection


def translated(doing: str) -> AbstractContextManager[None]:
    """
    Foreign errors become ours, with what was being done.

    `DatabaseUnavailable` when the disk or the file refuses (full, I/O error, locked, damaged): the same may succeed
    later. `DatabaseError` when the statement or its values are at fault: the same would fail again;
    `DatabaseInterrupted` when it took longer than it was given.
    """
    return _Translated(doing)


class _Translated:
    """A class, not a generator: it stands around every statement, and costs a third so."""

    __slots__ = ("_doing",)

    def __init__(self, doing: str) -> None:
        self._doing = doing

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, sqlite3.Error):
            raise _kind_of(error)(f"{self._doing}: {error}") from error
        if isinstance(error, (OverflowError, UnicodeError)):  # an integer over 64 bits, half of a surrogate pair
            raise DatabaseError(f"{self._doing}: a value cannot be stored: {error}") from error


def _kind_of(error: sqlite3.Error) -> type[DatabaseError]:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF
    if code == sqlite3.SQLITE_INTERRUPT:
        return DatabaseInterrupted
    if code in DAMAGE:
        return DatabaseDamaged
    return DatabaseError if code in _OF_THE_STATEMENT else DatabaseUnavailable
