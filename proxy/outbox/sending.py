"""One row on its way: from its lease to what became of it, on file and told to the gate.

    lease ──► render ──► POST, up to 3 short tries ──► ack | postpone | hand back | bury

    taken                          ack; once more later, when another POST of it may still be applied (echo)
    no answer, 5xx, …              postponed, ever longer
    429, 503 with `Retry-After`    handed back until the gate opens
    key or address refused         handed back for a minute, not held against the row
    400, 422                       buried, unless nearly everything is refused: then handed back
    413                            trimmed to half of it and tried once more, then buried

Before each try the lease must still last for all of it: who slept past his lease sends nothing, so that no older snapshot
follows a newer one. Nothing larger than `BODY_LIMIT` is sent. Raises nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from ..core.gate import PROBE_SECONDS
from ..core.retry import doubt_until, full_jitter
from ..core.trim import BODY_LIMIT
from ..errors import (
    BodyTooLarge,
    DatabaseError,
    DeliveryError,
    PermanentFailure,
    SinkBusy,
    SinkClosed,
    TransientFailure,
)
from .trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..core.gate import Gate
    from .parcel import Lease, Parcel
    from .store import Store

_log = structlog.get_logger("teelog")

SHORT_TRIES = 3
#: The first wait between short tries is up to this, the next up to twice as long.
SHORT_WAIT_SECONDS = 0.5
#: How often a row that cannot be rendered is tried: the fault is ours, and a restart may bring the cure.
RENDER_TRIES = 3


class Post(Protocol):
    """What delivers a body."""

    async def post(self, path: str, body: bytes) -> None:
        """Deliver; a `DeliveryError` when it was not acknowledged."""

    async def delete(self, path: str, rev: int) -> None:
        """Delete, and take nothing up to a rev any more; a `DeliveryError` when it was not acknowledged."""


class Sending:
    """
    How the rows of one sink are sent.

    Args:
        store: Where they are.
        client: How the sink is reached.
        gate: Whether it may be asked.
        sink: Its name in the store.
        timeout_seconds: What one POST may take.
        clock: Unix milliseconds.
        chance: Between 0 and 1.
        sleep: Waits for seconds.
        says: Called with a cause and an error when the sink does not take what it is sent.

    """

    def __init__(
        self,
        store: Store,
        client: Post,
        gate: Gate,
        sink: str,
        *,
        timeout_seconds: float,
        clock: Callable[[], int],
        chance: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        says: Callable[[str, str], None],
    ) -> None:
        self._store = store
        self._client = client
        self._gate = gate
        self._sink = sink
        self._timeout = round(timeout_seconds * 1000)
        self._clock = clock
        self._chance = chance
        self._sleep = sleep
        self._says = says
        self._refused = Trouble("delivery.waits", "delivery.goes_on", sink=sink)  # by the store
        self._fault = Trouble("delivery.failed", "delivery.works", sink=sink)  # of ours

    async def send(self, lease: Lease) -> bool:
        """One row, whatever becomes of it; whether the sink took it."""
        try:
            parcel = await self._rendered(lease)
            taken = parcel is not None and await self.settle(lease, parcel)
        except DatabaseError as error:  # the lease ends by itself, and the row is sent again
            self.refused(error)
            return False
        self._refused.off()
        return taken

    def refused(self, error: DatabaseError) -> None:
        """The store refuses; it is told once."""
        self._refused.on(reason=str(error))

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
                await self._bury(lease, lease.wanted_rev, "not rendered", reason)
            else:
                await self._postpone(lease, reason)
            return None

    async def settle(self, lease: Lease, parcel: Parcel) -> bool:
        """Send, and put on file what came of it; whether the sink took it."""
        trip = _Trip()
        conversation = lease.key if lease.kind == "conversation" else None
        try:
            parcel = await self._carry(lease, parcel, trip)
        except DatabaseError:
            raise
        except Exception as error:
            await self._failed(lease, parcel, trip, error)
            return False
        now = self._clock()
        self._fault.off()
        self._gate.taken(conversation, now)
        _log.debug("delivery.done", sink=self._sink, kind=lease.kind, bytes=len(parcel.body), tries=lease.tries)
        await self._store.ack(lease, parcel.rev, now, began=trip.began, doubt=trip.doubt)
        return True

    async def _carry(self, lease: Lease, parcel: Parcel, trip: _Trip) -> Parcel:
        """Send, once more in half the size where that was too large; what was taken."""
        if len(parcel.body) > BODY_LIMIT:
            raise BodyTooLarge(f"it has {len(parcel.body):,} bytes, and nothing more of it can be left out")
        try:
            await self._try(lease, parcel, trip)
        except BodyTooLarge:
            smaller = await self._store.parcel(lease, len(parcel.body) // 2)
            if len(smaller.body) >= len(parcel.body):
                raise
            await self._try(lease, smaller, trip)
            return smaller
        return parcel

    async def _try(self, lease: Lease, parcel: Parcel, trip: _Trip) -> None:
        """Up to three tries within the lease."""
        async for attempt in AsyncRetrying(
            stop=stop_after_attempt(SHORT_TRIES),
            wait=self._short_wait,
            retry=retry_if_exception(self._may_pass_soon),
            sleep=self._sleep,
            reraise=True,
        ):
            with attempt:
                trip.began = self._clock()
                if trip.began + self._timeout > lease.until:
                    raise TransientFailure("there was no time left for another try")
                try:
                    await self._post(parcel)
                except (TransientFailure, SinkBusy) as error:
                    if error.in_doubt:
                        trip.doubt = doubt_until(self._clock())
                    raise

    async def _post(self, parcel: Parcel) -> None:
        if parcel.deletes is None:
            await self._client.post(parcel.path, parcel.body)
        else:
            await self._client.delete(parcel.path, parcel.deletes)

    def _may_pass_soon(self, error: BaseException) -> bool:
        """Whether another try within seconds makes sense: not where it is known that the sink takes nothing."""
        return isinstance(error, TransientFailure) and not self._gate.cause

    def _short_wait(self, state: RetryCallState) -> float:
        return self._chance() * SHORT_WAIT_SECONDS * 2.0 ** (state.attempt_number - 1)

    async def _failed(self, lease: Lease, parcel: Parcel, trip: _Trip, error: Exception) -> None:
        """What a failure means for the row, and for the sink."""
        now, said = self._clock(), str(error)
        match error:
            case BodyTooLarge():
                self._gate.taken(None, now)  # it has answered, and all but this may go on
                await self._bury(lease, parcel.rev, "too large", said, trip.doubt)
                return
            case PermanentFailure() if self._is_believed(lease, now):
                await self._bury(lease, parcel.rev, "refused", said, trip.doubt)
                return
            case PermanentFailure():
                await self._hand_back(lease, now + _PROBE, said, trip.doubt)
            case SinkBusy():
                self._gate.busy(now, error.retry_after, self._chance())
                await self._hand_back(lease, max(now, self._gate.opens_at(now)), said, trip.doubt)
            case SinkClosed():
                self._gate.unwelcome(lease.key, error.cause, now)
                await self._hand_back(lease, now + _PROBE, said, trip.doubt)
            case DeliveryError():
                if lease.kind == "conversation" or trip.doubt:
                    self._gate.failed(lease.key, now, self._chance())
                await self._postpone(lease, said, trip.doubt)
            case _:  # ours; the row must not keep its lease for it, and says in `/status` why it waits
                self._fault.on(_log.exception, kind=lease.kind)
                await self._postpone(lease, f"it could not be sent: {type(error).__name__}", doubt_until(now))
                return
        self._says(error.cause if isinstance(error, SinkClosed) else self._gate.cause, said)

    def _is_believed(self, lease: Lease, now: int) -> bool:
        """Whether a refusal speaks of the row: not where nearly all conversations are refused."""
        if lease.kind == "conversation":
            return self._gate.refused(lease.key, now)
        self._gate.taken(None, now)
        return True

    async def _postpone(self, lease: Lease, error: str, doubt: int = 0) -> None:
        now = self._clock()
        due = now + round(full_jitter(lease.tries, self._chance()) * 1000)
        await self._store.postpone(lease, due, error, now, doubt=doubt)

    async def _hand_back(self, lease: Lease, due: int, error: str, doubt: int) -> None:
        await self._store.postpone(lease, due, error, self._clock(), doubt=doubt, blameless=True)

    async def _bury(self, lease: Lease, rev: int, reason: str, error: str, doubt: int = 0) -> None:
        if await self._store.bury(lease, rev, reason, error, self._clock(), doubt=doubt):
            hint = "see it with `teelog outbox list --state dead`, then retry or drop it"
            _log.error("delivery.buried", sink=self._sink, kind=lease.kind, reason=reason, error=error, hint=hint)


_PROBE = round(PROBE_SECONDS * 1000)


class _Trip:
    """What happened to one row between its lease and its end."""

    def __init__(self) -> None:
        #: When the last try began.
        self.began = 0
        #: Until when an earlier one may be applied; 0: there was none, or its end was seen.
        self.doubt = 0
