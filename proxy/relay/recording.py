"""The relay's side of the record: hands exchanges to the journal, and counts what became of them.

Every exchange that should have been recorded and was not is counted by its reason (the loss ledger); nothing here
raises into a reply.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.exchange import Capture
    from ..journal.writer import JournalWriter
    from .reply import Reply

#: Promise 2: recording delays the last piece by no more than this.
HOLD_SECONDS = 0.025
#: Timers fire a little early where the clock is coarse.
_TIMER_SLACK = 0.001


class Record:
    """What `Reply` and the front door tell of exchanges."""

    def __init__(
        self, journal: JournalWriter, loop: asyncio.AbstractEventLoop, hold_seconds: float = HOLD_SECONDS
    ) -> None:
        self._journal = journal
        self._loop = loop  # asking for the running one costs a system call
        self._hold_seconds = hold_seconds
        # replies in the order in which they began to hold; one timer serves for all
        self._held: deque[tuple[float, Reply]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._losses: Counter[str] = Counter()
        self._outcomes: Counter[str] = Counter()
        self._begun = 0
        self._late = 0

    def begun(self) -> None:
        """A request goes upstream."""
        self._begun += 1

    def ended(self, reply: Reply) -> None:
        """A reply is over, however it ended."""
        if reply.capture is not None and reply.capture.interrupted:
            self._outcomes["interrupted_" + reply.capture.interrupted] += 1
        elif reply.head is None:
            self._outcomes["no_answer"] += 1
        else:
            self._outcomes["refused" if reply.head.status >= 400 else "complete"] += 1

    def hold(self, reply: Reply) -> None:
        """Call `release_late` once the reply has held its last piece for as long as is allowed."""
        self._held.append((self._loop.time() + self._hold_seconds, reply))
        if self._timer is None:
            self._timer = self._loop.call_later(self._hold_seconds, self._release_late)

    def _release_late(self) -> None:
        now = self._loop.time()
        while self._held and self._held[0][0] <= now + _TIMER_SLACK:
            self._held.popleft()[1].release_late()
        self._timer = self._loop.call_at(self._held[0][0], self._release_late) if self._held else None

    def commit(self, capture: Capture, done: Callable[[bool], None]) -> bool:
        """Append an exchange to the journal; see `Recording`."""
        if self._journal.append(capture, done):
            return True
        self._losses["memory_full"] += 1
        return False

    def too_large(self) -> None:
        """A body was over `journal.record_max_bytes`: forwarded, not recorded."""
        self._losses["too_large"] += 1

    def late(self) -> None:
        """A last piece went out before its exchange was on disk."""
        self._late += 1

    async def refused(self, reply: Reply, status: int, fault: str) -> None:
        """Record an exchange that we had to answer ourselves; waits no longer than a last piece would."""
        capture = reply.capture
        if capture is None:
            return
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
            "outcomes": dict(self._outcomes),
            "journaled": self._journal.appended,
            "late_releases": self._late,
            "not_recorded": dict(losses),
        }
