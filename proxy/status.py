"""What `/status` shows, put together from the two processes, and what is seen of losses while nobody asks."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from . import __version__
from .health import health
from .ledger import Ledger
from .mending import set_aside

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .child import Child
    from .relay.recording import Record

#: How often it is looked whether exchanges are being lost.
WATCH_SECONDS = 1.0
#: The recorder's counters of what was journaled and is lost all the same: given up by a person, or trimmed after it could
#: not be read.
_GIVEN_UP = frozenset(("dropped", "set_aside_lost"))


class Status:
    """
    The whole of it.

    Args:
        record: What the relay counts.
        child: The recorder process.
        open_exchanges: How many requests are in progress.
        folder: The data folder.

    """

    def __init__(
        self, record: Record, child: Child, open_exchanges: Callable[[], int], folder: Path | None = None
    ) -> None:
        self._record = record
        self._child = child
        self._open = open_exchanges
        self._folder = folder
        self._ledger = Ledger()

    async def watch(self) -> None:
        """See losses when they begin and end; runs until it is cancelled."""
        while True:
            self._look()
            await asyncio.sleep(WATCH_SECONDS)

    async def told(self) -> dict[str, Any]:
        """As `/status` answers it."""
        recorder = await self._child.ask()
        recorder.pop("status", None)  # the number of the question
        relay, lately = self._look()
        aside = await asyncio.to_thread(set_aside, self._folder) if self._folder else []
        given_up = {name: n for name, n in recorder.get("counters", {}).items() if name in _GIVEN_UP}
        return {
            "version": __version__,
            **health(lately, recorder, self._child.fault, aside),
            "ledger": {
                "by_reason": relay["not_recorded"] | given_up,
                "lately": lately,
            },
            "relay": {"open": self._open(), **relay},
            "recorder": {"starts": self._child.starts, **recorder},
        }

    def _look(self) -> tuple[dict[str, Any], dict[str, int]]:
        """The relay's counts, and of them what was lost lately."""
        relay, now = self._record.status(), time.monotonic()
        self._ledger.look(relay["not_recorded"], relay["journaled"], now)
        return relay, self._ledger.lately(now)
