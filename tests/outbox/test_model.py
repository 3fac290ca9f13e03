"""Journal, recorder, store and courier together, through any sequence of what may happen to them; the promises hold."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from itertools import cycle
from pathlib import Path

import orjson
import pytest
import structlog
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from proxy.config import Conversation, Delivery, JournalConfig
from proxy.errors import BodyTooLarge, PermanentFailure, SinkBusy, SinkClosed, TransientFailure
from proxy.journal.reader import JournalReader
from proxy.journal.writer import JournalWriter
from proxy.outbox import held
from proxy.outbox.courier import Courier
from proxy.outbox.reading import Reading
from proxy.outbox.recorder import Recorder
from proxy.outbox.store import ANALYTICS, Store

from ..fakes import Clock
from ..journal.journals import store as journal
from .office import Sink, named_turn
from .scenes import SECRET

QUICK, ALL = 40, 2000
STEPS = 20
NAMES = [f"chat-{number}" for number in range(4)]
#: What a sink may answer; the last five leave open whether the body was, or will be, taken.
ANSWERS = {
    "taken": None,
    "refused": PermanentFailure("422"),
    "too large": BodyTooLarge("413"),
    "busy": SinkBusy("429", 30.0),
    "key": SinkClosed("401", "key"),
    "not now": TransientFailure("409"),
    "lost": TransientFailure("no answer", in_doubt=True),
    "taken, no answer": TransientFailure("no answer", in_doubt=True),
    "taken soon": TransientFailure("500", in_doubt=True),
    "taken late": TransientFailure("504", in_doubt=True),
    "busy, taken late": SinkBusy("503", 10.0, in_doubt=True),
}
#: After so many seconds of the sink's own time a body is taken whose answer was a failure.
TAKEN_AFTER = {"taken, no answer": 0.0, "taken soon": 5.0, "taken late": 55.0, "busy, taken late": 40.0}


class ModelSink(Sink):
    """Answers from a script, and applies late what it said nothing about."""

    def __init__(self, clock):
        super().__init__()
        self.clock, self.script, self.late = clock, cycle(["taken"]), []
        #: What was once too large, of which a smaller form may have come.
        self.too_large = set()

    async def post(self, path, body):
        self.apply_late()
        self.posts += 1
        name, told = next(self.script), orjson.loads(body)
        if name == "taken":
            self.take(path, told)
        if name in TAKEN_AFTER:
            self.late.append((self.clock.passed + TAKEN_AFTER[name], told))
            self.apply_late()
        if name == "too large":
            self.too_large.add(told["id"])
        if error := ANSWERS[name]:
            raise error

    def apply_late(self):
        """What was to come by now comes, in its order."""
        for at, told in sorted(self.late, key=lambda one: one[0]):
            if at <= self.clock.passed:
                self.take("/conversations", told)
        self.late = [one for one in self.late if one[0] > self.clock.passed]


class ModelClock(Clock):
    """A clock that can be set back; `passed` is the world's time, in seconds."""

    passed = 0.0

    def forward(self, seconds):
        super().forward(seconds)
        self.passed += seconds


