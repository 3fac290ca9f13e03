"""A database file of somebody else's, looked into: beside the process that owns it, or alone.

The connection is read-only to SQLite itself, so it never writes and never checkpoints, not even as the last one to close
(up to SQLite 3.51.2 two connections that checkpoint at once can damage a file). Reads are to be short: the owner's log
grows for as long as one of them lasts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from .connection import open_foreign, translated
from .migrations import check_schema
from .sqlite import Tx

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

T = TypeVar("T")


class Reader:
    """
    An open file.

    Args:
        path: It.
        queries: The statements, as `load_queries` reads them.
        migrations: The schema that it must have.

    Raises `DatabaseError` when the file is another program's, of another schema, or cannot be read.

    """

    def __init__(self, path: Path, queries: Mapping[str, str], migrations: Sequence[str]) -> None:
        with translated(f"open {path}"):
            self._connection = open_foreign(path)
            try:
                check_schema(self._connection, migrations, str(path))
            except BaseException:
                self._connection.close()
                raise
        self._tx = Tx(self._connection, queries)

    def read(self, work: Callable[[Tx], T]) -> T:
        """What `work` returns on one consistent snapshot."""
        with translated("begin reading"):
            self._connection.execute("BEGIN")
        try:
            return work(self._tx)
        finally:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()
