"""A thread that brings appended bytes to the disk soon, out of the way of the next append.

What was appended is on the disk `SYNC_SECONDS` later at most, plus what the disk needs. In a thread of its own because
an append that waits for the disk is an answer that waits: 1 append in 1,000 of 2 KB took 0.1 ms beside it and 1.5 ms
behind it.

A failed fdatasync may have thrown away what it could not write, and the next one on the same file succeeds all the same:
`failures` tells the writer to go on in a new file. Files given to `retire` belong to the thread, which closes them; one
that the reader has already removed is not worth the disk's time.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: How much a power loss can take, with durability "process", is 250 ms: this, a busy machine's delay, and the disk's.
SYNC_SECONDS = 0.15


class Syncer:
    """The thread; `touched` and `retire` are the writer's, and never wait."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        #: (file descriptor, when it is due, whether it is closed then); None ends the thread.
        self._jobs: SimpleQueue[tuple[int, float, bool] | None] = SimpleQueue()
        self._hurry = threading.Event()
        self._pending = -1
        self.failures = 0
        self._thread = threading.Thread(target=self._run, name="teelog-journal-sync", daemon=True)
        self._thread.start()

    def touched(self, fd: int) -> None:
        """Something was appended; many appends within `SYNC_SECONDS` cost one fdatasync."""
        if self._pending != fd:
            self._pending = fd
            self._jobs.put((fd, time.monotonic() + SYNC_SECONDS, False))

    def retire(self, fd: int) -> None:
        """Nothing more will be appended: sync and close."""
        self._jobs.put((fd, 0.0, True))

    def close(self) -> None:
        """Sync all that is waiting now, and end."""
        self._hurry.set()
        self._jobs.put(None)
        self._thread.join()

    def _run(self) -> None:
        while job := self._jobs.get():
            fd, due, retired = job
            self._hurry.wait(max(0.0, due - time.monotonic()))
            if self._pending == fd:
                self._pending = -1  # before the sync: what is appended during it is due again
            try:
                self._sync(fd)
            except OSError:
                self.failures += 1
            if retired:
                close_surely(fd)

    def _sync(self, fd: int) -> None:
        if os.fstat(fd).st_nlink:
            os.fdatasync(fd)
            sync_folder(self._folder)


def close_surely(fd: int) -> None:
    """Close a file; Linux has let go of it even where it reports an error of an earlier write."""
    with suppress(OSError):
        os.close(fd)


def sync_folder(folder: Path) -> None:
    """Bring a folder's own entries to the disk: a file that was synced can still be lost with its name."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
