"""The courier: sends what a sink lacks, until the sink acknowledges it.

    due rows ── lease (120 s) ──► render ──► POST, up to 3 short tries ──► ack | postpone | bury

At most `concurrency` POSTs are in flight, and never two of one conversation. Before each try the lease must still last
for all of it: who slept past his lease sends nothing, so that no older snapshot follows a newer one. One bad row never
stops the loop. After a failure rows go out at `recovery_per_second`, doubled every `RAMP_SECONDS` without one, until
one has arrived and none is due: we are not the second outage, and one bad row does not keep a busy sink slow for ever.

Whatever is not delivered stays in the store; the process may end at any time. A POST whose answer was lost is sent again.
"""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Protocol

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from ..core.lately import Lately
from ..core.retry import due_after
from ..errors import DatabaseError, PermanentFailure, TransientFailure
from .store import ANALYTICS
from .trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..config import Delivery
    from .store import Lease, Parcel, Store

_log = structlog.get_logger("teelog")

#: How long a row may be held; three tries of at most 30 s and their waits fit into it.
LEASE_SECONDS = 120.0
SHORT_TRIES = 3
#: The first wait between short tries is up to this, the next up to twice as long.
SHORT_WAIT_SECONDS = 0.5
#: How often a row that cannot be rendered is tried: the fault is ours, and a restart may bring the cure.
RENDER_TRIES = 3
#: How long a sink must have taken everything before it is trusted with twice as much.
RAMP_SECONDS = 10.0
#: 2^10 times the configured pace is no pace any more.
_ENOUGH_DOUBLINGS = 10
#: How often the store is looked into without being woken, for a clock that was set.
POLL_SECONDS = 1.0
HOUR_MS = 3_600_000
#: How often what is too old is looked for.
SWEEP_SECONDS = 60.0
#: The rate of deliveries is that of so long.
RATE_SECONDS = 60.0


class Post(Protocol):
    """What delivers a body."""

    async def post(self, path: str, body: bytes) -> None:
        """Deliver; a `DeliveryError` when it was not acknowledged."""


