"""The journal's reading side: records in order, from a position; and the removal of what has been recorded.

A position is an offset in a segment. The recorder commits it together with what it made of the record, so that after any
crash reading goes on exactly behind the last record that counted. A segment that is gone, was cut short by a crash, or is
damaged is passed over: all whole frames are given, once, in the order they were written; what lay between is counted in
`damaged` and `damaged_bytes`, and its segment is kept under another name when its time has come.

The newest segment may be in the middle of an append: what is not whole there is waited for, not skipped. It never has a
later segment, since the writer makes one only when it is done with the last; so whether there is one is asked before
reading, not after. The newest segment is never removed either.
"""

from __future__ import annotations

import errno
import os
import time
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from .folder import segment_path, segments
from .frame import FRAME_SIZE, HEADER_SIZE, marker_of, scan, stated_size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Read at once; doubled while no whole frame is in it.
WINDOW_BYTES = 256 * 1024

#: The file cannot be read, now or ever: the medium or the file system says so.
_UNREADABLE = frozenset((errno.EIO, errno.EISDIR, errno.EBADMSG, errno.EUCLEAN, errno.EACCES, errno.EPERM))


@dataclass(slots=True, frozen=True, order=True)
class Position:
    """A place in the journal; `Position(0, 0)` is its beginning."""

    segment: int
    offset: int


@dataclass(slots=True, frozen=True)
class Record:
    """A payload, as `core.exchange.decode` reads it, and the position to commit with it."""

    position_after: Position
    payload: bytes


class Source(Protocol):
    """Where the recorder gets its records from: the journal, or a pipe."""

    def read(self, position: Position, limit_records: int, limit_bytes: int) -> list[Record]:
        """What comes behind a position; at once, and empty when there is nothing now."""

    def release(self, position: Position) -> None:
        """What lies before a position will not be asked for again."""

    def close(self) -> None:
        """Let go of files."""


