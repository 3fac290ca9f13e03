"""The list of conversations as CSV: every one that passes a filter, as it stood at one moment, a row for each."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from ..core.cells import cell, csv_lines
from ..errors import ApiError
from .session_view import COLUMNS, session_view
from .sessions import every_line
from .sheet_file import written

if TYPE_CHECKING:
    from pathlib import Path

    from ..core.session_filter import SessionFilter
    from ..db.sqlite import Tx
    from .questions import Limits


def session_sheet(tx: Tx, asked: SessionFilter, folder: Path, limits: Limits) -> IO[bytes]:
    """As `sheet_file.written` gives it."""
    return written(tx, folder, limits, lambda file: _write(tx, asked, file, limits.export_bytes))


def _write(tx: Tx, asked: SessionFilter, file: IO[bytes], most: int) -> None:
    size = file.write(csv_lines([COLUMNS]))
    for line in every_line(tx, asked):
        told = session_view(line)
        size += file.write(csv_lines([[cell(told[name]) for name in COLUMNS]]))
        if size > most:
            raise ApiError(422, "the export is too large: ask about a shorter time")
