"""What runs with another durability have left in the journal's folder, made ready to be read to its end.

With durability "memory" nobody writes there, so that the newest segment would never be finished, nor removed, and what a
kill has left half done never be appended. Done by the recorder, before it reads; nothing here raises but for a folder that
cannot be listed.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from .folder import FolderSink, Limits, segments
from .frame import MARKER_SIZE, frame

if TYPE_CHECKING:
    from pathlib import Path


def finish(folder: Path) -> bool:
    """Whether anything is there; all of it is in finished segments then, as far as the disk allows."""
    if not segments(folder) and not any(folder.glob("*.open")):
        return False
    marker = os.urandom(MARKER_SIZE)
    sink = FolderSink(folder, marker, Limits(sys.maxsize), power=True)
    for path in sink.unfinished.left:
        with suppress(OSError):  # it stays for the next start
            payload = sink.unfinished.payload(path)
            if payload is not None and sink.write([frame(payload, marker)]) == [""]:
                path.unlink()
    sink.close()
    return True
