"""The courier: sends what a sink lacks, until the sink acknowledges it.

    due rows ── gate ── lease (120 s) ──► `Sending` ──► ack | postpone | hand back | bury

At most `concurrency` POSTs are in flight, and never two of one conversation. A sink that is down, asks to wait or refuses
us is asked with one row at a time, ever later (`core/gate.py`); when it is back, rows go out at `recovery_per_second`,
doubled every `RAMP_SECONDS`, until none is due: we are not the second outage. One bad row never stops the loop.

Whatever is not delivered stays in the store; the process may end at any time. A POST whose answer was lost is sent again.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Any

import structlog

from ..core.calm import Calm
from ..core.gate import Gate
from ..core.lately import Lately
from ..errors import DatabaseError
from .sending import Post, Sending
from .store import ANALYTICS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..config import Delivery
    from .parcel import Lease
    from .store import Store

_log = structlog.get_logger("teelog")

#: How long a row may be held; three tries of at most 30 s and their waits fit into it.
LEASE_SECONDS = 120.0
#: How often the store is looked into without being woken, for a clock that was set.
POLL_SECONDS = 1.0
HOUR_MS = 3_600_000
#: What to do about what was set aside.
SEE_DEAD = "see them with `teelog outbox list --state dead`, then retry or drop them"
#: How often what is too old is looked for.
SWEEP_SECONDS = 60.0
#: The rate of deliveries is that of so long.
RATE_SECONDS = 60.0


class Courier:
    """
    Delivers to one sink.

    Args:
        store: What the sink lacks.
        client: How it is reached.
        delivery: How hard it is tried.
        sink: Its name in the store.
        clock: Unix milliseconds.
        steady: Seconds that only grow, and not while the machine stands still.
        chance: Between 0 and 1.
        sleep: Waits for seconds.

    """

    def __init__(
        self,
        store: Store,
        client: Post,
        delivery: Delivery,
        *,
        sink: str = ANALYTICS,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        steady: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._delivery = delivery
        self._sink = sink
        self._clock = clock
        self._steady = steady
        self._calm = Calm()
        self._sleep = sleep
        self._running: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._ending = False
        self._at_rest = asyncio.Event()  # the loop is not running
        self._at_rest.set()
        self._sweep_at = 0
        self._told: str | None = None  # why the sink does not take what it is sent, as the log was told
        self._gate = Gate(delivery.recovery_per_second)
        self._sending = Sending(
            store, client, self._gate, sink, timeout_seconds=delivery.timeout_seconds, clock=clock, chance=chance,
            sleep=sleep, says=self._say,
        )  # fmt: skip
        self._delivered = Lately(RATE_SECONDS)

    def __repr__(self) -> str:
        return f"<Courier {self._sink} running={len(self._running)} {self._gate!r}>"

    def wake(self) -> None:
        """Something may be due; to be called on the event loop."""
        self._wake.set()

    def status(self) -> dict[str, Any]:
        """For `/status`: deliveries per second of the last minute; why nothing is sent, and when it is tried again."""
        now = self._clock()
        told: dict[str, Any] = {"rate_per_second": round(self._delivered.total(now / 1000) / RATE_SECONDS, 2)}
        told["stopped"] = self._gate.cause or None
        told["stopped_seconds"] = max(0, now - self._gate.since) / 1000 if self._gate.cause else 0.0
        told["next_try_seconds"] = max(0, self._gate.opens_at(now) - now) / 1000 if self._gate.cause else 0.0
        return told

    async def run(self) -> None:
        """Deliver until `drain` is called."""
        self._at_rest.clear()
        try:
            await self._unless_refused(self._store.take_over(self._sink, self._clock()))
            while not self._ending:
                await self._turn()
        finally:
            self._at_rest.set()

    async def settled(self) -> None:
        """Return when all that is on its way now has ended; what begins meanwhile is not waited for."""
        if self._running:
            await asyncio.wait(set(self._running))

    async def deliver_due(self) -> int:
        """Send all that is due, and what becomes due meanwhile; how many rows that were."""
        total = 0
        while (launched := await self._launch()) or self._running:
            total += launched
            if self._running:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        return total

    async def next_due(self) -> int | None:
        """When the next row may be sent, as the store and the gate have it; None when there is none."""
        due = await self._store.next_due(self._sink)
        return None if due is None else max(due, self._gate.opens_at(self._clock()))

    async def drain(self, seconds: float) -> None:
        """End the loop, deliver for at most so long, and give up what is still on its way; it stays in the store."""
        self._ending = True
        self._wake.set()
        try:
            async with asyncio.timeout(seconds):
                await self._at_rest.wait()
                await self._unless_refused(self._store.hasten(self._sink, self._clock()))
                await self._unless_refused(self.deliver_due())
        except TimeoutError:
            pass
        given_up = list(self._running)
        for task in given_up:
            task.cancel()
        await asyncio.gather(*given_up, return_exceptions=True)

    async def _turn(self) -> None:
        """Begin what is due, then wait until something else may be."""
        self._wake.clear()
        try:
            await self._launch()
            pause = await self._pause()
        except DatabaseError as error:
            self._sending.refused(error)
            pause = POLL_SECONDS
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _launch(self) -> int:
        """Begin to send what is due, as much as there is room for; how many rows."""
        await self._sweep()
        now = self._clock()
        room = self._gate.room(now, len(self._running), self._delivery.concurrency)
        if room <= 0:
            return 0
        pace = self._gate.pace(now)
        limit = room if pace is None else 1
        leases = await self._store.lease(self._sink, now, now + round(LEASE_SECONDS * 1000), limit)
        for lease in leases:
            task = asyncio.get_running_loop().create_task(self._deliver(lease))
            self._running.add(task)
            task.add_done_callback(self._finished)
        if leases and pace is not None:
            await self._sleep(1 / pace)
        elif not self._running:
            await self._rest()
        return len(leases)

    async def _rest(self) -> None:
        """Nothing is due: the sink has caught up, and if nothing waits after a failure, all is well again."""
        self._gate.at_rest()
        if self._told is not None and not self._gate.cause and not await self._store.any_failing(self._sink):
            self._told = None
            _log.info("delivery.recovered", sink=self._sink)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()

    async def _pause(self) -> float:
        """How long nothing will be due, in seconds; a send that ends, or a new row, wakes us before."""
        if len(self._running) >= self._delivery.concurrency:
            return POLL_SECONDS
        due = await self.next_due()
        return POLL_SECONDS if due is None else min(max(due - self._clock(), 0) / 1000, POLL_SECONDS)

    async def _sweep(self) -> None:
        now, interval = self._clock(), round(SWEEP_SECONDS * 1000)
        if self._sweep_at - interval <= now < self._sweep_at:  # earlier: the clock was set back
            return
        self._sweep_at = now + interval
        if not self._calm.holds(now, self._steady()):
            return
        before = now - round(self._delivery.max_age_hours * HOUR_MS)
        untried = bool(self._gate.cause) and self._gate.since < before
        if rows := await self._store.bury_old(self._sink, before, untried=untried):
            _log.error("delivery.buried", sink=self._sink, rows=rows, reason="too old", hint=SEE_DEAD)
        before = now - round(self._delivery.feedback_wait_hours * HOUR_MS)
        if rows := await self._store.bury_unknown(self._sink, before):
            _log.warning("delivery.buried", sink=self._sink, rows=rows, reason="unknown message", hint=SEE_DEAD)

    async def _deliver(self, lease: Lease) -> None:
        if await self._sending.send(lease):
            self._delivered.add(1, self._clock() / 1000)

    def _say(self, cause: str, error: str) -> None:
        """One line when the sink begins not to take what it is sent, and one for each other cause until it recovers."""
        cause = cause if cause in _HINTS else ""
        if self._told is not None and (not cause or cause == self._told):
            return
        first, self._told = self._told is None, cause
        if first and not cause:
            _log.warning("delivery.postponed", sink=self._sink, reason=error)
        elif cause:
            _log.error("delivery.stopped", sink=self._sink, reason=error, hint=_HINTS[cause])

    async def _unless_refused(self, work: Awaitable[object]) -> None:
        try:
            await work
        except DatabaseError as error:
            self._sending.refused(error)


#: What to do where it does not pass by itself.
_HINTS = {
    "key": "put the right key into delivery.api_key, then restart; until then one delivery a minute tries",
    "address": "correct delivery.url, then restart; until then one delivery a minute tries",
    "rejects": "it refuses nearly everything: nothing more is set aside, and one delivery a minute tries",
}
