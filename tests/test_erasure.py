"""An erasure as a whole, on a store of its own: what it tells, what it leaves, and what it cannot do."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager

import pytest

from proxy.config import Config, Conversation, Delivery
from proxy.erasure import ERASE, Erasure, Place, sinks_to_ask
from proxy.errors import CommandRefused, DatabaseUnavailable
from proxy.journal.folder import FolderSink, Limits
from proxy.journal.frame import frame
from proxy.journal.reader import Position
from proxy.outbox.reading import Reading
from proxy.outbox.store import ANALYTICS, Store

from .fakes import NOW
from .outbox.scenes import SECRET, exchange, read, user


class Local:
    """The local server's database, as far as an erasure sees it."""

    def __init__(self, *ids, broken=False):
        self.ids, self.broken, self.counts, self.asked = ids, broken, Counter(), []

    def found(self):
        yield from ({"conversation": name, "messages": 1, "since": "-", "last": "-"} for name in self.ids)

    def run(self, gone, names, now):
        self.asked.append((dict(gone), "a-1" in names, now))
        self.counts["conversations"] += len(self.ids)

    def scrub(self):
        if self.broken:
            raise DatabaseUnavailable("scrub: disk is full")


@pytest.fixture
def place(tmp_path):
    """A data folder with two conversations, and files that nobody can read through."""
    store = Store(tmp_path / "teelog.db", secret=SECRET)
    for name in ("a-1", "b-2"):
        item = read(exchange([user(f"hi {name}")], headers=[("x-teelog-conversation-id", name)]))
        store.take([item], "journal", Position(0, 0), NOW)
    (tmp_path / "journal").mkdir()
    for name in (
        "teelog.db.1.damaged",
        "teelog.db.1.damaged-wal",
        "analytics.db.1.damaged",
        "journal/1.unreadable",
        "secret.1.damaged",
    ):
        (tmp_path / name).write_text("words")

    def put(local=None, **more):
        @contextmanager
        def opened(**_filters):
            yield local

        databases = (tmp_path / "teelog.db", tmp_path / "analytics.db")
        return Place(
            tmp_path,
            databases,
            store,
            Reading(Conversation()),
            opened,
            **{"sinks": (), "catch_up": lambda: None} | more,
        )

    yield put
    store.close()


def asked(place, **request):
    """All lines of the answer, and its sum."""
    erasure = Erasure(place, record_seconds=0, gone_seconds=0, clock=lambda: NOW + 1000, sleep=lambda _seconds: None)
    *lines, done = erasure.answer({"verb": ERASE, **request})
    return lines, done


ASIDE = ["1.unreadable", "teelog.db.1.damaged", "teelog.db.1.damaged-wal", "analytics.db.1.damaged"]


def test_a_dry_run_changes_nothing(place, tmp_path):
    """It tells what would go, conversations and files, and all of it is there afterwards."""
    lines, done = asked(place(Local("x-3")), ids=["a-1"], dry_run=True)

    assert [line["conversation"] for line in lines] == ["a-1", "x-3"]
    assert done == {"matched": 2, "dry_run": True, "files": ASIDE, "troubles": []}
    assert asked(place(), ids=["a-1"], dry_run=True)[1]["matched"] == 1
    assert (tmp_path / "teelog.db.1.damaged").exists()


def test_what_went_is_told(place, tmp_path):
    """Each place is told with what went from it; what the local server has of it goes there, by id and rev."""
    local = Local("x-3")
    lines, done = asked(place(local), ids=["a-1"])

    assert (done["matched"], done["store"], done["local"]) == (
        2, {"conversations": 1, "messages": 2, "outbox": 1}, {"conversations": 1}
    )  # fmt: skip
    assert done["files"] == ASIDE
    assert local.asked == [({"a-1": NOW}, True, NOW + 1000)]
    assert [line["conversation"] for line in lines] == ["a-1", "x-3"]
    assert (done["troubles"], done["sink"]["asked"]) == ([], 0)
    assert {path.name for path in tmp_path.iterdir()} >= {"secret.1.damaged"}


def test_nothing_matches(place, tmp_path):
    """Where nothing matches nothing goes, and what could not be searched is named."""
    lines, done = asked(place(), users=["nobody"])

    assert (lines, done["matched"], done["files"], done["kept"]) == ([], 0, [], ASIDE)
    assert (tmp_path / "journal" / "1.unreadable").exists()


def test_what_cannot_be_done_is_told(place, tmp_path):
    """What is still in the journal, and a database that cannot be written anew, are troubles; the rest is done."""
    sink = FolderSink(tmp_path / "journal", b"markmark", Limits(2**30), power=True)
    sink.write([frame(b"words", b"markmark")])
    _, done = asked(place(Local(broken=True)), ids=["a-1"])
    sink.close()

    assert [one.partition(":")[0] for one in done["troubles"]] == [
        "not all that was journaled is recorded yet",
        "bytes of what was erased may still lie in a database",
        "raw exchanges of before still lie in the journal",
    ]
    assert done["store"]["conversations"] == 1


def test_what_is_on_its_way_is_waited_for(place):
    """The local server is erased from only when nothing is on its way there any more; and only where there is one."""
    order = []
    local = Local()
    local.run = lambda *_: order.append("erased")
    asked(place(local, settled=lambda: order.append("settled")), ids=["a-1"])
    asked(place(None, settled=lambda: order.append("settled")), ids=["b-2"])

    assert order == ["settled", "erased"]


def test_the_sinks_are_given_a_moment(place):
    """Whoever delivers is told at once, and the answer says how it stood after a moment; without anybody it waits not."""
    told = []
    _, done = asked(place(sinks=(ANALYTICS,), queued=lambda: told.append(1)), ids=["unknown"])

    assert (told, done["sink"]) == ([1], {"asked": 1, "waiting": 1, "refused": 0, "events_left": 0})
    assert asked(place(sinks=(ANALYTICS,)), ids=["unknown 2"])[1]["sink"]["waiting"] == 2


@pytest.mark.parametrize("request_", [{}, {"ids": []}, {"users": [""]}, {"what": 1}], ids=str)
def test_what_cannot_be_asked(place, request_):
    """A request without a filter, or with one that is none, is refused before anything is done."""
    with pytest.raises(CommandRefused):
        asked(place(), **request_)


def test_which_sinks_are_asked():
    """The local server is erased from at once; any other sink is asked."""
    assert sinks_to_ask(Config()) == ()
    assert sinks_to_ask(Config(delivery=Delivery(url="https://analytics.example"))) == (ANALYTICS,)
