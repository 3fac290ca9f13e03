"""The recorder: a thread that makes conversations out of journaled exchanges, each once.

    source ── up to 256 records ──► read, redact (pure) ──► one transaction: conversations, outbox, position ──► release

It never stops for one record. What cannot be read is set aside at once. What raises, or kills the process, is tried
three times: after a start and after a batch that failed, records go one by one, and a try is on file before it begins. A
database that refuses (a full disk) is no record's fault: it is waited for, and nothing counts as tried.

One log line is written for each exchange, after it is stored: ids, sizes and durations, never bodies or keys.
"""

from __future__ import annotations

import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from ..core.entry import Entry
from ..core.exchange import Note
from ..db.aside import Aside
from ..errors import DatabaseUnavailable, TeelogError
from .reading import SetAside, Told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..journal.reader import Record, Source
    from .conversations import Recorded
    from .reading import Item, Reading
    from .store import Store

_log = structlog.get_logger("teelog")

#: Records of one transaction; more would make the courier wait for the writer.
BATCH = 256
BATCH_BYTES = 16 * 1024 * 1024
#: How soon a finished exchange is noticed when nothing else wakes the recorder.
IDLE_SECONDS = 0.05
#: How long a database or a journal that refuses is left alone.
REFUSED_SECONDS = 1.0
#: How often a record may fail.
TRIES = 3

_DIED = "the recorder died of it"


class Recorder:
    """
    Reads one source to its end, over and over.

    Args:
        store: Where conversations go.
        source: Where records come from; this thread closes it.
        reading: How a record is read.
        name: Under which the position is kept: "journal", "pipe".
        clock: Unix milliseconds.
        recorded: Called after each transaction that may have left something to send; from this thread.
        refuses: Why nothing new may be stored now; empty when it may.

    """

    def __init__(
        self,
        store: Store,
        source: Source,
        reading: Reading,
        *,
        name: str = "journal",
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        recorded: Callable[[], object] = lambda: None,
        refuses: Callable[[], str] = lambda: "",
    ) -> None:
        self._store = store
        self._source = source
        self._reading = reading
        self._name = name
        self._clock = clock
        self._recorded = recorded
        self._refuses = refuses
        self._position, self._tries = store.position(name)
        self._safe = self._position  # up to here it is on the disk for certain, and may be removed from the source
        self._failure = _DIED
        #: Why nothing is being recorded now; empty while all goes well.
        self.waits = ""
        self._batch: list[Record] = []
        self._one_by_one = BATCH
        self._aside = Aside()
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def __repr__(self) -> str:
        at = self._position
        return f"<Recorder {self._name} at={at.segment}:{at.offset} tries={self._tries}>"

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """Look for records now, not at the next turn."""
        self._wake.set()

    def drain(self, timeout: float) -> bool:
        """Make use of all there is, then end the thread; whether it ended within `timeout` seconds."""
        self._ending.set()
        self._wake.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def step(self) -> int:
        """
        Make use of the next batch; how many records that were, 0 when there are none.

        `DatabaseError` and `OSError` when database or journal refuse: the next step does the same again.
        """
        if reason := self._refuses():
            raise DatabaseUnavailable(reason)
        # A pipe gives its records once, so a batch is kept until it is stored.
        self._batch = self._batch or self._source.read(self._position, BATCH, BATCH_BYTES)
        if not self._batch:
            self._let_go()
            return 0
        size = len(self._batch)
        if self._one_by_one <= 0:
            self._try_together()
        while self._batch and self._one_by_one > 0:
            self._try_alone(self._batch[0])
            self._one_by_one -= 1
            del self._batch[0]
        if self._position.segment != self._safe.segment:
            self._let_go()
        return size - len(self._batch)

    def _run(self) -> None:
        try:
            while True:
                ending = self._ending.is_set()  # asked first: what came before the end was asked for is read
                pause = self._step_safely()
                if pause and ending:
                    return
                if pause and self._wake.wait(pause):
                    self._wake.clear()
        finally:
            self._source.close()

    def _step_safely(self) -> float:
        """One step; how long to pause after it."""
        try:
            stepped = self.step()
        except Exception as error:
            if not self.waits:
                _log.error("recorder.waits", reason=reason_of(error), source=self._name)
            self.waits = reason_of(error)
            return REFUSED_SECONDS
        if self.waits:
            _log.info("recorder.goes_on", source=self._name)
            self.waits = ""
        return 0.0 if stepped else IDLE_SECONDS

    def _let_go(self) -> None:
        """What has been made use of is removed from the source, once that is on the disk."""
        if self._safe != self._position:
            self._store.move(self._name, self._position, durable=True)
            self._safe = self._position
        self._source.release(self._safe)

    def _try_together(self) -> None:
        """The whole batch in one transaction; when that fails, it is taken one by one."""
        try:
            self._take([(record, self._read(record)) for record in self._batch])
        except DatabaseUnavailable:
            raise
        except Exception as error:
            _log.warning("recorder.batch_failed", reason=reason_of(error), records=len(self._batch))
            self._one_by_one = len(self._batch)
        else:
            self._batch = []

    def _try_alone(self, record: Record) -> None:
        """One record, up to three times, each on file before it begins; then it is set aside."""
        while self._tries < TRIES:
            self._store.move(self._name, self._position, tries=self._tries + 1)
            try:
                self._take([(record, self._read(record))])
            except DatabaseUnavailable:
                raise
            except Exception as error:
                self._tries += 1
                self._failure = reason_of(error)
            else:
                return
        self._take([(record, Told(self._reading.set_aside(record.payload, self._failure)))])

    def _read(self, record: Record) -> Told:
        self._aside.step()
        return self._reading.read(record.payload)

    def _take(self, read: Sequence[tuple[Record, Told]]) -> None:
        position = read[-1][0].position_after
        ordered = in_order([told for _, told in read])
        outcomes = self._store.take([told.item for told in ordered], self._name, position, self._clock())
        self._position, self._tries, self._failure = position, 0, _DIED
        self._recorded()
        for told, outcome in zip(ordered, outcomes, strict=True):
            say(told, outcome)


