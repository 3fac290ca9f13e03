"""Lines of a CSV file (RFC 4180) that a spreadsheet can open without running what is in it. Pure.

A cell that begins as a formula does gets a `'` before it (OWASP, "CSV Injection"): spreadsheets then show it as text.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def csv_lines(rows: Iterable[Iterable[str]]) -> bytes:
    """Rows of cells as lines."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
