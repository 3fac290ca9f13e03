"""The recorder: every record once, and none stops the others."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
import structlog

from proxy.config import Conversation, JournalConfig
from proxy.errors import DatabaseUnavailable
from proxy.journal.reader import JournalReader, Position
from proxy.journal.writer import JournalWriter
from proxy.outbox.reading import Reading, Told
from proxy.outbox.recorder import BATCH, TRIES, Recorder
from proxy.outbox.store import Store

from ..fakes import NOW
from .scenes import SECRET, Script, assistant, exchange, note, user

ROOT = Path(__file__).parents[2]


class Poison(Reading):
    """Reads as usual, but raises for a record that holds the word."""

    def __init__(self, word=b"poison"):
        super().__init__(Conversation())
        self.word = word
        self.attempts = 0

    def read(self, payload) -> Told:
        if self.word in payload:
            self.attempts += 1
            raise ZeroDivisionError("quoting the poison")
        return super().read(payload)


def made(store, source, reading=None, **more):
    return Recorder(store, source, reading or Reading(Conversation()), clock=lambda: NOW, **more)


def run_out(recorder):
    """Step until nothing is left; how many records that were."""
    total = 0
    while done := recorder.step():
        total += done
    return total


def questions(store):
    """The first question of every conversation, as stored."""
    return column(store, "SELECT json_extract(body, '$.content') FROM message WHERE place = 1 ORDER BY key")


def column(store, query):
    with closing(sqlite3.connect(store._database._path)) as plain:
        return [row[0] for row in plain.execute(query)]


def talks(*words):
    return [exchange([user(word)]) for word in words]


def test_records_become_conversations(store):
    """Records are read to the end, the position with them, and what was read is released."""
    source = Script(*talks("one", "two", "three"))
    recorder = made(store, source)

    assert run_out(recorder) == 3
    assert questions(store) == ["one", "two", "three"]
    assert store.position("journal") == (Position(0, 3), 0)
    assert source.released[-1] == Position(0, 3)


def test_a_cut_answer_behind_its_follow_up(store):
    """A follow-up that was journaled first is recorded last, however many chats have said the same before."""
    begun, cut = [user("hi")], [user("hi"), assistant("Hello"), user("how?")]
    follow_up = exchange([*cut, assistant("one"), user("so?")], "So", name="e-2")
    late = exchange(cut, "one two", name="e-1", interrupted="client")
    recorder = made(store, Script(*talks(*map(str, range(BATCH))), exchange(begun), exchange(begun), follow_up, late))
    run_out(recorder)

    assert column(store, "SELECT last_place FROM conversation WHERE last_place > 2") == [6]
    assert column(store, "SELECT id FROM message WHERE place > 3 ORDER BY place") == ["e-1", "e-2.h4", "e-2"]


def test_what_may_not_be_stored_waits(store):
    """While nothing new may be stored, nothing is read, counted as tried, or removed; then it goes on."""
    why = ["the disk is full"]
    source = Script(*talks("one"))
    recorder = made(store, source, refuses=lambda: why[0])
    with pytest.raises(DatabaseUnavailable, match="the disk is full"):
        recorder.step()
    assert (questions(store), store.position("journal"), source.released) == ([], (Position(0, 0), 0), [])

    why[0] = ""
    assert run_out(recorder) == 1
    assert questions(store) == ["one"]


def test_more_than_a_batch(store):
    """A long journal is read in batches, in order."""
    words = [f"q{n}" for n in range(2 * BATCH + 10)]

    assert run_out(made(store, Script(*talks(*words)))) == len(words)
    assert questions(store) == words


def test_a_new_recorder_goes_on_where_the_last_one_was(store):
    """After a restart nothing is repeated and nothing skipped."""
    payloads = talks("one", "two", "three")
    run_out(made(store, Script(*payloads[:2])))
    run_out(made(store, Script(*payloads)))

    assert questions(store) == ["one", "two", "three"]
    assert column(store, "SELECT name || ' ' || value FROM counter") == ["recorded 3"]


def test_a_turn_and_its_thumb_in_one_batch(store):
    """Turns of one conversation and feedback on them are put together within one batch."""
    first = exchange([user("hi")], name="e-1")
    second = exchange([user("hi"), assistant("Hello"), user("how?")], "Well", name="e-2")
    run_out(made(store, Script(first, second, note(messageId="e-2"))))

    assert column(store, "SELECT count(*) FROM conversation") == [1]
    assert column(store, "SELECT needs_rev FROM annotation") == [NOW + 1]


def test_the_courier_is_told(store):
    """After each transaction the courier is told that something may be due."""
    told = []
    run_out(made(store, Script(*talks("one")), recorded=lambda: told.append(len(questions(store)))))

    assert told == [1]


# ── poison ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("place", [0, 3, BATCH + 20], ids=["first", "among the first", "in a later batch"])
def test_a_record_that_raises_is_set_aside_alone(store, place):
    """A record that raises is tried three times, set aside with reason and payload, and the others are recorded."""
    words = [f"q{n}" for n in range(BATCH + 40)]
    payloads = talks(*words)
    payloads[place] = exchange([user("poison")], name="e-bad")
    reading = Poison()
    run_out(made(store, Script(*payloads), reading))

    assert questions(store) == words[:place] + words[place + 1 :]
    assert column(store, "SELECT id FROM failed_exchange") == ["e-bad"]
    assert column(store, "SELECT payload FROM failed_exchange") == [payloads[place]]
    assert reading.attempts - (place > BATCH) == TRIES
    assert store.position("journal") == (Position(0, len(payloads)), 0)


def test_the_reason_does_not_quote_the_record(store):
    """Of a foreign error its kind and place are told, not its words: they may quote what was being read."""
    run_out(made(store, Script(exchange([user("poison")])), Poison()))

    (reason,) = column(store, "SELECT reason FROM failed_exchange")
    assert reason.startswith("ZeroDivisionError in read, test_recorder.py:")


def test_an_unreadable_record_is_set_aside_at_once(store):
    """A record that cannot be understood is set aside without another try, in the same transaction as the others."""
    one, three = talks("one", "three")
    run_out(made(store, Script(one, b"\x00\x00\x00\x01{", three)))

    assert questions(store) == ["one", "three"]
    assert column(store, "SELECT id || payload FROM failed_exchange") == ["\x00\x00\x00\x01{"]


@pytest.mark.parametrize("bound", [{"most_failed": 3}, {"most_failed_bytes": 3 * 100 + 99}], ids=["number", "size"])
def test_what_cannot_be_read_is_kept_up_to_a_bound(tmp_path, bound):
    """Of records that nothing can be made of the oldest go when there are too many or too much, and are counted."""
    with closing(Store(tmp_path / "teelog.db", secret=SECRET, **bound)) as store:
        run_out(made(store, Script(*(b"%03d" % n + bytes(97) for n in range(10)))))

        assert column(store, "SELECT CAST(substr(payload, 1, 3) AS TEXT) FROM failed_exchange") == ["007", "008", "009"]
        assert column(store, "SELECT name || value FROM counter ORDER BY name") == ["set_aside10", "set_aside_lost7"]


def test_a_record_that_kills_the_process(tmp_path):
    """A record that kills the recorder is set aside at the fourth start; what came before and after is recorded."""
    script = (
        "import os, sys, pathlib\n"
        "from proxy.config import Conversation\n"
        "from proxy.outbox.reading import Reading\n"
        "from proxy.outbox.recorder import Recorder\n"
        "from proxy.outbox.store import Store\n"
        "from tests.outbox.scenes import SECRET, Script, exchange, user\n"
        "class Deadly(Reading):\n"
        "    def read(self, payload):\n"
        "        return os.kill(os.getpid(), 9) if b'deadly' in payload else super().read(payload)\n"
        "store = Store(pathlib.Path(sys.argv[1]), secret=SECRET)\n"
        "payloads = [exchange([user(word)], name=f'e-{word}') for word in ('one', 'deadly', 'three')]\n"
        "recorder = Recorder(store, Script(*payloads), Deadly(Conversation()))\n"
        "while recorder.step(): pass\n"
        "store.close()\n"
    )
    path = tmp_path / "teelog.db"
    command = [sys.executable, "-c", script, str(path)]

    codes = [subprocess.run(command, check=False, cwd=ROOT).returncode for _ in range(TRIES + 1)]
    assert codes == [-9] * TRIES + [0]
    store = Store(path, secret=SECRET)
    assert questions(store) == ["one", "three"]
    assert column(store, "SELECT id || ': ' || reason FROM failed_exchange") == ["e-deadly: the recorder died of it"]
    store.close()


class Refusing(Store):
    """A store whose disk is full for a while: so many transactions of records are refused."""

    refusals = 0

    def take(self, *values):
        if self.refusals:
            self.refusals -= 1
            raise DatabaseUnavailable("the disk is full")
        return super().take(*values)


@pytest.mark.parametrize("start", [0, BATCH], ids=["one by one", "in a batch"])
def test_a_full_disk_is_no_records_fault(tmp_path, start):
    """While the database refuses, records are tried again and again, and none is set aside."""
    store = Refusing(tmp_path / "teelog.db", secret=SECRET)
    words = [f"q{n}" for n in range(start + 2)]
    recorder = made(store, Script(*talks(*words)))
    assert start == 0 or recorder.step() == BATCH
    store.refusals = 2 * TRIES
    for _ in range(2 * TRIES):
        with pytest.raises(DatabaseUnavailable):
            recorder.step()
    run_out(recorder)

    assert questions(store) == words
    assert column(store, "SELECT count(*) FROM failed_exchange") == [0]
    store.close()


def test_a_pipe_gives_its_records_once(tmp_path):
    """A batch whose transaction was refused is kept, since a pipe does not give it again."""
    store = Refusing(tmp_path / "teelog.db", secret=SECRET)
    source = Script(*talks("one", "two"))
    recorder = made(store, source, name="pipe")
    store.refusals = 1
    with pytest.raises(DatabaseUnavailable):
        recorder.step()
    source.payloads = [b"gone"] * 2
    run_out(recorder)

    assert questions(store) == ["one", "two"]
    store.close()


# ── the journal ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_removed_before_its_outcome_is_on_file(store):
    """A source is told to let go only of what the store has made use of."""
    source = Script(*talks(*(f"q{n}" for n in range(BATCH + 5))))
    source.release = lambda position: source.released.append(position <= store.position("journal")[0])
    run_out(made(store, source))

    assert source.released
    assert all(source.released)


async def test_from_the_journal_to_conversations(store, tmp_path):
    """Exchanges go through real journal files into the store, whose segments disappear once they are made use of."""
    folder = tmp_path / "journal"
    loop = asyncio.get_running_loop()
    stored = asyncio.Queue()
    for part in range(3):  # each start is a segment
        writer = JournalWriter(folder, JournalConfig(), loop)
        writer.start()
        for number in range(20):
            assert writer.append(exchange([user(f"q{part}-{number}")], name=f"e-{part}-{number}"), stored.put_nowait)
        assert all([await asyncio.wait_for(stored.get(), 10) for _ in range(20)])
        writer.close(10)
    assert len(list(folder.iterdir())) >= 3

    reader = JournalReader(folder)
    assert run_out(made(store, reader)) == 60
    reader.close()
    assert questions(store) == [f"q{part}-{number}" for part in range(3) for number in range(20)]
    assert len(list(folder.iterdir())) <= 1


# ── the thread ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_thread_notices_records_and_drains(store):
    """A running recorder is woken for new records, and makes use of all there is before it ends."""
    done = threading.Event()
    source = Script()
    recorder = made(store, source, recorded=done.set)
    recorder.start()
    source.payloads += talks("one")
    recorder.wake()
    assert done.wait(10)
    source.payloads += talks("two", "three")

    assert recorder.drain(10)
    assert questions(store) == ["one", "two", "three"]
    assert source.closed


def test_the_thread_survives_a_journal_that_cannot_be_read(store):
    """A read that fails is tried again."""
    source = Script(*talks("one"))
    failures = [OSError("gone for a moment")] * 3
    done = threading.Event()

    def before_read():
        if failures:
            raise failures.pop()

    source.before_read = before_read
    recorder = made(store, source, recorded=done.set)
    recorder.start()
    while not done.wait(0.01):
        recorder.wake()
    recorder.drain(10)

    assert not failures
    assert questions(store) == ["one"]


def test_one_line_for_each_exchange(store):
    """The log has one line for each exchange, with ids and sizes; no words of the chat, no key."""
    with structlog.testing.capture_logs() as lines:
        run_out(made(store, Script(exchange([user("very private")], "as private", key="sk-very-secret", name="e-1"))))
        run_out(made(store, Script(b"", exchange([user("very private")], status=500, body=b"{}", name="e-2"))))

    assert [line["event"] for line in lines] == ["exchange.recorded", "exchange.passed"]
    assert lines[0]["conversation"].startswith("conv_")
    assert (lines[0]["id"], lines[0]["duration_ms"], lines[0]["completion_tokens"]) == ("e-1", 500, 2)
    assert (lines[1]["id"], lines[1]["outcome"], lines[1]["status"]) == ("e-2", "refused", 500)
    assert "private" not in repr(lines)
    assert "secret" not in repr(lines)