def in_order(read: list[Told]) -> list[Told]:
    """What a client has cut before what goes on from that, where both are here: a follow-up may overtake it on its way."""
    ordered: list[Told] = []
    for told in read:
        item = told.item
        is_cut = isinstance(item, Entry) and item.cut
        later = (at for at, one in enumerate(ordered) if is_cut and _goes_on_from(one.item, item))
        ordered.insert(next(later, len(ordered)), told)
    return ordered


def _goes_on_from(one: Item, cut: Item) -> bool:
    if not isinstance(one, Entry) or not isinstance(cut, Entry):
        return False
    return cut.history.asked in one.history.chain[: one.history.behind]


def say(told: Told, recorded: Recorded) -> None:
    """The one line of an exchange."""
    item, facts = told.item, told.facts
    if isinstance(item, SetAside):
        _log.error("exchange.set_aside", id=item.id or None, reason=item.reason, bytes=len(item.payload))
    elif isinstance(item, Note):
        _log.info("note.passed" if recorded.outcome == "erased" else "note.recorded", id=item.id, kind=item.kind)
    elif recorded.outcome == "recorded":
        _log.info("exchange.recorded", conversation=recorded.conversation, **facts)
    else:
        # an upstream that fails is what somebody looks for at night; a refused question is ordinary
        say = _log.warning if facts.get("status", 0) >= 500 else _log.info
        say("exchange.passed", outcome=recorded.outcome, conversation=recorded.conversation or None, **facts)


def reason_of(error: Exception) -> str:
    """What went wrong, without what was being read: foreign errors quote it."""
    if isinstance(error, TeelogError):
        return str(error)
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {place.name}, {Path(place.filename).name}:{place.lineno}"
