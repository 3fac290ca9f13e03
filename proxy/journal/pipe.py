"""The journal that touches no disk (durability "memory"): the same frames, through a pipe to the recorder.

What is in the pipe when the recorder dies is lost, as promised nowhere. The pipe's end of ours is blocking: a recorder
that does not keep up holds the writer thread, and the writer's bound does the rest.
"""

from __future__ import annotations

import fcntl
import os
import sys
from contextlib import suppress

from .frame import FRAME_SIZE, HEADER_SIZE, header, marker_of, scan, stated_size
from .reader import Position, Record

#: What the pipe holds, where it can be asked for: a recorder that looks every few milliseconds must not be what limits.
PIPE_BYTES = 1024**2
_READ_BYTES = 1024**2


class PipeSink:
    """The writing end; it owns the file descriptor. One thread uses it."""

    def __init__(self, marker: bytes, fd: int) -> None:
        self._header = header(marker)
        self._fd = -1
        self.attach(fd)

    def attach(self, fd: int) -> None:
        """Go on in a new pipe, to a new recorder."""
        self.close()
        os.set_blocking(fd, True)
        if sys.platform == "linux":
            with suppress(OSError):  # more than an unprivileged user may have
                fcntl.fcntl(fd, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._fd = fd
        self._write(self._header)

    def write(self, frames: list[bytes]) -> list[str]:
        """Write frames in order; for each the reason why it was not handed over, or ""."""
        written = self._write(b"".join(frames))
        reasons = []
        for frame in frames:
            written -= len(frame)
            reasons.append("" if written >= 0 else "pipe_closed")
        return reasons

    def due(self) -> None:
        """Nothing is ever due."""

    def tidy(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """End the pipe."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _write(self, data: bytes) -> int:
        """How many bytes went in before the pipe was closed at the other end, if it was."""
        written = 0
        try:
            while self._fd >= 0 and written < len(data):
                written += os.write(self._fd, memoryview(data)[written:])
        except OSError:
            self.close()
        return written


class PipeSource:
    """The reading end, as a source of records; it owns the file descriptor. Positions are given, but mean nothing."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._buffer = bytearray()
        self._marker: bytes | None = None
        self._taken = 0
        #: The writer has closed its end; what it wrote before can still be read.
        self.ended = False

    def read(self, position: Position, limit_records: int, limit_bytes: int) -> list[Record]:
        """What has come; empty when there is nothing now. `position` is not looked at: a pipe is read once."""
        del position
        records: list[Record] = []
        size = 0
        while len(records) < limit_records and size < limit_bytes and (record := self._next()):
            records.append(record)
            size += len(record.payload)
        return records

    def release(self, position: Position) -> None:
        """A pipe keeps nothing."""

    def close(self) -> None:
        """Close the pipe: the writer sees it."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1

    def _next(self) -> Record | None:
        if self._marker is None:
            if not self._filled(HEADER_SIZE):
                return None
            self._marker = marker_of(bytes(self._buffer[:HEADER_SIZE]))
            assert self._marker, "the pipe comes from our own writer"
            self._drop(HEADER_SIZE)
        if not self._filled(FRAME_SIZE) or not self._filled(stated_size(self._buffer, self._marker)):
            return None
        frame = next(scan(self._buffer, self._marker), None)
        assert frame, "a pipe loses nothing"
        self._drop(frame.end)
        return Record(Position(0, self._taken), frame.payload)

    def _filled(self, size: int) -> bool:
        """Whether so many bytes have come."""
        while len(self._buffer) < size and not self.ended:
            try:
                data = os.read(self._fd, _READ_BYTES)
            except BlockingIOError:
                return False
            self._buffer += data
            self.ended = not data
        return len(self._buffer) >= size

    def _drop(self, size: int) -> None:
        del self._buffer[:size]
        self._taken += size
