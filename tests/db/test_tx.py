"""What a running transaction asks: row by row, with functions that it is lent, and for so long."""

import pytest

from proxy.db.sqlite import Database
from proxy.errors import DatabaseError, DatabaseInterrupted

QUERIES = {
    "put": "INSERT INTO note (text) VALUES (:text)",
    "text": "SELECT text FROM note WHERE key = :key",
    "put_file": "INSERT INTO file (data) VALUES (zeroblob(:size))",
    "data": "SELECT data FROM file WHERE key = :key",
}
MIGRATIONS = [
    "CREATE TABLE note (key INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT;"
    "CREATE TABLE file (key INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT;"
]
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def database(tmp_path):
    database = Database(
        tmp_path / "a.db", queries=QUERIES, migrations=MIGRATIONS, functions={"twice": lambda text: text * 2}
    )
    yield database
    database.close()


def test_a_question_has_its_values_bound(database):
    """A question's rows come with the values that were bound, through functions that the connection knows."""
    asked = database.read(lambda tx: [tuple(row) for row in tx.ask("SELECT twice(:text)", {"text": "a'b"})])

    assert asked == [("a'ba'b",)]


def test_a_new_row_has_a_key(database):
    """The key of a row that was added is its own, however many were added before."""
    keys = database.write(lambda tx: {text: tx.add("put", text=text) for text in ("a", "b", "c")})

    assert {text: database.read(lambda tx, key=key: tx.one("text", key=key)["text"]) for text, key in keys.items()} == {
        text: text for text in "abc"
    }


@pytest.mark.parametrize("data", [b"", b"a\0b", bytes(range(256)) * 10_000], ids=["none", "small", "over many pages"])
def test_a_value_is_filled(database, data):
    """What a value of its length is filled with is what is read."""

    def put(tx):
        key = tx.add("put_file", size=len(data))
        tx.fill("file", "data", key, data)
        return key

    key = database.write(put)
    assert database.read(lambda tx: tx.one("data", key=key)["data"]) == data


def test_a_read_has_so_many_seconds(database):
    """A read that would never end is ended, and the same connection goes on reading, without a limit."""

    def asked(tx):
        with pytest.raises(DatabaseInterrupted), tx.within(0.05):
            list(tx.ask(ENDLESS, {}))
        return [row[0] for row in tx.ask(f"{ENDLESS.replace('FROM n) ', 'FROM n WHERE i < 100000) ')}", {})]

    assert database.read(asked) == [100_000]


def test_a_read_cannot_write(database):
    """What is asked cannot change anything."""
    with pytest.raises(DatabaseError):
        database.read(lambda tx: list(tx.ask("CREATE TABLE t (a)", {})))
