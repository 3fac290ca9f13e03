"""What can be read of a damaged database file, or of a newer one, as a new file of our schema.

Rows are read page by page where the file is damaged (`pages.py`), and by their columns' names where it is only newer. The
schema's own rules decide what is taken: a row that breaks one is left out, and so is one that refers to nothing.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from .connection import lend, open_foreign, open_writer, translated
from .migrations import APPLICATION_ID, migrate
from .pages import MAGIC, Pages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

#: Rows of one transaction.
_BATCH = 5000


def salvaged(
    path: Path, fresh: Path, migrations: Sequence[str], functions: Mapping[str, Callable[..., Any]], settle: str
) -> tuple[int, int]:
    """Make the new file, and run `settle` on it; how many rows were read, and how many could not be taken."""
    version = _version(path)
    scripts = migrations[:version] if version else migrations
    with translated(f"make {fresh}"), closing(_made(fresh, scripts, functions)) as new:
        tables, derived = _layout(new)
        new.execute("PRAGMA foreign_keys = OFF")
        if version > len(migrations):
            found = _by_name(path, tables)
        else:
            found = _by_page(path, *_rooted(path, new, tables, derived))
        left_out = _insert(new, tables, found) + _without_dangling(new, tables)
        migrate(new, migrations, str(fresh))
        rows = sum(new.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables)  # noqa: S608 - ours
        new.executescript(settle)
        new.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return rows, left_out


def _made(fresh: Path, migrations: Sequence[str], functions: Mapping[str, Callable[..., Any]]) -> sqlite3.Connection:
    os.close(os.open(fresh, os.O_RDWR | os.O_CREAT, 0o600))
    connection = open_writer(fresh)
    connection.row_factory = None
    lend(connection, functions)
    migrate(connection, migrations, str(fresh))
    return connection


def _version(path: Path) -> int:
    """The schema's number in the header, where that is in one piece; else 0."""
    with path.open("rb") as file:
        head = file.read(100)
    known = head.startswith(MAGIC) and head[68:72] == APPLICATION_ID.to_bytes(4, "big")
    return int.from_bytes(head[60:64], "big") if known else 0


@dataclass(slots=True, frozen=True)
class _Table:
    name: str
    root: int
    columns: tuple[str, ...]
    has_rowid: bool
    #: The column that is the rowid by another name; -1: none is.
    alias: int

    @property
    def insert(self) -> str:
        names = ", ".join(f'"{name}"' for name in self.columns)
        return f'INSERT OR IGNORE INTO "{self.name}" ({names}) VALUES ({", ".join("?" * len(self.columns))})'  # noqa: S608 - names of ours


#: By name.
_Tables: TypeAlias = dict[str, _Table]
#: Of the tables of a search index, by name: the root, and whether it has rowids.
_Derived: TypeAlias = dict[str, tuple[int, bool]]


