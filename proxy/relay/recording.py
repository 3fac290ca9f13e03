"""The relay's side of the record: hands exchanges to the journal, and counts what became of them.

Every exchange that should have been recorded and was not is counted by its reason (the loss ledger); nothing here
raises into a reply.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from .timing import Histogram

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.capture import Capture
    from ..journal.writer import JournalWriter
    from .reply import Reply
    from .tee import Tee

#: Promise 2: recording delays the last piece by no more than this.
HOLD_SECONDS = 0.025
#: Timers fire a little early where the clock is coarse.
_TIMER_SLACK = 0.001


#: Upper ends of buckets, in seconds: an upstream's thinking, and what may be added to it.
_FIRST_BYTE = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_ADDED = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)


class Record:
    """What the tee and the front door tell of exchanges."""

    def __init__(
        self, journal: JournalWriter, loop: asyncio.AbstractEventLoop, hold_seconds: float = HOLD_SECONDS
    ) -> None:
        self._journal = journal
        self._loop = loop  # asking for the running one costs a system call
        self._hold_seconds = hold_seconds
        # until when each last piece is held, in the order in which they began; one timer serves for all
        self._held: dict[Tee, float] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._losses: Counter[str] = Counter()
        self._newest_lost: dict[str, tuple[str, int]] = {}
        self._outcomes: Counter[str] = Counter()
        self._begun = 0
        self._late = 0
        #: WebSocket sessions that were opened, and frames by who sent them.
        self.sessions = 0
        self.frames = Counter(client=0, upstream=0)
        self._first_byte = Histogram(*_FIRST_BYTE)
        self._added = Histogram(*_ADDED)

    def begun(self) -> None:
        """A request goes upstream."""
        self._begun += 1

    def ended(self, reply: Reply, came: float) -> None:
        """A reply is over, however it ended; its request was there at `came` (monotonic)."""
        if reply.written_at:
            self._added.observe(reply.written_at - came + reply.held_seconds)
            if reply.answered_at:
                self._first_byte.observe(reply.answered_at - reply.written_at)
        outcome = "no_answer"
        if reply.interrupted:
            outcome = "interrupted_" + reply.interrupted
        elif reply.head is not None:
            outcome = "refused" if reply.head.status >= 400 else "complete"
        self._outcomes[outcome] += 1

    def hold(self, held: Tee) -> None:
        """Call `release_late` once a last piece has been held for as long as is allowed."""
        self._held[held] = self._loop.time() + self._hold_seconds
        if self._timer is None:
            self._timer = self._loop.call_later(self._hold_seconds, self._release_late)

    def released(self, held: Tee) -> None:
        """It is held no longer; nothing of it is kept here."""
        self._held.pop(held, None)

    def _release_late(self) -> None:
        self._timer = None
        now = self._loop.time() + _TIMER_SLACK
        for held in [held for held, until in self._held.items() if until <= now]:
            del self._held[held]
            held.release_late()
        first = next(iter(self._held.values()), None)
        if first is not None and self._timer is None:
            self._timer = self._loop.call_at(first, self._release_late)

    def commit(self, capture: Capture, done: Callable[[bool], None]) -> bool:
        """Append an exchange to the journal; see `Recording`."""
        if self._journal.append(capture, done):
            return True
        self.memory_full(capture.id, len(capture.request) + sum(map(len, capture.pieces)))
        return False

    def too_large(self, exchange_id: str, size: int) -> None:
        """A body, of so many bytes as far as we know, was over `journal.record_max_bytes`: forwarded, not recorded."""
        self._lost("too_large", exchange_id, size)

    def memory_full(self, exchange_id: str, size: int) -> None:
        """Too much was in memory already to keep an exchange, or its request: forwarded, not recorded."""
        self._lost("memory_full", exchange_id, size)

    def _lost(self, reason: str, exchange_id: str, size: int) -> None:
        self._losses[reason] += 1
        self._newest_lost[reason] = (exchange_id, size)

    def newest_lost(self) -> dict[str, tuple[str, int]]:
        """Of each reason the id and the bytes of the newest exchange that was not recorded."""
        return self._newest_lost | self._journal.newest_lost

    def late(self) -> None:
        """A last piece went out before its exchange was on disk."""
        self._late += 1

    async def refused(self, reply: Reply, status: int, fault: str) -> None:
        """Record an exchange that we had to answer ourselves; waits no longer than a last piece would."""
        capture = reply.capture
        if capture is None:
            return
        reply.no_longer_due()
        capture.status, capture.fault = status, fault
        capture.ended = time.time_ns() // 1_000_000
        await self._stored(lambda done: self.commit(capture, done), self._hold_seconds)

    async def note(self, payload: bytes) -> bool:
        """Append feedback or an event; false when it is not on disk and was refused."""
        return await self._stored(lambda done: self._journal.append(payload, done), None)

    async def _stored(self, append: Callable[[Callable[[bool], None]], bool], patience: float | None) -> bool:
        """Append, and wait until it is on disk, or until patience (seconds) ends."""
        waiter: asyncio.Future[bool] = self._loop.create_future()
        if not append(lambda stored: None if waiter.done() else waiter.set_result(stored)):
            return False
        try:
            async with asyncio.timeout(patience):
                return await waiter
        except TimeoutError:
            self.late()
            return False

    def status(self) -> dict[str, Any]:
        """What `/status` shows of the relay's side."""
        losses = self._losses + Counter(self._journal.losses)
        return {
            "forwarded": self._begun,
            "open": self._begun - self._outcomes.total(),
            "outcomes": dict(self._outcomes),
            "journaled": self._journal.appended,
            "late_releases": self._late,
            "websockets": {"sessions": self.sessions, "frames": dict(self.frames)},
            "not_recorded": dict(losses),
        }

    def counts(self) -> dict[str, Any]:
        """`status`, and what only `/metrics` shows; see `Histogram.seen` for the times."""
        return {
            **self.status(),
            "journal_waiting": self._journal.bytes_waiting,
            "first_byte": self._first_byte.seen(),
            "added": self._added.seen(),
        }
