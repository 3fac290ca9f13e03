"""A database at rest: what it holds in memory only to be quick goes back to the system.

SQLite keeps the pages it has read for the next statement, up to `CACHE_KIB` for each connection, and the C library keeps
what was freed for the next who asks. Nobody may ask for hours. The next statement reads from the system's own cache, at
one or two microseconds a page. Where there is no glibc its part is left out: it is never an error.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import TYPE_CHECKING

from ..errors import DatabaseError
from .connection import translated

if TYPE_CHECKING:
    import sqlite3

#: How long nothing comes before a database rests: longer than the pauses between the turns of a busy one. Giving back
#: takes about a millisecond.
REST_SECONDS = 1.0


def rest(connection: sqlite3.Connection) -> None:
    """Let a connection's memory go, outside any transaction."""
    with (
        suppress(DatabaseError),
        translated("shrink_memory"),
    ):  # a disk that refuses refuses the next work, too, and says so
        connection.execute("PRAGMA shrink_memory")
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