def _layout(connection: sqlite3.Connection) -> tuple[_Tables, _Derived]:
    """
    The tables of a file of ours, parents before those that refer to them; and those of a search index.

    Those are made anew from the rows, by triggers, and not taken over.
    """
    found: _Tables = {}
    derived: _Derived = {}
    rows = connection.execute(
        "SELECT name, rootpage FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    )
    listed = connection.execute("PRAGMA table_list").fetchall()
    keyed = {name: bool(wr) for _, name, _, _, wr, _ in listed}
    kinds = {name: kind for _, name, kind, _, _, _ in listed}
    for name, root in rows.fetchall():
        if kinds[name] != "table":
            derived[name] = root, not keyed[name]
            continue
        columns = connection.execute(f'PRAGMA table_info("{name}")').fetchall()
        keys = [place for place, column in enumerate(columns) if column[5]]
        is_alias = len(keys) == 1 and columns[keys[0]][2] == "INTEGER" and not keyed[name]
        found[name] = _Table(
            name, root, tuple(column[1] for column in columns), not keyed[name], keys[0] if is_alias else -1
        )
    return found, derived


def tables_of(migrations: Sequence[str], functions: Mapping[str, Callable[..., Any]]) -> set[str]:
    """The names of our tables."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        lend(connection, functions)
        migrate(connection, migrations, "memory")
        return set(_layout(connection)[0])


def _rooted(path: Path, new: sqlite3.Connection, tables: _Tables, derived: _Derived) -> tuple[_Tables, _Derived]:
    """
    The layout with the roots that it has in a damaged file: as its schema says, where that can be read.

    Else as a file of its age has them, or one that was written anew since (`scrubbing`): whichever more of the rows fit.
    """
    with closing(Pages(path, {1: True})) as pages:
        rows = [row.values for row in pages.rows() if row.root == 1 and len(row.values) == 5]
    stated = {name: root for kind, name, _, root, _ in rows if kind == "table" and isinstance(root, int)}
    if tables.keys() | derived.keys() <= stated.keys():
        return (
            {name: replace(table, root=stated[name]) for name, table in tables.items()},
            {name: (stated[name], has_rowid) for name, (_, has_rowid) in derived.items()},
        )
    new.execute("VACUUM")
    return max(((tables, derived), _layout(new)), key=lambda layout: _fitting(path, *layout))


def _fitting(path: Path, tables: _Tables, derived: _Derived) -> int:
    """How many rows could be of the table whose root they lie under."""
    return sum(1 for found, values in _by_page(path, tables, derived, strays=False) if found and values)


def _by_page(
    path: Path, tables: _Tables, derived: _Derived, *, strays: bool = True
) -> Iterator[tuple[list[_Table], list[Any]]]:
    """Rows as they stand in the pages, and the tables that they may be of."""
    by_root = {table.root: table for table in tables.values()}
    # where a key is the table, its columns come first in the record
    pages = Pages(path, {table.root: table.has_rowid for table in tables.values()} | dict(derived.values()))
    made_anew = {root for root, _ in derived.values()}
    with closing(pages):
        for row in pages.rows():
            if row.root in made_anew or not (row.root or strays):
                continue
            likely = [by_root[row.root]] if row.root else list(tables.values())
            fitting = [one for one in likely if _fits(one, row.rowid, row.values)]
            for table in fitting[:1] if row.root else fitting:
                values = row.values.copy()
                if table.alias >= 0:
                    values[table.alias] = row.rowid
                yield [table], values


def _fits(table: _Table, rowid: int | None, values: Sequence[Any]) -> bool:
    return (
        len(values) == len(table.columns)
        and (rowid is not None) is table.has_rowid
        and (table.alias < 0 or values[table.alias] is None)
    )


def _by_name(path: Path, tables: dict[str, _Table]) -> Iterator[tuple[list[_Table], list[Any]]]:
    """Rows of a file that is in one piece, in the columns that both schemas have."""
    with closing(open_foreign(path)) as old:
        old.row_factory = sqlite3.Row
        for table in tables.values():
            with suppress(sqlite3.Error):
                for row in old.execute(f'SELECT * FROM "{table.name}"'):  # noqa: S608 - a name of ours
                    known = set(row.keys())
                    yield [table], [row[name] if name in known else None for name in table.columns]


def _insert(new: sqlite3.Connection, tables: dict[str, _Table], found: Iterator[tuple[list[_Table], list[Any]]]) -> int:
    """Take what was found; how many rows could not be."""
    statements = {name: table.insert for name, table in tables.items()}
    taken = left_out = 0
    new.execute("BEGIN")
    for likely, values in found:
        for table in likely:
            try:
                taken += new.execute(statements[table.name], values).rowcount > 0
            except (sqlite3.Error, OverflowError, UnicodeError):
                left_out += 1
        if (taken + left_out) % _BATCH == 0:
            new.execute("COMMIT")
            new.execute("BEGIN")
    new.execute("COMMIT")
    return left_out


def _without_dangling(new: sqlite3.Connection, tables: dict[str, _Table]) -> int:
    """Rows that refer to nothing are left out, or forget it, as the schema says for a row that goes; how many went."""
    gone, changed = 0, True
    while changed:
        changed = False
        for name in tables:
            for link in new.execute(f'PRAGMA foreign_key_list("{name}")').fetchall():
                _, _, parent, column, target, _, on_delete, _ = link
                lost = f'"{column}" IS NOT NULL AND "{column}" NOT IN (SELECT "{target}" FROM "{parent}")'  # noqa: S608 - names of ours
                if on_delete == "SET NULL":
                    new.execute(f'UPDATE "{name}" SET "{column}" = NULL WHERE {lost}')  # noqa: S608 - names of ours
                    continue
                count = new.execute(f'DELETE FROM "{name}" WHERE {lost}').rowcount  # noqa: S608 - names of ours
                gone, changed = gone + count, changed or count > 0
    return gone
