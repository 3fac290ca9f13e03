"""One connection: its settings, its lock, and what its errors mean."""

import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from proxy.db.connection import lock, log_pages, open_reader, open_writer, translated
from proxy.errors import DatabaseDamaged, DatabaseError, DatabaseUnavailable


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        pytest.param(sqlite3.SQLITE_FULL, DatabaseUnavailable, id="full disk"),
        pytest.param(sqlite3.SQLITE_IOERR_FSYNC, DatabaseUnavailable, id="fsync failed"),
        pytest.param(sqlite3.SQLITE_BUSY, DatabaseUnavailable, id="locked by another program"),
        pytest.param(sqlite3.SQLITE_CORRUPT, DatabaseDamaged, id="damaged"),
        pytest.param(sqlite3.SQLITE_READONLY, DatabaseUnavailable, id="read-only"),
        pytest.param(sqlite3.SQLITE_CONSTRAINT_UNIQUE, DatabaseError, id="not unique"),
        pytest.param(sqlite3.SQLITE_CONSTRAINT_CHECK, DatabaseError, id="a CHECK"),
        pytest.param(sqlite3.SQLITE_TOOBIG, DatabaseError, id="too big"),
        pytest.param(sqlite3.SQLITE_ERROR, DatabaseError, id="bad SQL"),
        pytest.param(None, DatabaseError, id="misuse found by the binding"),
    ],
)
def test_what_an_error_means(code, kind):
    """What the disk or the file refuses may work later; what a statement or its values cause would fail again."""
    foreign = sqlite3.OperationalError("in its words")
    if code is not None:
        foreign.sqlite_errorcode = code

    with pytest.raises(DatabaseError, match="put_note: in its words") as caught, translated("put_note"):
        raise foreign

    assert caught.type is kind
    assert caught.value.__cause__ is foreign


def test_settings(tmp_path):
    """The writer keeps references and survives a kill; the reader neither writes nor checkpoints; neither maps the file."""
    path = tmp_path / "notes.db"
    with closing(open_writer(path)) as writer, closing(open_reader(path)) as reader:
        told = {
            name: [one.execute(f"PRAGMA {name}").fetchone()[0] for one in (writer, reader)]
            for name in ("journal_mode", "foreign_keys", "query_only", "wal_autocheckpoint", "busy_timeout")
        }

    assert told == {
        "journal_mode": ["wal", "wal"],
        "foreign_keys": [1, 0],
        "query_only": [0, 1],
        "wal_autocheckpoint": [log_pages(shutil.disk_usage(tmp_path).total), 0],
        "busy_timeout": [5000, 5000],
    }


@pytest.mark.parametrize(
    ("disk", "pages"),
    [
        pytest.param(0, 1000, id="cannot be asked"),
        pytest.param(48 << 20, 1000, id="small"),
        pytest.param(1 << 30, 6553, id="a fortieth of it"),
        pytest.param(1 << 40, 8000, id="large"),
    ],
)
def test_the_log_leaves_room_on_the_disk(disk, pages):
    """The log is folded in sooner on a small disk."""
    assert log_pages(disk) == pages


def test_a_lock_is_given_up(tmp_path):
    """Who has the lock keeps others out until it is closed."""
    path = tmp_path / "notes.db"
    held = lock(path)
    with pytest.raises(DatabaseError, match="open already"):
        lock(path)
    os.close(held)

    os.close(lock(path))


def test_a_damaged_letter(tmp_path):
    """A reader gives text that is no UTF-8 as far as it is."""
    with closing(open_writer(tmp_path / "it.db")) as writer, closing(open_reader(tmp_path / "it.db")) as reader:
        writer.execute("CREATE TABLE note (text TEXT)")
        writer.execute("INSERT INTO note VALUES (CAST(x'61ff62' AS TEXT))")

        assert reader.execute("SELECT text FROM note").fetchone()["text"] == "a\ufffdb"


@pytest.mark.parametrize("open_one", [open_writer, open_reader])
def test_a_damaged_letter_is_read(open_one, tmp_path):
    """A text that is no UTF-8 any more is read all the same, with a mark where it is damaged."""
    with closing(open_writer(tmp_path / "x.db")) as writer:
        writer.execute("CREATE TABLE t (a TEXT)")
        writer.execute("INSERT INTO t VALUES (CAST(x'61ff62' AS TEXT))")
    with closing(open_one(tmp_path / "x.db")) as connection:
        assert connection.execute("SELECT a FROM t").fetchone()["a"] == "a\N{REPLACEMENT CHARACTER}b"
