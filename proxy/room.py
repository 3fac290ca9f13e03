"""The room that is left on the disk of the data folder, and how long it lasts at the present rate.

What waits for delivery lies there, and everything that was recorded too: so one figure answers how long an outage may
last. It is looked at every `LOOK_SECONDS`, by names and sizes alone. Nothing here raises: what cannot be seen is unknown.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any

from .core.lately import Growth
from .core.spans import span_text
from .space import disk_of

if TYPE_CHECKING:
    from pathlib import Path

LOOK_SECONDS = 10.0
#: The present rate is that of the last ten minutes.
WINDOW_SECONDS = 600.0
#: Before so much was seen, what a start writes would be taken for it.
LEAST_SECONDS = 30.0


class Room:
    """
    What is left.

    Args:
        folder: The data folder.

    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._growth = Growth(WINDOW_SECONDS, LEAST_SECONDS)
        self._size = 0

    async def keep_looking(self) -> None:
        """Look, again and again, in a thread, for it may be a slow disk; runs until it is cancelled."""
        while True:
            await asyncio.to_thread(self.look, time.monotonic())
            await asyncio.sleep(LOOK_SECONDS)

    def look(self, now: float) -> None:
        """Weigh the folder (seconds, of a clock that only grows)."""
        self._size = _weight(self._folder)
        self._growth.saw(self._size, now)

    def told(self) -> dict[str, Any]:
        """As `/status` shows it; `lasts_seconds` and `lasts` are None while nothing grows."""
        disk = disk_of(self._folder)
        lasts = None if disk is None else self._growth.lasts(disk.free)
        return {
            "bytes": self._size,
            "free_bytes": None if disk is None else disk.free,
            "growth_bytes_per_second": round(self._growth.per_second(), 1),
            "lasts_seconds": None if lasts is None else round(lasts),
            "lasts": None if lasts is None else f"{span_text(lasts)} at the present rate",
        }


def _weight(folder: str | os.PathLike[str]) -> int:
    """The bytes of all files, in folders below too."""
    total = 0
    try:
        with os.scandir(folder) as found:
            for one in found:
                total += _weight_of(one)
    except OSError:
        pass  # a folder that is gone has no weight
    return total


def _weight_of(one: os.DirEntry[str]) -> int:
    try:
        if one.is_dir(follow_symlinks=False):
            return _weight(one)
        return one.stat(follow_symlinks=False).st_size
    except OSError:
        return 0  # removed since
