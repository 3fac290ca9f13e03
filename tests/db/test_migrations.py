"""The schema's way forward, and which files are refused."""

import sqlite3

import pytest

from proxy.db.migrations import APPLICATION_ID
from proxy.db.sqlite import Database
from proxy.errors import DatabaseError

FIRST = "CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;"
SECOND = "ALTER TABLE note ADD COLUMN stars INTEGER NOT NULL DEFAULT 0; CREATE INDEX note_stars ON note (stars);"
QUERIES = {
    "put": "INSERT INTO note (text) VALUES (:text)",
    "texts": "SELECT text FROM note",
    "stars": "SELECT text, stars FROM note",
}


def opened(path, migrations):
    return Database(path, queries=QUERIES, migrations=migrations)


def test_a_new_file_gets_the_whole_schema(tmp_path):
    """A new file gets every script in order, its number, and teelog's mark."""
    path = tmp_path / "notes.db"
    opened(path, [FIRST, SECOND]).close()

    plain = sqlite3.connect(path)
    assert plain.execute("PRAGMA user_version").fetchone() == (2,)
    assert plain.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    plain.close()


def test_an_older_file_is_brought_forward_with_its_rows(tmp_path):
    """A file of an older schema keeps its rows and gets only the scripts it lacks."""
    path = tmp_path / "notes.db"
    database = opened(path, [FIRST])
    database.write(lambda tx: tx.run("put", text="kept"))
    database.close()

    database = opened(path, [FIRST, SECOND])
    rows = database.read(lambda tx: [tuple(row) for row in tx.all("stars")])
    database.close()

    assert rows == [("kept", 0)]


def test_a_newer_schema_is_refused(tmp_path):
    """A file of a newer teelog is refused with a sentence that says so, and is left as it is."""
    path = tmp_path / "notes.db"
    opened(path, [FIRST, SECOND]).close()

    with pytest.raises(DatabaseError, match="newer teelog"):
        opened(path, [FIRST])

    opened(path, [FIRST, SECOND]).close()


def test_another_programs_file_is_refused(tmp_path):
    """A database that is not teelog's is refused and not written to."""
    path = tmp_path / "theirs.db"
    plain = sqlite3.connect(path)
    plain.execute("CREATE TABLE theirs (x)")
    plain.close()

    with pytest.raises(DatabaseError, match="another program"):
        opened(path, [FIRST])


def test_a_file_that_is_no_database_is_refused(tmp_path):
    """A file that is not a database at all is refused with `DatabaseError`."""
    path = tmp_path / "letter.db"
    path.write_bytes(b"Dear reader, this is not a database. " * 200)

    with pytest.raises(DatabaseError):
        opened(path, [FIRST])


def test_a_failing_script_changes_nothing(tmp_path):
    """A script that fails halfway leaves the file at the schema before it."""
    path = tmp_path / "notes.db"
    opened(path, [FIRST]).close()

    with pytest.raises(DatabaseError):
        opened(path, [FIRST, "CREATE TABLE half (x); CREATE TABLE note (y);"])

    database = opened(path, [FIRST])
    assert database.read(lambda tx: tx.all("texts")) == []
    database.close()


def test_a_script_may_outgrow_memory(tmp_path):
    """While scripts run, what they may have to take back lies on disk; afterwards small things are done in memory."""
    path = tmp_path / "notes.db"
    told = "CREATE TABLE told AS SELECT temp_store FROM pragma_temp_store;"
    database = Database(
        path, queries={"now": "PRAGMA temp_store", "then": "SELECT temp_store FROM told"}, migrations=[told]
    )

    kept = database.write(lambda tx: (tx.all("then")[0]["temp_store"], tx.all("now")[0]["temp_store"]))
    database.close()

    assert kept == (1, 2)
