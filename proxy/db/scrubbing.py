"""A database file without what was deleted from it: not in free pages, not in the slack of others, not in its log.

`secure_delete` overwrites what is deleted from now on; what an older teelog deleted, or SQLite moved, may still lie
somewhere. So the file is written anew (`VACUUM`), and the log is folded into it and cut to nothing. It takes as long as
writing the file takes, and up to twice its room on the disk; a full-text index is merged first, since it only marks what
is deleted. `DatabaseUnavailable` when the disk refuses, or a reader does not let go of the log: the file is as good as it
was, and it can be done again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import DatabaseUnavailable
from .connection import translated

if TYPE_CHECKING:
    import sqlite3

#: Each waits for the readers of the log, for `BUSY_SECONDS`.
CHECKPOINTS = 6


def scrub(connection: sqlite3.Connection) -> None:
    """Scrub a file; the connection is the one that writes, outside any transaction."""
    with translated("scrub"):
        # (Search indexes alone: what only shows one has nothing to put in order.)
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%USING fts5 (%'"
        ):
            connection.execute(f"""INSERT INTO "{name}" ("{name}") VALUES ('optimize')""")  # noqa: S608 - a table of ours
        connection.execute("PRAGMA temp_store = FILE")  # the copy may be larger than what memory has left
        try:
            connection.execute("VACUUM")
        finally:
            connection.execute("PRAGMA temp_store = MEMORY")
        for _ in range(CHECKPOINTS):
            busy, *_ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if not busy:
                return
    raise DatabaseUnavailable("scrub: a reader does not let go of the log")
