"""`teelog export` as a shell runs it: from either store, beside a running teelog or alone, in bounded memory."""

from __future__ import annotations

import csv
import io
import json
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest

from proxy.analytics.conversations import log
from proxy.analytics.store import open_database
from proxy.core.fields import time_text
from proxy.core.wire import read_conversation
from proxy.errors import DatabaseError
from proxy.folder import Folder
from proxy.journal.reader import Position
from proxy.outbox.store import Store
from tests.e2e.process import ROOT, Teelog, said_on
from tests.e2e.test_serve import chat
from tests.fakes import NOW
from tests.outbox.scenes import exchange, read, user

DAY = 24 * 3_600_000


def environment():
    return {k: v for k, v in os.environ.items() if not k.startswith(("TEELOG_", "INKEEP_", "UPSTREAM_"))}


def command(folder, *words, **settings):
    words = [sys.executable, "-m", "proxy", "export", *words, "--data-dir", str(folder)]
    return {"args": words, "cwd": ROOT, "env": environment() | settings}


def export(folder, *words, **settings):
    """Runs `teelog export`; exit code, stdout, stderr."""
    done = subprocess.run(**command(folder, *words, **settings), capture_output=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr.decode()


def exported(folder, *words, **settings):
    """The conversations of an export as JSONL, by id."""
    code, out, err = export(folder, *words, **settings)
    assert code == 0, err
    return {one["id"]: one for one in map(json.loads, out.splitlines())}


def logged(path, count, *, text="hi"):
    """A local server's file with so many conversations, c000000 and so on, one a day."""
    posted = [
        {
            "id": f"c{number:06}", "type": "openai", "createdAt": time_text(NOW),
            "updatedAt": time_text(NOW + number * DAY), "userProperties": {"userId": f"u{number % 2}"},
            "messages": [{"id": f"m{number}", "role": "user", "content": text, "createdAt": time_text(NOW)}],
        }
        for number in range(count)
    ]  # fmt: skip
    database = open_database(path)
    database.write(lambda tx: [log(tx, read_conversation(one), NOW, lambda kind: kind) for one in posted])
    database.close()


@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_what_was_logged_comes_out(tmp_path, upstream, running):
    """An export has what the server answers for each conversation, while it runs and after it has ended."""
    with Teelog(tmp_path, upstream.url) as teelog:
        chat(teelog, "first", **{"x-teelog-user": "ada"})
        chat(teelog, "second", stream=True)
        told = teelog.until(lambda: len(found := teelog.conversations()) == 2 and found)
        if not running:
            assert teelog.stop() == 0
        found = exported(tmp_path / "data")
        users = exported(tmp_path / "data", "--user", "ada")
        code, out, err = export(tmp_path / "data", "--format", "csv")

    assert found == {one["id"]: one for one in told}
    assert [one["messages"][0]["content"] for one in users.values()] == ["first"]
    lines = list(csv.DictReader(io.StringIO(out.decode(), newline="")))
    assert code == 0
    assert sorted(line["content"] for line in lines) == ["echo of first", "echo of second", "first", "second"]
    assert err.startswith("2 conversations exported from the local analytics server's ")


def test_after_a_kill(tmp_path, upstream):
    """What a killed teelog had logged is exported without starting it again."""
    with Teelog(tmp_path, upstream.url) as teelog:
        chat(teelog, "hi")
        teelog.until(teelog.conversations)
        teelog.kill()

        assert len(exported(tmp_path / "data")) == 1


def test_from_the_outbox_where_delivery_goes_elsewhere(tmp_path, upstream):
    """Without a local server the export has what teelog itself holds, in the same form, and says so."""
    delivery = {"TEELOG_DELIVERY__URL": "http://127.0.0.1:9"}
    with Teelog(tmp_path, upstream.url, **delivery) as teelog:
        chat(teelog, "hi", **{"x-teelog-conversation-id": "mine", "x-teelog-user": "ada"})
        teelog.until(lambda: teelog.status()["recorder"].get("sinks", {}).get("analytics", {}).get("depth"))
        found = exported(tmp_path / "data", **delivery)
        _, _, err = export(tmp_path / "data", **delivery)
        assert exported(tmp_path / "data", "--user", "ada", **delivery) == found
        assert exported(tmp_path / "data", "--user", "bob", **delivery) == {}
        assert exported(tmp_path / "data", "--since", "1h", **delivery) == found
        assert exported(tmp_path / "data", "--until", "1h", **delivery) == {}

    assert [message["content"] for message in found["mine"]["messages"]] == ["hi", "echo of hi"]
    assert found["mine"]["userProperties"]["userId"] == "ada"
    assert "1 conversations exported from" in err
    assert "what teelog itself still holds" in err


def test_both_stores_have_one_form(tmp_path, upstream):
    """A conversation from the outbox has the fields that it has from the local server."""
    with Teelog(tmp_path, upstream.url) as teelog:
        chat(teelog, "hi", **{"x-teelog-conversation-id": "mine"})
        teelog.until(teelog.conversations)
        ours = exported(tmp_path / "data")["mine"]
        theirs = exported(tmp_path / "data", TEELOG_DELIVERY__URL="http://127.0.0.1:9")["mine"]

    assert set(ours) == set(theirs)
    assert [set(one) for one in ours["messages"]] == [set(one) for one in theirs["messages"]]
    assert ours["messagesOpenAIFormat"] == theirs["messagesOpenAIFormat"]


SPANS = {
    "since": (["--since", "2023-11-16T00:00Z"], ["c000002", "c000003"]),
    "until": (["--until", "2023-11-16T00:00Z"], ["c000000", "c000001"]),
    "both": (["--since", "2023-11-15", "--until", "2023-11-16T23:00+01:00"], ["c000001"]),
    "user": (["--user", "u1"], ["c000001", "c000003"]),
    "nobody": (["--user", "u9"], []),
}


@pytest.mark.parametrize("name", SPANS)
def test_filters(tmp_path, name):
    """Conversations are chosen by when they last changed, and by user; none is an export too."""
    logged(tmp_path / "analytics.db", 4)
    words, ids = SPANS[name]

    assert list(exported(tmp_path, *words)) == ids


def test_pages_are_put_together(tmp_path):
    """More conversations than one read asks for come all the same, each once, in order."""
    logged(tmp_path / "analytics.db", 1003)

    assert list(exported(tmp_path)) == [f"c{number:06}" for number in range(1003)]


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    """`--out` makes a file that only its owner reads, in place of the one before; a fault leaves that one alone."""
    logged(tmp_path / "analytics.db", 3)
    file = tmp_path / "out.jsonl"
    file.write_text("before")
    code, out, _ = export(tmp_path, "--out", str(file))
    assert (code, out) == (0, b"")
    assert len(file.read_text().splitlines()) == 3
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    with closing(sqlite3.connect(tmp_path / "analytics.db")) as database, database:
        database.execute("ALTER TABLE message RENAME TO elsewhere")
    assert export(tmp_path, "--out", str(file))[0] != 0
    assert len(file.read_text().splitlines()) == 3
    assert not list(tmp_path.glob(".out*"))
    assert export(tmp_path, "--out", str(tmp_path / "gone" / "f"))[0] == 2


def test_progress_is_for_a_terminal(tmp_path):
    """Whoever sits at a terminal sees how many there were until now; a file or a pipe gets one line at the end."""
    logged(tmp_path / "analytics.db", 3)
    ours, theirs = os.openpty()
    process = subprocess.Popen(**command(tmp_path), stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    said = said_on(ours)

    assert process.wait(60) == 0
    assert b"\r1 conversations" in said
    assert "\r" not in export(tmp_path)[2]


def test_memory_is_bounded(tmp_path):
    """An export of 60 MB takes hardly more memory than one of a few bytes."""
    peaks = []
    for name, count in (("small", 3), ("large", 3000)):
        (tmp_path / name).mkdir()
        logged(tmp_path / name / "analytics.db", count, text="x" * 20_000)
        process = subprocess.Popen(**command(tmp_path / name), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        assert status == 0
        peaks.append(usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024))

    print(f"peak {peaks[0] / 1e6:.0f} MB for 3 conversations, {peaks[1] / 1e6:.0f} MB for 3,000")
    assert peaks[1] - peaks[0] < 30e6


def test_a_slow_reader_does_not_hold_the_log(tmp_path):
    """While whoever reads the export pauses, the database's log can still be folded into the file."""
    path = tmp_path / "analytics.db"
    logged(path, 300, text="x" * 2000)
    process = subprocess.Popen(**command(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout.readline()  # it has begun, and soon waits for us
        database = open_database(path)
        posted = {"type": "openai", "messages": [{"id": "m", "role": "user", "content": "now"}], "id": "z"}
        database.write(lambda tx: log(tx, read_conversation(posted), NOW, lambda kind: kind))
        with closing(sqlite3.connect(path)) as other:
            (busy, *_) = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert busy == 0
        database.close()
        assert len(process.stdout.read().splitlines()) == 300  # the rest, and the new one
    finally:
        process.stdout.close()
        process.wait(30)


def test_a_reader_that_leaves(tmp_path):
    """`| head` ends the export without a traceback."""
    logged(tmp_path / "analytics.db", 300, text="x" * 2000)
    process = subprocess.Popen(**command(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdout.readline()
    process.stdout.close()

    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(30) == 1


def test_what_cannot_be_exported_is_said(tmp_path):
    """A folder without databases, a foreign file and a newer schema end with 2 and a reason; nothing is made."""
    code, out, err = export(tmp_path / "gone")
    assert (code, out) == (2, b"")
    assert "--data-dir" in err
    assert not (tmp_path / "gone").exists()

    with closing(sqlite3.connect(tmp_path / "analytics.db")) as foreign:
        foreign.execute("CREATE TABLE t (x)")
    assert "database of another program" in export(tmp_path)[2]

    logged(tmp_path / "new.db", 1)
    with closing(sqlite3.connect(tmp_path / "new.db")) as newer:
        newer.execute("PRAGMA user_version = 99")
    code, _, err = export(tmp_path, TEELOG_ANALYTICS__DATABASE=f"sqlite:///{tmp_path / 'new.db'}")
    assert code == 2
    assert "install the newer version" in err


def test_what_was_sampled_out_is_not_exported(tmp_path):
    """A conversation that was only followed has nothing to export."""
    store = Store(tmp_path / "teelog.db", secret=Folder(tmp_path).secret(), sample_rate=0.0)
    store.take([read(exchange([user("hi")]))], "journal", Position(0, 0), NOW)
    store.close()

    assert exported(tmp_path) == {}


def test_an_export_cannot_write(tmp_path):
    """The connection of an export refuses to change anything, in SQLite itself."""
    from proxy.analytics.store import definitions
    from proxy.db.reader import Reader

    logged(tmp_path / "analytics.db", 1)
    reader = Reader(tmp_path / "analytics.db", *definitions())
    with pytest.raises(DatabaseError, match="readonly"):
        reader.read(lambda tx: tx.run("drop_named_deletions"))
    reader.close()
