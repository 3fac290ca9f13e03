"""The journal's folder: segments by number, and the one that is being appended to.

    <number, 16 digits>.log, mode 0600, in a folder of mode 0700

Numbers grow for ever, across runs and even when the folder was emptied (they are unix microseconds, or one more than the
last), so that a reader's position never points into a later run. Only the newest segment is appended to: one that has a
successor is finished.

A segment is finished when it is full, and soon after its first record even when it is not: the reader can remove only
finished ones, and a conversation must not rest in a raw file because nobody else is talking. The successor is made at
once, in quiet moments where possible, so that an append seldom pays for it.

After an error the folder goes on trying. A segment in which an append was cut short is never appended to again: the
reader may be waiting for the rest of that frame.
"""

from __future__ import annotations

import errno
import os
import re
import sys
import time
from bisect import bisect_left
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from .frame import HEADER_SIZE, header
from .sync import Syncer, close_surely, sync_folder
from .unfinished import Unfinished

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..core.checkpoint import Part

#: Finished at this size: small enough to be removed soon, large enough that making one costs nothing.
SEGMENT_BYTES = 16 * 1024**2
#: Finished this long after its first record, in seconds: how long raw bodies rest when nothing else happens.
SEGMENT_SECONDS = 1.0
#: The folder is weighed again no more often than this, in seconds, while it is over its bound.
WEIGH_SECONDS = 1.0
#: And the disk is asked no more often than this how much it has left.
LOOK_SECONDS = 0.1
#: The share of the bound up to which exchanges that still go on are written: the rest is for finished ones.
UNFINISHED_UP_TO = 0.8

#: From here on numbers are strays: microseconds of the year 2255, and a few more would have 17 digits.
LAST_NUMBER = 9_000_000_000_000_000

_NAME = re.compile(r"[0-9]{16}\.log", re.ASCII)
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


def segment_path(folder: Path, number: int) -> Path:
    """The file of a segment."""
    return folder / f"{number:016d}.log"


