"""The work behind the figures, done while nobody waits for it: prices, texts, sums; a little at a time.

It runs beside the server, in threads of the database, and never holds the writer for more than milliseconds. Whoever
asks before it has come round gets what is there: sums are exact at any time, prices and insights a few seconds behind.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import structlog

from ..errors import DatabaseError
from .keeping import sum_hours
from .prices import installed, price_answers
from .reading import read_sessions
from .sheaves import keep_sheaves, sheaved
from .trait_weeks import claim, keep, summed

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp import web

    from ..db.sqlite import Tx
    from .prices import PriceList
    from .store import Store

_log = structlog.get_logger("analytics")

#: How long it rests when there is nothing to do, and between two pieces of work, so that those who write come first.
REST_SECONDS = 5.0
BREATH_SECONDS = 0.02
#: A week that goes on to change is not summed anew all the time: it takes a tenth of a second.
WEEKS_REST_MS = 60_000


class Keeper:
    """Does it for one store."""

    def __init__(self, store: Store, prices: PriceList | None = None) -> None:
        self._store = store
        self._prices = prices
        self._weeks_from = 0

    async def run(self) -> None:
        """Does what there is to do, again and again, until it is cancelled."""
        while True:
            try:
                goes_on = await self.do_some()
            except Exception as error:  # whatever it is: it must not end what is kept of everything else
                goes_on = False
                told = str(error) if isinstance(error, DatabaseError) else repr(error)
                _log.error("analytics.keeping_failed", error=told)
            await asyncio.sleep(BREATH_SECONDS if goes_on else REST_SECONDS)

    async def do_some(self) -> bool:
        """A piece of the first work that has any; whether there was one. Sums come last: prices would spoil them."""
        for work in self._works():
            if await self._store.write(work):
                return True
        return await self._sum_week()

    async def _sum_week(self) -> bool:
        """Sums one of the weeks, reading while others write; once all hold, it looks again a while later."""
        if self._store.now() < self._weeks_from:
            return False
        start = await self._store.write(lambda tx: claim(tx, self._store.now()))
        if start is None:
            self._weeks_from = self._store.now() + WEEKS_REST_MS
            return False
        sums = await self._store.read(lambda tx: summed(tx, start))
        sheaves = await self._store.read(lambda tx: sheaved(tx, start))

        def kept(tx: Tx) -> None:
            keep_sheaves(tx, start, sheaves)
            keep(tx, start, sums)

        await self._store.write(kept)
        return True

    def _works(self) -> list[Callable[[Tx], int]]:
        prices, now = self._prices, self._store.now()
        works: list[Callable[[Tx], int]] = [read_sessions, lambda tx: sum_hours(tx, now)]
        return works if prices is None else [lambda tx: price_answers(tx, prices), *works]


def keeping(store: Store) -> Callable[[web.Application], AsyncIterator[None]]:
    """Keeps while an application runs."""

    async def context(_app: web.Application) -> AsyncIterator[None]:
        prices = await asyncio.to_thread(installed)  # a large package
        task = asyncio.get_running_loop().create_task(Keeper(store, prices).run())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    return context
