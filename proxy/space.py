"""The disk of the data folder: whether it is full, and the reserve that lets the databases go on when it is.

    free space    ▕ nearly full ▏ the journal takes no more ▏ the ballast is let go: nothing new is recorded ▏
                                reserve                     half of it                                    0

The reserve is kept twice: as free space that the journal leaves alone, and as a file, the ballast, against whoever else
fills the disk. What is left then is for acknowledgements, without which everything would be delivered again. The ballast is
made anew when there is room for it once more. Nothing here raises.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from pathlib import Path

_log = structlog.get_logger("teelog")

LOOK_SECONDS = 0.2
#: The disk is nearly full below this, or below a tenth of it where that is less.
NEARLY_BYTES = 1024**3
#: The reserve is no more than this part of the disk.
LARGEST_PART = 20
#: The ballast is made where it leaves free so many times its size.
ROOM_FOR_BALLAST = 1.5


@dataclass(frozen=True)
class Disk:
    """How much fits on a disk, and how much this user may still write there (bytes)."""

    size: int
    free: int


def disk_of(folder: Path) -> Disk | None:
    """The disk of a folder; None when it cannot be asked."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    return Disk(found.f_blocks * found.f_frsize, found.f_bavail * found.f_frsize)


def reserve_of(folder: Path, wanted: int) -> int:
    """The reserve on this disk (bytes)."""
    disk = disk_of(folder)
    return wanted if disk is None else min(wanted, disk.size // LARGEST_PART)


def fullness(folder: Path, reserve: int) -> str:
    """How the disk is: "full", "nearly", "" or, where it cannot be asked, "unknown"."""
    disk = disk_of(folder)
    if disk is None:
        return "unknown"
    if disk.free < reserve:
        return "full"
    return "nearly" if disk.free < max(2 * reserve, min(NEARLY_BYTES, disk.size // 10)) else ""


class Ballast:
    """
    The file.

    Args:
        folder: The data folder.
        size: The reserve; 0: there is none.

    """

    def __init__(self, folder: Path, size: int) -> None:
        self._folder = folder
        self._path = folder / "ballast"
        self._size = size
        self._is_short = False

    def reason(self) -> str:
        """Why nothing new is to be recorded now; empty when it may be."""
        return "the disk of data_dir is full: free some of it" if self._is_short else ""

    async def keep(self) -> None:
        """Let it go and make it again as the disk fills and empties; runs until it is cancelled."""
        while self._size:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Do what is to be done."""
        free, there = self._free(), self._there()
        if free < self._size // 2:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            if not self._is_short:
                _log.error("disk.full", free_bytes=free, hint="replies go on; nothing is recorded until there is room")
            self._is_short = True
        elif not there and free >= self._size * (1 + ROOM_FOR_BALLAST):
            there = self._make()
        if there and self._is_short and free >= self._size // 2:
            _log.info("disk.has_room", free_bytes=self._free())
            self._is_short = False

    def _make(self) -> bool:
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, self._size)
            finally:
                os.close(fd)
        except OSError:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
            return False
        return True

    def _there(self) -> bool:
        try:
            return self._path.stat().st_size == self._size
        except OSError:
            return False

    def _free(self) -> int:
        disk = disk_of(self._folder)
        return self._size * 4 if disk is None else disk.free  # what cannot be asked is not in the way
