"""Lines of a CSV file (RFC 4180) that a spreadsheet can open without running what is in it. Pure.

A cell that begins as a formula does gets a `'` before it (OWASP, "CSV Injection"): spreadsheets then show it as text.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from .content import json_text

if TYPE_CHECKING:
    from collections.abc import Iterable

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def cell(value: Any) -> str:
    """A value as a cell: a text, safe; nothing as nothing; all else as JSON, which is no formula."""
    if isinstance(value, str):
        return safe(value)
    return "" if value is None else json_text(value)


def csv_lines(rows: Iterable[Iterable[str]]) -> bytes:
    """Rows of cells as lines."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