class Courier:
    """
    Delivers to one sink.

    Args:
        store: What the sink lacks.
        client: How it is reached.
        delivery: How hard it is tried.
        sink: Its name in the store.
        clock: Unix milliseconds.
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
        chance: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._client = client
        self._delivery = delivery
        self._sink = sink
        self._clock = clock
        self._chance = chance
        self._sleep = sleep
        self._running: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._ending = False
        self._at_rest = asyncio.Event()  # the loop is not running
        self._at_rest.set()
        self._recovering = False
        self._down = False  # the last send failed
        self._failed_at = 0
        self._sweep_at = 0
        self._refused = Trouble("delivery.waits", "delivery.goes_on", sink=sink)  # by the store
        self._fault = Trouble("delivery.failed", "delivery.works", sink=sink)  # of ours
        self._delivered = Lately(RATE_SECONDS)

    def __repr__(self) -> str:
        mood = " recovering" if self._recovering else ""
        return f"<Courier {self._sink} running={len(self._running)}{mood}>"

    def wake(self) -> None:
        """Something may be due; to be called on the event loop."""
        self._wake.set()

    def rate(self) -> float:
        """Deliveries per second, of the last minute."""
        return self._delivered.total(self._clock() / 1000) / RATE_SECONDS

    async def run(self) -> None:
        """Deliver until `drain` is called."""
        self._at_rest.clear()
        try:
            await self._unless_refused(self._store.take_over(self._sink, self._clock()))
            while not self._ending:
                await self._turn()
        finally:
            self._at_rest.set()

    async def deliver_due(self) -> int:
        """Send all that is due, and what becomes due meanwhile; how many rows that were."""
        total = 0
        while (launched := await self._launch()) or self._running:
            total += launched
            if self._running:
                await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)
        return total

    async def drain(self, seconds: float) -> None:
        """End the loop, deliver for at most so long, and give up what is still on its way; it stays in the store."""
        self._ending = True
        self._wake.set()
        try:
            async with asyncio.timeout(seconds):
                await self._at_rest.wait()
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
            self._refused.on(reason=str(error))
            pause = POLL_SECONDS
        try:
            async with asyncio.timeout(pause):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _launch(self) -> int:
        """Begin to send what is due, as much as there is room for; how many rows."""
        await self._sweep()
        room = self._delivery.concurrency - len(self._running)
        if room <= 0:
            return 0
        if self._recovering:
            await self._sleep(1 / self._pace())
            room = 1
        now = self._clock()
        leases = await self._store.lease(self._sink, now, now + round(LEASE_SECONDS * 1000), room)
        for lease in leases:
            task = asyncio.get_running_loop().create_task(self._deliver(lease))
            self._running.add(task)
            task.add_done_callback(self._finished)
        if self._recovering and not self._running and not self._down:
            self._recovering = False
            _log.info("delivery.recovered", sink=self._sink)
        return len(leases)

    def _pace(self) -> float:
        """Rows per second while the sink recovers."""
        calm = max(0, self._clock() - self._failed_at) / 1000
        return self._delivery.recovery_per_second * (1 << min(int(calm // RAMP_SECONDS), _ENOUGH_DOUBLINGS))

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()

    async def _pause(self) -> float:
        """How long nothing will be due, in seconds; a send that ends, or a new row, wakes us before."""
        if len(self._running) >= self._delivery.concurrency:
            return POLL_SECONDS
        due = await self._store.next_due(self._sink)
        return POLL_SECONDS if due is None else min(max(due - self._clock(), 0) / 1000, POLL_SECONDS)

    async def _sweep(self) -> None:
        now, interval = self._clock(), round(SWEEP_SECONDS * 1000)
        if self._sweep_at - interval <= now < self._sweep_at:  # earlier: the clock was set back
            return
        self._sweep_at = now + interval
        aged = self._store.bury_old(self._sink, now - round(self._delivery.max_age_hours * HOUR_MS))
        if rows := await aged:
            _log.error("delivery.buried", sink=self._sink, rows=rows, reason="too old")
        unknown = self._store.bury_unknown(self._sink, now - round(self._delivery.feedback_wait_hours * HOUR_MS))
        if rows := await unknown:
            _log.warning("delivery.buried", sink=self._sink, rows=rows, reason="unknown message")

    async def _deliver(self, lease: Lease) -> None:
        """One row, from its lease to what became of it; raises nothing."""
        try:
            parcel = await self._rendered(lease)
            if parcel is not None:
                await self._settle(lease, parcel)
        except DatabaseError as error:  # the lease ends by itself, and the row is sent again
            self._refused.on(reason=str(error))
        else:
            self._refused.off()

    async def _rendered(self, lease: Lease) -> Parcel | None:
        """What to send; None when that cannot be made, which is put on file."""
        try:
            return await self._store.parcel(lease)
        except DatabaseError:
            raise
        except Exception as error:
            reason = f"it could not be rendered: {type(error).__name__}"
            if lease.tries == 1:
                _log.exception("delivery.not_rendered", sink=self._sink, kind=lease.kind)
            if lease.tries >= RENDER_TRIES:
                _log.error("delivery.buried", sink=self._sink, kind=lease.kind, reason=reason)
                await self._store.bury(lease, lease.wanted_rev, "not rendered", reason, self._clock())
            else:
                await self._postpone(lease, TransientFailure(reason))
            return None

    async def _settle(self, lease: Lease, parcel: Parcel) -> None:
        """Send, and put on file what came of it."""
        try:
            await self._send(lease, parcel)
        except PermanentFailure as error:
            _log.error("delivery.buried", sink=self._sink, kind=lease.kind, reason=str(error))
            await self._store.bury(lease, parcel.rev, "refused", str(error), self._clock())
        except TransientFailure as error:
            if not self._recovering:
                _log.warning("delivery.postponed", sink=self._sink, kind=lease.kind, reason=str(error))
            self._recovering = self._down = True
            self._failed_at = self._clock()
            await self._postpone(lease, error)
        except Exception as error:  # ours; the row must not keep its lease for it, and says in `/status` why it waits
            self._fault.on(_log.exception, kind=lease.kind)
            await self._postpone(lease, TransientFailure(f"it could not be sent: {type(error).__name__}"))
        else:
            self._down = False
            self._fault.off()
            _log.debug("delivery.done", sink=self._sink, kind=lease.kind, bytes=len(parcel.body), tries=lease.tries)
            await self._store.ack(lease, parcel.rev, self._clock())
            self._delivered.add(1, self._clock() / 1000)

    async def _send(self, lease: Lease, parcel: Parcel) -> None:
        """Up to three tries within the lease."""
        async for attempt in AsyncRetrying(
            stop=stop_after_attempt(SHORT_TRIES),
            wait=self._short_wait,
            retry=retry_if_exception(_may_pass_soon),
            sleep=self._sleep,
            reraise=True,
        ):
            with attempt:
                if self._clock() + round(self._delivery.timeout_seconds * 1000) > lease.until:
                    raise TransientFailure("there was no time left for another try")
                await self._client.post(parcel.path, parcel.body)

    def _short_wait(self, state: RetryCallState) -> float:
        return self._chance() * SHORT_WAIT_SECONDS * 2.0 ** (state.attempt_number - 1)

    async def _postpone(self, lease: Lease, error: TransientFailure) -> None:
        now = self._clock()
        await self._store.postpone(lease, due_after(error, lease.tries, now, self._chance()), str(error), now)

    async def _unless_refused(self, work: Awaitable[object]) -> None:
        try:
            await work
        except DatabaseError as error:
            self._refused.on(reason=str(error))


def _may_pass_soon(error: BaseException) -> bool:
    """Whether another try within seconds makes sense: not where the sink has said when."""
    return isinstance(error, TransientFailure) and not error.retry_after