def segments(folder: Path) -> list[int]:
    """The numbers of all segments, oldest first; none where there is no folder."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names are enough, and asked for often
    except FileNotFoundError:
        return []
    return sorted(int(name[:16]) for name in names if _NAME.fullmatch(name))


def resting(folder: Path, now: float) -> tuple[int, float]:
    """
    How many bytes of records lie in the files, and since when the oldest does, in seconds.

    Files go soon after all of their records were recorded, and are finished soon after their first, so that both are
    true to about a second. `now` is unix seconds.
    """
    size, oldest = 0, now
    for number in segments(folder):
        try:
            found = segment_path(folder, number).stat()
        except FileNotFoundError:
            continue  # removed since
        if found.st_size > HEADER_SIZE:
            size += found.st_size - HEADER_SIZE
            oldest = min(oldest, found.st_mtime)
    return size, now - oldest


@dataclass(slots=True)
class Limits:
    """What a folder holds to; `clock` gives seconds that only grow."""

    max_bytes: int
    segment_bytes: int = SEGMENT_BYTES
    segment_seconds: float = SEGMENT_SECONDS
    clock: Callable[[], float] = time.monotonic
    #: Free space of the disk that is left alone.
    reserve: int = 0


class FolderSink:
    """The segment that is being appended to. One thread uses it.

    Args:
        folder: It exists.
        marker: What the frames begin with.
        limits: Sizes and times.
        power: A frame counts as stored when it is on the disk, not when the kernel has it.

    """

    def __init__(self, folder: Path, marker: bytes, limits: Limits, *, power: bool) -> None:
        self._folder = folder
        self._header = header(marker)
        self._limits = limits
        self._syncer = None if power else Syncer(folder)
        self._seen_failures = 0
        self._number = _settled(folder)
        #: Exchanges that still go on.
        self.unfinished = Unfinished(folder, marker)
        self._fd = -1
        self._size = 0
        self._first: float | None = None  # when the first record went into this segment
        self._weight = self._weigh()
        self._weighed = limits.clock()
        self._free, self._looked = self._free_now(), limits.clock()
        self._open()

    def write(self, frames: list[bytes]) -> list[str]:
        """Append; as many as fit and the disk takes."""
        reason = self._ready()
        if reason:
            return [reason] * len(frames)
        ends = list(accumulate(map(len, frames)))
        fitting, bound = self._fitting(ends)
        if fitting:
            data = frames[0] if fitting == 1 else b"".join(frames[:fitting])
            stored, reason = self._append(data, ends)
        else:
            stored = 0
        late = [reason or bound] * (fitting - stored) + [bound] * (len(frames) - fitting)
        return [""] * stored + late

    def save(self, part: Part) -> None:
        """Write a part of an exchange that still goes on; finished ones go before where there is little room."""
        if self._free < 0 or self._weight + self.unfinished.bytes > UNFINISHED_UP_TO * self._limits.max_bytes:
            part.of.failed = True
        else:
            self.unfinished.save(part)

    def due(self) -> float | None:
        """In how many seconds `tidy` has something to do: finish the segment for its age, or make one that is missing."""
        if self._fd < 0:
            return self._limits.segment_seconds
        if self._first is None:
            return None
        return max(0.0, self._first + self._limits.segment_seconds - self._limits.clock())

    def tidy(self) -> None:
        """Do what is due."""
        self._ready()

    def close(self) -> None:
        """Finish the segment, so that the reader can remove it, and sync."""
        if self._first is not None:
            self._open()
        self._leave()
        if self._syncer:
            self._syncer.close()

    def _ready(self) -> str:
        """Make sure of a segment to append to; the reason why there is none, or ""."""
        if self._syncer and self._syncer.failures != self._seen_failures:
            self._seen_failures = self._syncer.failures
            self._leave()
        if self._fd < 0:
            return self._open()
        if self._size >= self._limits.segment_bytes or self.due() == 0:
            reason = self._open()
            if self._fd < 0:
                return reason
        return ""

    def _open(self) -> str:
        """
        Begin the next segment; the reason why it could not be, or "".

        As soon as the new file is there, the old one is finished: the reader may have seen it. Before, the old one serves
        on, for another while.
        """
        self._number = max(self._number + 1, time.time_ns() // 1000)
        path = segment_path(self._folder, self._number)
        try:
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        except OSError as error:
            self._first = self._first and self._limits.clock()
            return _reason(error)
        self._leave()
        try:
            if os.write(fd, self._header) < len(self._header):
                raise OSError(errno.ENOSPC, "the header was cut")
            if not self._syncer:
                sync_folder(self._folder)
        except OSError as error:
            close_surely(fd)
            path.unlink(missing_ok=True)
            return _reason(error)
        self._fd, self._size = fd, len(self._header)
        self._weight += self._size
        return ""

    def _fitting(self, ends: list[int]) -> tuple[int, str]:
        """How many of the frames the bound on the whole folder and the disk allow, and what stops the others."""
        now = self._limits.clock()
        if now - self._looked >= LOOK_SECONDS:
            self._free, self._looked = self._free_now(), now
        room = self._limits.max_bytes - self._weight - self.unfinished.bytes
        if ends[-1] > room and now - self._weighed >= WEIGH_SECONDS:
            self._weight, self._weighed = self._weigh(), now
            room = self._limits.max_bytes - self._weight - self.unfinished.bytes
        bound = "journal_full" if room < self._free else "disk_full"
        room = min(room, self._free)
        return (len(ends) if ends[-1] <= room else sum(end <= room for end in ends)), bound

    def _free_now(self) -> int:
        """What the disk has left, but for the reserve; unknown is no bound."""
        try:
            found = os.statvfs(self._folder)
        except OSError:
            return sys.maxsize
        return found.f_bavail * found.f_frsize - self._limits.reserve

    def _append(self, data: bytes, ends: list[int]) -> tuple[int, str]:
        """How many frames are stored, and what stopped the rest."""
        written, reason = 0, ""
        try:
            while written < len(data):
                written += os.write(self._fd, memoryview(data)[written:] if written else data)
        except OSError as error:
            reason = _reason(error)
        self._size += written
        self._weight += written
        self._free -= written
        if written and self._first is None:
            self._first = self._limits.clock()
        stored = sum(end <= written for end in ends)
        if written and not self._synced():
            stored, reason = 0, "sync_error"
        if reason and (reason != "disk_full" or written not in (0, *ends)):
            self._leave()
        return stored, reason

    def _synced(self) -> bool:
        """Whether what was appended is as durable as asked for."""
        if self._syncer:
            self._syncer.touched(self._fd)
            return True
        try:
            os.fdatasync(self._fd)
        except OSError:
            return False
        return True

    def _leave(self) -> None:
        """Append no more to this segment."""
        if self._fd >= 0 and self._syncer:
            self._syncer.retire(self._fd)
        elif self._fd >= 0:
            close_surely(self._fd)
        self._fd, self._first = -1, None

    def _weigh(self) -> int:
        """The bytes of all segments; those that the reader has removed no longer count."""
        total = 0
        for number in segments(self._folder):
            try:
                total += segment_path(self._folder, number).stat().st_size
            except FileNotFoundError:
                continue  # removed since
        return total


def _settled(folder: Path) -> int:
    """The last number. A stray file of a number that leaves no room for later ones gets one that does."""
    numbers = segments(folder)
    last = max((one for one in numbers if one < LAST_NUMBER), default=0)
    for stray in numbers[bisect_left(numbers, LAST_NUMBER) :]:
        last = max(last + 1, time.time_ns() // 1000)
        segment_path(folder, stray).rename(segment_path(folder, last))
    return last


def _reason(error: OSError) -> str:
    return "disk_full" if error.errno in _FULL else "write_error"
