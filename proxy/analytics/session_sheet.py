"""The list of conversations as CSV: every one that passes a filter, as it stood at one moment, a row for each.

It is written to a file without a name first, within one read of bounded time, as the API's exports are (`sheets.py`).
"""

from __future__ import annotations

import tempfile
from typing import IO, TYPE_CHECKING

from ..core.cells import cell, csv_lines
from ..errors import ApiError
from .questions import Limits, in_time
from .session_view import COLUMNS, session_view
from .sessions import every_line

if TYPE_CHECKING:
    from pathlib import Path

    from ..core.session_filter import SessionFilter
    from ..db.sqlite import Tx


def session_sheet(tx: Tx, asked: SessionFilter, folder: Path, limits: Limits) -> IO[bytes]:
    """The CSV in an open file that is gone when it is closed; it may lie in `folder`. `ApiError` 422."""
    try:
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - whoever asked closes it
        try:
            with in_time(tx, limits.export_seconds):
                _write(tx, asked, file, limits.export_bytes)
        except BaseException:
            file.close()
            raise
    except OSError as error:
        raise ApiError(422, f"the export cannot be written: {error.strerror}") from error
    return file


def _write(tx: Tx, asked: SessionFilter, file: IO[bytes], most: int) -> None:
    size = file.write(csv_lines([COLUMNS]))
    for line in every_line(tx, asked):
        told = session_view(line)
        size += file.write(csv_lines([[cell(told[name]) for name in COLUMNS]]))
        if size > most:
            raise ApiError(422, "the export is too large: ask about a shorter time")
