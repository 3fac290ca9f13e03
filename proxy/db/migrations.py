"""The schema's way forward: numbered scripts, each run once, each wholly or not at all.

The number of the last one is kept in the file (`user_version`), and whose file it is in `application_id`. A file of
a newer teelog, or of another program, is refused with `DatabaseError` and left as it is: there is no way back down.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import DatabaseError
from .connection import lend, open_writer, translated

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

#: "teel" in ASCII; `file` and other tools show it (https://www.sqlite.org/pragma.html#pragma_application_id).
APPLICATION_ID = 0x7465656C


def opened(path: Path, migrations: Sequence[str], functions: Mapping[str, Callable[..., Any]]) -> sqlite3.Connection:
    """The writing connection of a file that has the newest schema; scripts and triggers may call the functions."""
    with translated(f"open {path}"):
        connection = open_writer(path)
        lend(connection, functions)
        try:
            # What a script may have to take back is held meanwhile: of a table that it drops, all of it.
            connection.execute("PRAGMA temp_store = FILE")
            migrate(connection, migrations, str(path))
            connection.execute("PRAGMA temp_store = MEMORY")
        except BaseException:
            connection.close()
            raise
    return connection


def migrate(connection: sqlite3.Connection, migrations: Sequence[str], name: str) -> None:
    """
    Brings a file to the newest schema; `name` tells it in errors.

    The connection must be in autocommit mode. `sqlite3.Error` comes out as it is, after a roll-back.
    """
    version = _version_of(connection, name)
    if version > len(migrations):
        raise DatabaseError(
            f"{name} was written by a newer teelog (its schema is {version}, this one knows {len(migrations)}): "
            "install the newer version, or give this one a data_dir of its own"
        )
    for number, script in enumerate(migrations[version:], version + 1):
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{script}\n;\n"
                f"PRAGMA application_id = {APPLICATION_ID};\nPRAGMA user_version = {number};\nCOMMIT;"
            )
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def check_schema(connection: sqlite3.Connection, migrations: Sequence[str], name: str) -> None:
    """`DatabaseError` when a file has not just the newest schema; for those who only read."""
    version = _version_of(connection, name)
    if version != len(migrations):
        raise DatabaseError(
            f"the schema of {name} is {version}, this teelog reads {len(migrations)}: "
            + ("start it once, to bring the file forward" if version < len(migrations) else "install the newer version")
        )


def _version_of(connection: sqlite3.Connection, name: str) -> int:
    """How many migrations a file has had; `DatabaseError` when it is not ours."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (owner,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if owner != APPLICATION_ID and (owner or version or tables):
        raise DatabaseError(f"{name} is a database of another program")
    return int(version)
