"""What was deleted, looked for in the bytes of the files."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from proxy.db.sqlite import Database

SCHEMA = (
    "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT; CREATE INDEX note_text ON note (text);"
    "CREATE VIRTUAL TABLE search USING fts5 (text);"
)
QUERIES = {
    "put": "INSERT INTO note (text) VALUES (:text)",
    "index": "INSERT INTO search (rowid, text) SELECT id, text FROM note",
    "texts": "SELECT text FROM note",
    "say": "UPDATE note SET text = :text WHERE id = :id",
    "drop": "DELETE FROM note WHERE text LIKE '%secret%'",
    "forget": "DELETE FROM search WHERE rowid NOT IN (SELECT id FROM note)",
}


def found(path, words):
    return [one.name for one in path.parent.iterdir() if words in one.read_bytes()]


@pytest.fixture
def database(tmp_path):
    database = Database(tmp_path / "notes.db", queries=QUERIES, migrations=[SCHEMA])
    yield database
    database.close()


def filled(database):
    def fill(tx):
        for number in range(200):
            tx.run("put", text=f"{'secret' if number % 3 else 'plain'} {number} " + "x" * (number * 37))
        tx.run("say", id=1, text="overwritten")
        tx.run("index")

    database.write(fill)


def test_what_was_deleted_is_in_no_file(tmp_path, database):
    """After a scrub neither the file, nor its log, nor its full-text index has a byte of what was deleted."""
    filled(database)
    database.write(lambda tx: (tx.run("drop"), tx.run("forget")))
    assert found(tmp_path / "notes.db", b"secret") != []

    database.scrub()
    assert found(tmp_path / "notes.db", b"secret") == []
    assert found(tmp_path / "notes.db", b"plain 3 ") == ["notes.db"]
    assert (tmp_path / "notes.db-wal").stat().st_size == 0


def test_what_an_older_file_left_lying_is_gone_too(tmp_path):
    """What was deleted before there was any care lies in free pages until a scrub."""
    path = tmp_path / "notes.db"
    Database(path, queries=QUERIES, migrations=[SCHEMA]).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as careless:
        careless.execute("PRAGMA secure_delete = OFF")
        careless.executemany("INSERT INTO note (text) VALUES (?)", [(f"secret {n} {'y' * 5000}",) for n in range(50)])
        careless.execute("DELETE FROM note")
    assert found(path, b"secret") == ["notes.db"]

    with closing(Database(path, queries=QUERIES, migrations=[SCHEMA])) as database:
        database.scrub()
        assert found(path, b"secret") == []


def test_writes_go_on_around_it(database):
    """Works that were handed in before and after a scrub all happen."""
    with ThreadPoolExecutor(4) as threads:
        writing = [threads.submit(database.write, lambda tx, n=n: tx.run("put", text=f"{n}")) for n in range(100)]
        database.scrub()
        assert [one.result() for one in writing] == [1] * 100

    assert len(database.read(lambda tx: tx.all("texts"))) == 100


def test_a_reader_is_waited_for(tmp_path, database):
    """A scrub while somebody reads ends once the reader is done."""
    filled(database)
    with closing(sqlite3.connect(tmp_path / "notes.db", check_same_thread=False)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM note").fetchone()
        with ThreadPoolExecutor(1) as threads:
            scrubbing = threads.submit(database.scrub)
            database.read(lambda tx: tx.all("texts"))
            assert not scrubbing.done()
            reader.execute("ROLLBACK")
            scrubbing.result(20)