class Model(RuleBasedStateMachine):
    """The two processes' parts, driven one step at a time."""

    def __init__(self):
        super().__init__()
        place = "/dev/shm" if Path("/dev/shm").is_dir() else None
        self.folder = Path(tempfile.mkdtemp(dir=place))
        self.loop = asyncio.new_event_loop()
        self.clock = ModelClock()
        self.sink = ModelSink(self.clock)
        #: Of each conversation what a client has seen finish; what a person gave up.
        self.finished: dict[str, list[str]] = {name: [] for name in NAMES}
        self.dropped: set[str] = set()
        self.revs: dict[int, tuple[int, int]] = {}
        self.lives = 0
        self.begin_relay()
        self.begin_recorder()

    # ── starts ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin_relay(self):
        self.writer = JournalWriter(self.folder / "journal", JournalConfig(), self.loop)
        self.writer.start()

    def begin_recorder(self):
        """A start on what lies there: it always succeeds."""
        path = self.folder / f"{self.lives}.db"
        self.store = Store(path, secret=SECRET, debounce_seconds=1.0)
        self.reader = JournalReader(self.folder / "journal")
        self.recorder = Recorder(self.store, self.reader, Reading(Conversation()), clock=self.clock)
        self.courier = Courier(
            self.store, self.sink, Delivery(recovery_per_second=1000.0), clock=self.clock,
            steady=lambda: self.clock.passed, chance=lambda: 0.5, sleep=self.clock.sleep,
        )  # fmt: skip
        self.run(self.store.take_over(ANALYTICS, self.clock()))

    def run(self, work):
        return self.loop.run_until_complete(work)

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(name=st.sampled_from(NAMES), turns=st.integers(1, 3))
    def clients_chat(self, name, turns):
        """Exchanges end, and their clients see it, once they are in the journal."""
        for _ in range(turns):
            words = f"{name} {len(self.finished[name])}"
            assert self.run(journal(self.writer, named_turn(words, name))) == [True]
            self.finished[name].append(f"re {words}")

    @rule()
    def the_recorder_steps(self):
        while self.recorder.step():
            pass

    @rule()
    def the_courier_delivers(self):
        self.run(self.courier.deliver_due())

    @rule(answers=st.lists(st.sampled_from(list(ANSWERS)), min_size=1, max_size=4))
    def the_sink_changes(self, answers):
        self.sink.script = cycle(answers)

    @rule(seconds=st.sampled_from([0.3, 2.0, 20.0, 70.0, 4000.0]))
    def time_passes(self, seconds):
        self.clock.forward(seconds)
        self.sink.apply_late()

    @rule(seconds=st.sampled_from([5, 3600, 100_000]))
    def the_clock_is_set_back(self, seconds):
        self.clock.now -= seconds * 1000

    @rule(sending=st.sampled_from(["", *TAKEN_AFTER]))
    def the_recorder_dies(self, sending):
        """`kill -9`, perhaps in the middle of a POST: what was committed is what a new one finds."""
        if sending:
            self.run(self._begin_to_send(TAKEN_AFTER[sending]))
        before = self.folder / f"{self.lives}.db"
        self.lives += 1
        for suffix in ("", "-wal"):
            part = before.with_name(before.name + suffix)
            if part.exists():
                shutil.copyfile(part, self.folder / f"{self.lives}.db{suffix}")
        self.end_recorder()
        self.begin_recorder()

    async def _begin_to_send(self, seconds):
        now = self.clock()
        for lease in await self.store.lease(ANALYTICS, now, now + 120_000, 2):
            parcel = await self.store.parcel(lease)
            self.sink.late.append((self.clock.passed + seconds, orjson.loads(parcel.body)))
        self.sink.apply_late()

    @rule(torn=st.binary(max_size=20))
    def the_relay_dies(self, torn):
        """The last segment ends in what was half written; nobody has seen the end of that."""
        assert self.writer.close(10)
        segment = max(one for one in (self.folder / "journal").iterdir() if one.is_file())
        with segment.open("ab") as file:
            file.write(torn)
        self.begin_relay()

    @rule()
    def a_person_retries(self):
        held.retry(self.store, held.Wanted(state="dead"), self.clock())

    @precondition(lambda self: any(self.finished.values()))
    @rule(name=st.sampled_from(NAMES))
    def a_person_drops_a_dead_letter(self, name):
        if held.drop(self.store, held.Wanted(ids=(name,), state="dead"))[0]:
            self.dropped.add(name)

    # ── what must hold ──────────────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def rows_keep_their_rules(self):
        """
        Neither what the sink has nor what it should have ever goes down, and it never has more than it should. Between
        two steps nobody sends, so that nothing is held.
        """
        for row in self.rows():
            wanted, sent = self.revs.get(row["key"], (0, 0))
            assert row["sent_rev"] <= row["wanted_rev"]
            assert row["sent_rev"] >= sent
            assert row["wanted_rev"] >= wanted or row["id"] in self.dropped
            assert row["state"] != "leased"
            self.revs[row["key"]] = (row["wanted_rev"], row["sent_rev"])

    def rows(self):
        every = {"after": 0, "sent": True, "state": None, "sink": None, "kind": None, "before": None, "reason": None,
                 "ids": None, "limit": 100}  # fmt: skip
        return self.store.read(lambda tx: tx.all("held", **every))

    def teardown(self):
        try:
            self.settle()
        finally:
            self.writer.close(10)
            self.end_recorder()
            self.loop.close()
            shutil.rmtree(self.folder)

    def settle(self):
        """The sink is well again: what is in the journal is recorded and delivered, and nothing late is left."""
        self.sink.script = cycle(["taken"])
        self.the_recorder_steps()
        for _ in range(100):
            self.run(self.courier.deliver_due())
            due = self.run(self.courier.next_due())
            if due is None:
                break
            self.clock.forward(max(0.0, (due - self.clock()) / 1000))
            self.sink.apply_late()
        assert due is None
        self.clock.forward(120.0)
        self.sink.apply_late()
        dead = {row["id"] for row in self.rows() if row["state"] == "dead"}
        for name, answers in self.finished.items():
            if answers and name not in dead and name not in self.dropped:
                self.sink_has(name)
        held.retry(self.store, held.Wanted(state="dead"), self.clock())
        self.run(self.courier.deliver_due())
        for name in dead:
            self.sink_has(name)

    def sink_has(self, name):
        """All that was said; of what was too large once, all but as many as it says that it leaves out behind the first."""
        said = [text for answer in self.finished[name] for text in (answer.removeprefix("re "), answer)]
        told = self.sink.has[name]
        left_out = told.get("properties", {}).get("trimmed", {}).get("messages", 0)
        assert not left_out or name in self.sink.too_large, name
        assert [one["content"] for one in told["messages"]] == said[:1] + said[1 + left_out :], name

    def end_recorder(self):
        self.reader.close()
        self.store.close()


@pytest.mark.parametrize("sequences", [QUICK, pytest.param(ALL, marks=pytest.mark.slow)])
def test_the_promises_hold(sequences):
    """Whatever happens in whatever order, what a client has seen end arrives, once it can, and nothing old stays over it."""
    chosen = settings(
        max_examples=sequences,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
    )
    with structlog.testing.capture_logs():
        run_state_machine_as_test(Model, settings=chosen)
    print(f"row 13: {sequences:,} sequences of up to {STEPS} steps, 0 broke a promise")
