"""What nobody has spoken in for long: freed once it is delivered, and forgotten in the end.

    idle_days after the last turn      what was said is taken out; ids and hashes stay, so that the chat is known when it
                                       comes back, and its client brings the history that fills it again
    a client that sends no history     nobody but us has it: it stays as it is; so does a named chat's first turn, where
                                       other chats of its tenant came without their history
    known_days after the last turn     all of it goes; of a chat that the client named, the name stays taken, since a new
                                       conversation of that name would replace what analytics has

Whatever a sink still lacks, or was set aside for, stays whole. In small steps, so that the writer is never held for long.
"""

from __future__ import annotations

import asyncio
import time
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import structlog

from ..core.buckets import DAY_MS
from ..core.calm import Calm
from ..errors import DatabaseError
from .retention import Bounds

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Awaitable, Callable

    from ..config import Conversation, Privacy
    from ..db.sqlite import Tx
    from .store import Store

_log = structlog.get_logger("teelog")

#: Conversations of one step: some milliseconds.
STEP = 50
#: How often idle conversations are looked for.
INTERVAL_SECONDS = 60.0


class _At(NamedTuple):
    since: int
    key: int


_BEGINNING = _At(0, 0)


class Tidying:
    """Goes through what is idle, over and over; remembers how far it has come, since what is owed is passed over."""

    def __init__(self) -> None:
        #: The last conversation that was looked at.
        self._freed_to = _BEGINNING
        self._forgot_to = dict.fromkeys(product((0, 1), (0, 1)), _BEGINNING)

    def step(self, tx: Tx, idle_before: int, known_before: int) -> bool:
        """Some of the idle conversations; false at the end of a round."""
        more = False
        for (freed, appended), after in self._forgot_to.items():
            kind = {"freed": freed, "appended": appended}
            rows = tx.all("forgotten", **kind, **after._asdict(), before=known_before, limit=STEP)
            for row in rows:
                if _is_quiet(tx, row, known_before) and not tx.one("is_owed", key=row["key"]):
                    _forget(tx, row["key"], row["thread"])
            self._forgot_to[freed, appended] = _end_of(rows)
            more |= len(rows) == STEP
        rows = tx.all("idle", **self._freed_to._asdict(), before=idle_before, limit=STEP)
        habits: dict[str, bool] = {}
        for row in rows:
            is_idle = _is_quiet(tx, row, idle_before) and not tx.one("is_owed", key=row["key"])
            if is_idle and not _may_be_ours_alone(tx, row, habits):
                _free(tx, row["key"])
        self._freed_to = _end_of(rows)
        return more or len(rows) == STEP


def _end_of(rows: list[sqlite3.Row]) -> _At:
    """Where the next step begins; after the last of a round at the beginning."""
    return _At(rows[-1]["since"], rows[-1]["key"]) if len(rows) == STEP else _BEGINNING


def _is_quiet(tx: Tx, row: sqlite3.Row, before: int) -> bool:
    """Whether nobody has spoken in it since, indeed; else that is known from now on."""
    if row["rev"] < before:
        return True
    tx.run("not_quiet", key=row["key"], since=row["rev"])
    return False


def _may_be_ours_alone(tx: Tx, row: sqlite3.Row, habits: dict[str, bool]) -> bool:
    """Whether only a second turn could tell if its client brings the history, and its tenant's clients do not."""
    if not row["thread"].startswith("id:") or tx.one("second_answer", key=row["key"]):
        return False
    tenant = row["tenant"]
    if tenant not in habits:
        habits[tenant] = tx.one("sends_no_history", tenant=tenant) is not None
    return habits[tenant]


def _free(tx: Tx, key: int) -> None:
    for name in ("free_standing", "free_replaced", "forget_former"):
        tx.run(name, key=key)
    tx.run("mark_freed", key=key, freed=1)


def _forget(tx: Tx, key: int, thread: str) -> None:
    for name in ("forget_rows", "forget_annotations", "forget_messages"):
        tx.run(name, key=key)
    if thread.startswith("id:"):
        tx.run("forget_tips", conversation=key, all=True)
        tx.run("mark_freed", key=key, freed=2)
    else:
        tx.run("forget_conversation", key=key)


async def keep_tidy(
    store: Store,
    conversation: Conversation,
    privacy: Privacy,
    *,
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    steady: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Tidy the store every minute while the clock can be believed (`core.calm`), until it is cancelled."""
    calm = Calm()
    while True:
        await sleep(INTERVAL_SECONDS)
        now = clock()
        is_calm = calm.holds(now, steady())
        idle, known = (now - days * DAY_MS for days in (conversation.idle_days, conversation.known_days))
        try:
            if store.scrub_is_due:
                await asyncio.to_thread(store.scrub)
            if not is_calm:
                continue
            while await store.tidy(idle, known):
                await sleep(0)
            await _expire(store, Bounds.of(privacy, now), known, sleep)
        except DatabaseError as error:
            _log.error("store.waits", reason=str(error))


async def _expire(store: Store, bounds: Bounds, known_before: int, sleep: Callable[[float], Awaitable[None]]) -> None:
    """Give up what is kept no longer, and say so."""
    more, dropped = True, 0
    while more:
        more, gone = await store.expire(bounds, known_before)
        dropped += gone
        if more:
            await sleep(0)
    if dropped:
        _log.warning("outbox.expired", rows=dropped)
