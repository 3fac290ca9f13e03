"""A file without a name for what is sent as a CSV: written whole first, within one read of bounded time.

A slow client then holds no reader, and what fails fails before the answer begins.
"""

from __future__ import annotations

import tempfile
from typing import IO, TYPE_CHECKING

from ..errors import ApiError
from .questions import in_time

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ..db.sqlite import Tx
    from .questions import Limits


def written(tx: Tx, folder: Path, limits: Limits, write: Callable[[IO[bytes]], None]) -> IO[bytes]:
    """The open file, at its beginning, once all is in it; gone when it is closed. It may lie in `folder`. `ApiError` 422."""
    try:
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - whoever asked closes it
        try:
            with in_time(tx, limits.export_seconds):
                write(file)
            file.seek(0)
        except BaseException:
            file.close()
            raise
    except OSError as error:
        raise ApiError(422, f"the export cannot be written: {error.strerror}") from error
    return file