class JournalReader:
    """Reads and removes segments. One thread uses it; there is one for each folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: list[int] = []
        self._segment = _Segment(folder, 0)
        # A position that was asked for or given, and where reading goes on for it: behind what was passed over.
        self._asked = self._ahead = Position(0, 0)
        #: Stretches that were passed over, and how long they were together.
        self.damaged = 0
        self.damaged_bytes = 0
        #: Segments with such stretches, but for an append that a crash has torn: kept when the others are removed.
        self._kept: set[int] = set()

    def __repr__(self) -> str:
        return f"<JournalReader at={self._ahead.segment}:{self._ahead.offset} damaged={self.damaged}>"

    def read(self, position: Position, limit_records: int, limit_bytes: int) -> list[Record]:
        """
        The records behind a position, at once; empty when there is nothing now.

        Ends at either limit, but gives at least one record. `OSError` when a segment cannot be opened for now.
        """
        records: list[Record] = []
        at, size = self._resumed(position), 0
        while True:
            following = self._after(at.segment)  # asked before reading: see above
            for record in self._records(at, final=following is not None):
                records.append(record)
                size += len(record.payload)
                if len(records) >= limit_records or size >= limit_bytes:
                    self._asked = self._ahead = record.position_after
                    return records
            if following is None:
                at = max(at, records[-1].position_after) if records else at
                break
            at = Position(following, 0)
        self._asked, self._ahead = (records[-1].position_after if records else position), at
        return records

    def release(self, position: Position) -> None:
        """
        Remove the finished segments that lie wholly before a position; what cannot be removed is tried again.

        To be called after each commit, and also when a read gave nothing: by then a segment may have been finished.
        It costs nothing when there is nothing to remove.
        """
        before = (self._ahead if position == self._asked else position).segment
        self._known = self._known or segments(self._folder)
        while self._known and self._known[0] < before:
            self._remove(self._known[0])
            del self._known[0]

    def _remove(self, number: int) -> None:
        path = segment_path(self._folder, number)
        if number not in self._kept:
            path.unlink(missing_ok=True)
            return
        with suppress(FileNotFoundError):
            path.rename(path.with_name(f"{path.name}.{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}.damaged"))
        self._kept.discard(number)

    def close(self) -> None:
        """Let go of the open segment."""
        self._segment.close()

    def _resumed(self, position: Position) -> Position:
        """Where to go on for a position; its segment may have been removed, and so may one that was looked into ahead."""
        if position == self._asked and self._ahead.segment in self._known:
            return self._ahead
        if position.segment not in self._known:
            self._known = segments(self._folder)
        if not self._known or position.segment in self._known:
            return position
        # Removed; or all are older, because somebody has emptied the folder: that must not hide what was written since.
        following = bisect_right(self._known, position.segment) % len(self._known)
        return Position(self._known[following], 0)

    def _after(self, number: int) -> int | None:
        """The segment after a segment; None when that is the newest."""
        if not self._known or self._known[-1] <= number:
            self._known = segments(self._folder)
        place = bisect_right(self._known, number)
        return self._known[place] if place < len(self._known) else None

    def _records(self, at: Position, *, final: bool) -> Iterator[Record]:
        if self._segment.number != at.segment:
            self._segment.close()
            self._segment = _Segment(self._folder, at.segment, self._segment.marker)
        offset = max(at.offset, HEADER_SIZE)
        try:
            for start, end, payload in self._segment.frames(offset):
                self._passed_over(start - offset, at.segment)
                offset = end
                yield Record(Position(at.segment, end), payload)
            if final:
                self._passed_over(self._segment.size() - offset, 0 if self._segment.is_torn(offset) else at.segment)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno not in _UNREADABLE or not final:
                raise
            self._set_aside()

    def _passed_over(self, size: int, kept: int) -> None:
        if size > 0:
            self.damaged += 1
            self.damaged_bytes += size
            if kept:
                self._kept.add(kept)

    def _set_aside(self) -> None:
        """Keep a segment that the medium does not give back, for a person to look at, out of the way of the others."""
        self.damaged += 1
        path = segment_path(self._folder, self._segment.number)
        path.rename(path.with_suffix(".unreadable"))


class _Segment:
    """One segment file, opened when it is first read; `FileNotFoundError` when it is gone."""

    def __init__(self, folder: Path, number: int, last_marker: bytes = b"") -> None:
        self.number = number
        self.marker = last_marker
        self._path = segment_path(folder, number)
        self._last_marker = last_marker
        self._fd = -1
        self._marked = False

    def size(self) -> int:
        if self._fd < 0:
            self._fd = os.open(self._path, os.O_RDONLY)
        return os.fstat(self._fd).st_size

    def frames(self, offset: int) -> Iterator[tuple[int, int, bytes]]:
        """Start, end and payload of the whole frames at or behind an offset."""
        size, window = self.size(), WINDOW_BYTES
        while offset < size and self._find_marker(size):
            data = os.pread(self._fd, min(window, size - offset), offset)
            end = 0
            for frame in scan(data, self.marker):
                yield offset + frame.start, offset + frame.end, frame.payload
                end = frame.end
            if len(data) < window:
                return
            offset, window = offset + end, WINDOW_BYTES if end else window * 2

    def is_torn(self, offset: int) -> bool:
        """Whether what stands behind the last whole frame is an append that a crash cut short."""
        head = os.pread(self._fd, FRAME_SIZE, offset)
        short = self.size() - offset < FRAME_SIZE
        if self.size() <= HEADER_SIZE or (short and self.marker.startswith(head[: len(self.marker)])):
            return True
        return head.startswith(self.marker) and offset + stated_size(head, self.marker) > self.size()

    def _find_marker(self, size: int) -> bool:
        if not self._marked:
            head = os.pread(self._fd, WINDOW_BYTES, 0)
            marker = marker_of(head, self._last_marker) or marker_of(os.pread(self._fd, size, 0), self._last_marker)
            self.marker, self._marked = marker or self._last_marker, marker is not None
        return self._marked

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1
