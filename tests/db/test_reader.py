"""A file that another process may own, looked into."""

import sqlite3
from contextlib import closing

import pytest

from proxy.db.reader import Reader
from proxy.db.sqlite import Database
from proxy.errors import DatabaseError

SCHEMA = ["CREATE TABLE t (x INTEGER) STRICT;"]
QUERIES = {"put": "INSERT INTO t (x) VALUES (:x)", "all": "SELECT x FROM t ORDER BY x"}


@pytest.fixture
def path(tmp_path):
    """A file with one row, whose owner has closed it."""
    database = Database(tmp_path / "t.db", queries=QUERIES, migrations=SCHEMA)
    database.write(lambda tx: tx.run("put", x=1))
    database.close()
    return tmp_path / "t.db"


def read(reader):
    return [row["x"] for row in reader.read(lambda tx: tx.all("all"))]


def test_beside_its_owner(path):
    """Each read sees what the owner has committed by then, and holds nothing in between."""
    reader = Reader(path, QUERIES, SCHEMA)
    owner = Database(path, queries=QUERIES, migrations=SCHEMA)
    assert read(reader) == [1]
    owner.write(lambda tx: tx.run("put", x=2))

    assert read(reader) == [1, 2]
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    owner.close()
    reader.close()


def test_it_cannot_write(path):
    """SQLite refuses every write, and the next read is served all the same."""
    reader = Reader(path, QUERIES, SCHEMA)
    with pytest.raises(DatabaseError, match="readonly"):
        reader.read(lambda tx: tx.run("put", x=2))

    assert read(reader) == [1]
    reader.close()


def test_its_end_folds_nothing_into_the_file(path):
    """What a killed owner left in the log is read, and stays there for the next owner."""
    owner = sqlite3.connect(path, isolation_level=None)
    owner.execute("INSERT INTO t VALUES (2)")
    log = path.with_name("t.db-wal")
    left = path.with_name("left.db")
    left.write_bytes(path.read_bytes())
    left.with_name("left.db-wal").write_bytes(log.read_bytes())
    owner.close()

    reader = Reader(left, QUERIES, SCHEMA)
    assert read(reader) == [1, 2]
    reader.close()
    assert left.with_name("left.db-wal").stat().st_size > 0


@pytest.mark.parametrize(
    ("number", "cure"), [(0, "another program"), (2, "install the newer version")], ids=["foreign", "newer"]
)
def test_another_schema_is_refused(path, number, cure):
    """A file that this teelog could misread is not read."""
    with closing(sqlite3.connect(path)) as other:
        other.execute(f"PRAGMA user_version = {number}")
        other.execute(f"PRAGMA application_id = {0x7465656C if number else 1}")

    with pytest.raises(DatabaseError, match=cure):
        Reader(path, QUERIES, SCHEMA)


def test_an_older_schema_is_refused(path):
    """A file that was not brought forward yet is not read: nobody here may write to it."""
    with pytest.raises(DatabaseError, match="start it once"):
        Reader(path, QUERIES, [*SCHEMA, "CREATE TABLE u (x);"])


def test_a_file_that_is_not_there(tmp_path):
    """No file is made."""
    with pytest.raises(DatabaseError, match="unable to open"):
        Reader(tmp_path / "gone.db", QUERIES, SCHEMA)

    assert list(tmp_path.iterdir()) == []


def test_a_path_with_signs_of_an_address(tmp_path):
    """Names with `?`, `%` and `#` are names."""
    path = tmp_path / "a?b%20#c.db"
    Database(path, queries=QUERIES, migrations=SCHEMA).close()

    Reader(path, QUERIES, SCHEMA).close()
