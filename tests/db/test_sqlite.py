"""One writer, a few readers, and what happens when they fail."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from proxy.db.sqlite import Database
from proxy.db.writer import GROUP
from proxy.errors import DatabaseError, DatabaseUnavailable

ROOT = Path(__file__).parents[2]
MIGRATIONS = ["CREATE TABLE note (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE, size INTEGER) STRICT;"]
QUERIES = {
    "put": "INSERT INTO note (text, size) VALUES (:text, :size)",
    "drop": "DELETE FROM note",
    "count": "SELECT count(*) AS n FROM note",
    "texts": "SELECT text FROM note ORDER BY id",
    "shrink": "PRAGMA max_page_count = 8",
    "level": "PRAGMA synchronous",
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "notes.db"


@pytest.fixture
def database(path):
    database = Database(path, queries=QUERIES, migrations=MIGRATIONS)
    yield database
    database.close()


def put(text, size=None):
    return lambda tx: tx.run("put", text=text, size=size)


def texts(database):
    return database.read(lambda tx: [row["text"] for row in tx.all("texts")])


class Jam:
    """Keeps the writer busy until it is let go, so that what is handed in meanwhile makes one group."""

    def __init__(self, database):
        self.entered, self._go = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=database.write, args=(self._work,))
        self._thread.start()
        assert self.entered.wait(10)

    def _work(self, _):
        self.entered.set()
        assert self._go.wait(10)

    def let_go(self):
        self._go.set()
        self._thread.join(10)


async def together(database, *works):
    """Hands several works in while the writer is busy; what each returned or raised."""
    jam = Jam(database)
    waiting = [asyncio.ensure_future(database.awrite(work)) for work in works]
    await asyncio.sleep(0)
    jam.let_go()
    return await asyncio.gather(*waiting, return_exceptions=True)


def test_what_was_written_is_read(database):
    """A write is seen by every read after it."""
    assert database.write(put("one")) == 1
    database.write(lambda tx: tx.many("put", [{"text": "two", "size": 2}, {"text": "three", "size": 3}]))

    assert texts(database) == ["one", "two", "three"]
    assert database.read(lambda tx: tx.one("count"))["n"] == 3


async def test_the_same_from_an_event_loop(database):
    """`awrite` and `aread` do what `write` and `read` do, without blocking the loop."""
    await database.awrite(put("one"))

    assert (await database.aread(lambda tx: tx.one("count")))["n"] == 1


def test_one_of_nothing_is_none(database):
    """`one` of a query without rows is None."""
    assert database.read(lambda tx: tx.one("texts")) is None


def test_a_read_is_a_snapshot(database):
    """A read sees one state of the file, whatever is written while it runs."""

    def twice(tx):
        before = tx.one("count")["n"]
        database.write(put("meanwhile"))
        return before, tx.one("count")["n"]

    assert database.read(twice) == (0, 0)
    assert texts(database) == ["meanwhile"]


def test_a_reader_cannot_write(database):
    """A read that tries to write is refused and changes nothing."""
    with pytest.raises(DatabaseError):
        database.read(put("sneaked in"))

    assert texts(database) == []


def test_a_failing_read_frees_its_connection(database):
    """A read that raises leaves its thread ready for the next."""
    for _ in range(20):
        with pytest.raises(ZeroDivisionError):
            database.read(lambda _: 1 // 0)

    assert texts(database) == []


async def test_a_work_that_fails_inside_a_group_is_undone_alone(database):
    """Of several works in one commit, the one that raises is undone and told so; the others are kept."""

    def half(tx):
        put("half")(tx)
        raise RuntimeError("halfway")

    outcomes = await together(database, put("before"), half, put("before"), put("after"))

    assert outcomes[0] == outcomes[3] == 1
    assert isinstance(outcomes[1], RuntimeError)
    assert isinstance(outcomes[2], DatabaseError)
    assert texts(database) == ["before", "after"]


async def test_more_works_than_a_group_are_all_done(database):
    """More works than one commit takes are done in their order, in several."""
    names = [f"note {n}" for n in range(2 * GROUP + 3)]

    assert await together(database, *map(put, names)) == [1] * len(names)
    assert texts(database) == names


async def test_a_commit_that_cannot_happen_fails_everyone_in_it(database):
    """When the disk is full in the middle of a group nothing of the group happened, and everyone is told."""
    database.write(lambda tx: tx.all("shrink"))

    outcomes = await together(database, put("small"), put("x" * 100_000), put("also small"))

    assert [type(outcome) for outcome in outcomes] == [DatabaseUnavailable] * 3
    assert texts(database) == []
    database.write(put("there is room for this"))
    assert texts(database) == ["there is room for this"]


async def test_a_work_cancelled_while_it_waits_does_not_happen(database):
    """A work whose caller gave up before its turn is left out."""
    jam = Jam(database)
    unwanted = asyncio.ensure_future(database.awrite(put("unwanted")))
    wanted = asyncio.ensure_future(database.awrite(put("wanted")))
    await asyncio.sleep(0)
    unwanted.cancel()
    await asyncio.sleep(0)
    jam.let_go()
    await wanted

    assert texts(database) == ["wanted"]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        pytest.param({"text": None}, DatabaseError, id="constraint"),
        pytest.param({"text": "big", "size": 1 << 70}, DatabaseError, id="integer too large"),
        pytest.param({"text": "\ud800"}, DatabaseError, id="half a surrogate pair"),
        pytest.param({"text": object()}, DatabaseError, id="not a value of SQL"),
        pytest.param({"text": "size", "size": "ten"}, DatabaseError, id="wrong type"),
    ],
)
def test_values_that_cannot_be_stored(database, values, kind):
    """Values at fault are `DatabaseError`, never `DatabaseUnavailable`: trying again would not help."""
    with pytest.raises(DatabaseError) as caught:
        database.write(lambda tx: tx.run("put", **{"size": None} | values))

    assert caught.type is kind
    assert caught.value.__cause__ is not None


async def test_close_while_works_wait(path):
    """Closing finishes what was handed in before; what comes after is refused."""
    database = Database(path, queries=QUERIES, migrations=MIGRATIONS)
    jam = Jam(database)
    waiting = [asyncio.ensure_future(database.awrite(put(f"note {n}"))) for n in range(3)]
    await asyncio.sleep(0)
    closing = threading.Thread(target=database.close)
    closing.start()
    jam.let_go()
    assert await asyncio.gather(*waiting) == [1, 1, 1]
    closing.join(10)

    for late in (lambda: database.write(put("late")), lambda: texts(database)):
        with pytest.raises(DatabaseError, match="closed"):
            late()
    database.close()
    again = Database(path, queries=QUERIES, migrations=MIGRATIONS)
    assert texts(again) == ["note 0", "note 1", "note 2"]
    again.close()


def test_two_opens_of_one_file(database, path):
    """A second opening of a file is refused with a sentence, and the first goes on."""
    with pytest.raises(DatabaseError, match="another teelog"):
        Database(path, queries=QUERIES, migrations=MIGRATIONS)

    database.write(put("still here"))
    assert texts(database) == ["still here"]


def test_a_closed_file_can_be_opened_again(path):
    """Opening and closing leaves no lock, no thread and no log file behind."""
    before = threading.active_count()
    for n in range(10):
        database = Database(path, queries=QUERIES, migrations=MIGRATIONS)
        database.write(put(f"note {n}"))
        assert len(texts(database)) == n + 1
        database.close()

    assert threading.active_count() == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["notes.db", "notes.db.lock"]


def test_a_missing_folder_is_a_clear_error(tmp_path):
    """A folder that is not there is named in the error."""
    with pytest.raises(DatabaseError, match="No such file"):
        Database(tmp_path / "nowhere" / "notes.db", queries={}, migrations=[])


def test_only_the_owner_may_read_the_files(database, path):
    """The file, its log and its lock have mode 0600."""
    database.write(put("private"))

    assert {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {
        "notes.db": 0o600,
        "notes.db-wal": 0o600,
        "notes.db-shm": 0o600,
        "notes.db.lock": 0o600,
    }


def test_kill_keeps_what_was_answered(path):
    """A process killed right after a write was answered has lost nothing."""
    script = (
        "import os, sys, pathlib\n"
        "from proxy.db.sqlite import Database\n"
        "from tests.db.test_sqlite import MIGRATIONS, QUERIES, put\n"
        "database = Database(pathlib.Path(sys.argv[1]), queries=QUERIES, migrations=MIGRATIONS)\n"
        "database.write(put('answered'))\n"
        "os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(path)], check=False, cwd=ROOT).returncode == -9

    database = Database(path, queries=QUERIES, migrations=MIGRATIONS)
    assert texts(database) == ["answered"]
    database.close()


@pytest.mark.parametrize(
    ("full_sync", "durable", "level"),
    [
        pytest.param(False, False, 1, id="with the kernel"),
        pytest.param(False, True, 2, id="on the disk, for one write"),
        pytest.param(True, False, 2, id="on the disk, always"),
    ],
)
def test_how_far_a_commit_goes(path, full_sync, durable, level):
    """A commit is synchronous NORMAL, and FULL, on the disk when it is reported, where that was asked for; once each."""
    database = Database(path, queries=QUERIES, migrations=MIGRATIONS, full_sync=full_sync)
    try:
        levels = [
            database.write(lambda tx: tx.one("level")[0], durable=durable),
            database.write(lambda tx: tx.one("level")[0]),
        ]
    finally:
        database.close()

    assert levels == [level, 2 if full_sync else 1]


def test_a_durable_write_beside_ordinary_ones(database):
    """Durable and ordinary writes keep their order and their meaning."""
    database.write(put("one"))
    database.write(put("two"), durable=True)
    database.write(put("three"))

    assert texts(database) == ["one", "two", "three"]


def test_settings(database, path):
    """The file is in WAL mode, can give pages back, and refuses rows that point nowhere."""
    database.write(put("one"))
    plain = sqlite3.connect(path)

    assert plain.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert plain.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    plain.close()
