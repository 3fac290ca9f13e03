"""Exchanges that still go on, one file each beside the segments, for as long as they do.

    <exchange id>.open = header, a frame for each part of `core.checkpoint`

Each is removed when its exchange was appended to a segment. What is found at a start was left by a run that was killed:
the writer appends it to the journal, marked interrupted, and removes it then. Never synced: a power loss may take an
exchange that nobody has seen the end of. A file of which nothing can be read is set aside, not removed.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from ..core.checkpoint import joined
from .frame import frame, header, marker_of, scan

if TYPE_CHECKING:
    from pathlib import Path

    from ..core.checkpoint import Part

#: Parts over 64 KiB are compressed: a smaller one is gone before a disk would be spared anything.
COMPRESS_OVER = 64 * 1024
_NAME = re.compile(r"[0-9a-f-]{36}\.open", re.ASCII)


class Unfinished:
    """The files. One thread uses it.

    Args:
        folder: The journal's.
        marker: What the frames begin with.

    """

    def __init__(self, folder: Path, marker: bytes) -> None:
        self._folder = folder
        self._marker = marker
        #: Bytes of each that this run has begun.
        self._sizes: dict[str, int] = {}
        #: What they weigh together.
        self.bytes = 0
        #: Left by runs before this one, oldest first.
        self.left = sorted(folder / name for name in os.listdir(folder) if _NAME.fullmatch(name))  # noqa: PTH208 - names

    def save(self, part: Part) -> None:
        """Write a part; when that fails, its checkpoint is told so."""
        name = part.of.id
        size = self._sizes.get(name, 0)
        try:
            payload = part.encode()
            if not payload:
                return
            data = (b"" if size else header(self._marker)) + frame(payload, self._marker, COMPRESS_OVER)
            fd = os.open(self._path(name), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                written = os.write(fd, data)
            finally:
                os.close(fd)
        except Exception:
            part.of.failed = True  # whatever it was: the exchange itself goes on, and ends in the journal
            return
        part.of.failed = written < len(data)
        self._sizes[name] = size + written
        self.bytes += written

    def end(self, name: str) -> None:
        """An exchange is over: it is in the journal, or it is not to be kept. A file that stays is known at the next start."""
        size = self._sizes.pop(name, None)
        if size is not None:
            self.bytes -= size
            with suppress(OSError):
                self._path(name).unlink()

    def payload(self, path: Path) -> bytes | None:
        """What was left in a file; None: nothing that can be read, and it was set aside. `OSError`: not for now."""
        data = path.read_bytes()
        marker = marker_of(data)
        try:
            found = joined(one.payload for one in scan(data, marker)) if marker else None
        except ValueError:
            found = None
        if found is None:
            path.rename(path.with_suffix(".unreadable"))
        return found

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.open"
