"""What `/status` shows, put together from the two processes, and what is seen of losses while nobody asks."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from . import __version__
from .health import health
from .ledger import Ledger
from .ledger_file import LedgerFile
from .mending import set_aside
from .space import fullness

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from .child import Child
    from .relay.recording import Record

#: How often it is looked whether exchanges are being lost; a kill takes what was counted since.
WATCH_SECONDS = 0.25
#: The recorder's counters of what was journaled and is lost all the same: given up by a person, or trimmed after it could
#: not be read.
_GIVEN_UP = frozenset(("dropped", "set_aside_lost"))


class Status:
    """
    The whole of it.

    Args:
        record: What the relay counts.
        child: The recorder process.
        resting: What lies in the journal's files: bytes, and the age of the oldest in seconds.
        folder: The data folder; None: nothing is known of it, and nothing kept in it.
        reserve: Bytes of its disk below which it is full.

    """

    def __init__(
        self,
        record: Record,
        child: Child,
        resting: Callable[[], Awaitable[tuple[int, float]]],
        folder: Path | None = None,
        reserve: int = 0,
    ) -> None:
        self._record = record
        self._child = child
        self._resting = resting
        self._folder = folder
        self._reserve = reserve
        self._ledger = Ledger()
        self._file = LedgerFile(folder / "ledger") if folder else None

    async def watch(self) -> None:
        """See losses when they begin and end; runs until it is cancelled."""
        while True:
            await self._keep_new(self._look()[0])
            await asyncio.sleep(WATCH_SECONDS)

    def close(self) -> None:
        """Keep the ledger as it is at the end."""
        self._keep(self._record.status())

    async def told(self) -> dict[str, Any]:
        """As `/status` answers it."""
        recorder = await self._child.ask()
        recorder.pop("status", None)  # the number of the question
        size, oldest = await self._resting()
        relay, lately = self._look()
        aside, disk = await asyncio.to_thread(self._disk)
        await self._keep_new(relay)  # what was told once stays true
        given_up = {name: n for name, n in recorder.get("counters", {}).items() if name in _GIVEN_UP}
        return {
            "version": __version__,
            **health(lately, recorder, self._child.fault, aside, disk),
            "ledger": {
                "by_reason": dict(self._before() + Counter(relay["not_recorded"])) | given_up,
                "lately": lately,
            },
            "relay": relay,
            "journal": {"bytes": size, "oldest_seconds": oldest},
            "recorder": {"starts": self._child.starts, **recorder},
        }

    def _disk(self) -> tuple[list[str], str]:
        """What was set aside, and how full the disk is."""
        if self._folder is None:
            return [], "unknown"
        return set_aside(self._folder), fullness(self._folder, self._reserve)

    def _before(self) -> Counter[str]:
        return self._file.before if self._file else Counter()

    async def _keep_new(self, relay: dict[str, Any]) -> None:
        """Losses are rare, and a thread for nothing four times a second is not free."""
        if self._file and not self._file.has(relay["not_recorded"]):
            await asyncio.to_thread(self._keep, relay)

    def _keep(self, relay: dict[str, Any]) -> None:
        if self._file:
            self._file.keep(relay["not_recorded"])

    def _look(self) -> tuple[dict[str, Any], dict[str, int]]:
        """The relay's counts, and of them what was lost lately."""
        relay, now = self._record.status(), time.monotonic()
        self._ledger.look(relay["not_recorded"], relay["journaled"], now, self._record.newest_lost())
        return relay, self._ledger.lately(now)
