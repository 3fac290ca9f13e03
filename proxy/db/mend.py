"""A database file looked over before it is opened; one that is damaged, or from a newer teelog, makes room for a new one.

    name           damaged ──► name.<when>.damaged, with its log: kept for a person, never removed
    name.mended    a new file with every row that could be read ──► name

A crash at any point of it is made up for by the next start. Who calls it owns the file
(`connection.lock` comes after it, `Folder.lock` before).
"""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..errors import DatabaseError
from .connection import DAMAGE, open_foreign
from .migrations import APPLICATION_ID
from .pages import MAGIC, frames
from .salvage import salvaged, tables_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

#: How long a file is looked over at an ordinary start, in seconds: a gigabyte is not read then.
LOOK_SECONDS = 1.0


@dataclass(slots=True, frozen=True)
class Mended:
    """What was done."""

    #: What was wrong.
    reason: str
    #: Where the old file is now.
    aside: Path
    #: Rows that the new one has, and those that could not be taken into it.
    rows: int
    left_out: int


def mend(
    path: Path,
    migrations: Sequence[str],
    stamp: str,
    functions: Mapping[str, Callable[..., Any]] = MappingProxyType({}),
    settle: str = "",
) -> Mended | None:
    """
    Make sure that a file can be opened; None where it could be, or where there is none.

    Args:
        path: It.
        migrations: Its schema, oldest script first.
        stamp: When, as it stands in the name of what is set aside.
        functions: What the schema calls in SQL.
        settle: SQL that makes do with the rows that are left, before anybody reads the new file.

    `DatabaseError` when it is another program's, `OSError` when the folder refuses.

    """
    fresh, asked = path.with_name(path.name + ".mended"), path.with_name(path.name + ".doubted")
    if not path.exists():
        if fresh.exists():  # a crash came between the two renames
            _set_aside(path, stamp)
            fresh.rename(path)
        return None
    reason = _fault(path, migrations, functions, thorough=asked.exists())
    asked.unlink(missing_ok=True)
    if not reason:
        return None
    for leftover in (fresh, _beside(fresh, "-wal"), _beside(fresh, "-shm")):
        leftover.unlink(missing_ok=True)
    rows = left_out = 0
    if path.is_file():
        rows, left_out = salvaged(path, fresh, migrations, functions, settle)
    aside = _set_aside(path, stamp)
    if fresh.exists():
        fresh.rename(path)
    return Mended(reason, aside, rows, left_out)


def doubt(path: Path) -> None:
    """Have a file looked over thoroughly at the next start: something in it is not as it should be."""
    with suppress(OSError):
        path.with_name(path.name + ".doubted").touch(mode=0o600)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _set_aside(path: Path, stamp: str) -> Path:
    aside = path.with_name(f"{path.name}.{stamp}.damaged")
    for suffix in ("", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            _beside(path, suffix).rename(_beside(aside, suffix))
    return aside


# --- what is wrong with it


def _fault(
    path: Path, migrations: Sequence[str], functions: Mapping[str, Callable[..., Any]], *, thorough: bool
) -> str:
    """Why a file cannot be gone on with; empty when it can."""
    if not path.is_file():
        return "no file stands there"
    if not os.access(path, os.R_OK | os.W_OK):
        return "it cannot be written"
    with path.open("rb") as file:
        head = file.read(100)
    wal = _beside(path, "-wal")
    if not head and not (wal.exists() and wal.stat().st_size):
        return ""  # as it is made, before anything is in it
    if len(head) < 100 or not head.startswith(MAGIC):
        return "it is no database"
    if _is_torn(wal):
        return "its log is damaged"
    try:
        with closing(open_foreign(path)) as connection:  # which leaves it as it is
            return _told(connection, path, migrations, functions, thorough=thorough)
    except sqlite3.Error as error:
        # a disk that refuses for now says nothing of the file; whoever opens it next is told
        return str(error) if error.sqlite_errorcode & 0xFF in DAMAGE else ""


def _told(
    connection: sqlite3.Connection,
    path: Path,
    migrations: Sequence[str],
    functions: Mapping[str, Callable[..., Any]],
    *,
    thorough: bool,
) -> str:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    until = time.monotonic() + LOOK_SECONDS
    if not thorough:
        connection.set_progress_handler(lambda: time.monotonic() > until, 1000)
    try:
        (found,) = connection.execute(f"PRAGMA {'integrity' if thorough else 'quick'}_check(1)").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        found = "ok"  # so far
    if found != "ok":
        return str(found).splitlines()[-1]
    if owner != APPLICATION_ID and (owner or version or names):
        if not names & tables_of(migrations, functions):
            raise DatabaseError(f"{path} is a database of another program")
        return "it does not say that it is ours"
    if version > len(migrations):
        return f"a newer teelog wrote it (its schema is {version}, this one knows {len(migrations)})"
    return ""


def _is_torn(wal: Path) -> bool:
    """Whether something committed stands behind a damaged frame: SQLite would silently leave it out."""
    damaged = False
    for frame in frames(wal):
        damaged = damaged or not frame.is_whole
        if damaged and frame.ends and frame.is_whole is not False:
            return True
    return False
