"""The loss ledger on disk: what was not recorded, by reason, over all runs.

Two slots of one page, written in turn, each with a number and a checksum: a crash takes the newer one at most, and since the
file never grows, a full disk takes it all the same. A file that cannot be read counts from nothing; one that cannot be
written is tried again with the next count.

    slot = crc32 of the rest | number (8) | length (4) | JSON
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SLOT_BYTES = 4096

_CHECKSUM, _HEAD = struct.Struct(">I"), struct.Struct(">QI")


class LedgerFile:
    """What runs before this one have counted (`before`), and this one's counts on top of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = 0
        self._lock = threading.Lock()
        self.before: Counter[str] = Counter()
        self._kept: Counter[str] = Counter()
        for slot in self._slots():
            number, counts = slot
            if number > self._number:
                self._number, self.before = number, counts
        if not self._number:
            self._write(0, {})  # so that there is room for it when there is none any more
            self._write(1, {})

    def has(self, counts: Mapping[str, int]) -> bool:
        """Whether these counts of this run are on the disk."""
        return counts == self._kept

    def keep(self, counts: Mapping[str, int]) -> None:
        """The counts of this run are these now; costs nothing while they do not change. For any thread."""
        with self._lock:
            if counts != self._kept and self._write(self._number + 1, self.before + Counter(counts)):
                self._kept = Counter(counts)

    def _slots(self) -> list[tuple[int, Counter[str]]]:
        try:
            data = self._path.read_bytes()
        except OSError:
            return []
        found = []
        for at in (0, SLOT_BYTES):
            slot = data[at : at + SLOT_BYTES]
            with suppress(struct.error, ValueError):
                number, size = _HEAD.unpack_from(slot, 4)
                end = 4 + _HEAD.size + size
                if _CHECKSUM.unpack_from(slot)[0] == zlib.crc32(slot[4:end]):
                    found.append((number, Counter(orjson.loads(slot[4 + _HEAD.size : end]))))
        return found

    def _write(self, number: int, counts: Mapping[str, int]) -> bool:
        text = orjson.dumps(dict(counts))
        rest = _HEAD.pack(number, len(text)) + text
        slot = (_CHECKSUM.pack(zlib.crc32(rest)) + rest).ljust(SLOT_BYTES, b"\0")
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.pwrite(fd, slot, number % 2 * SLOT_BYTES)
            finally:
                os.close(fd)
        except OSError:
            return False
        self._number = number
        return True
