"""What is derived from the log for figures and lists (`schema_6.sql`, `schema_8.sql` to `schema_11.sql`), made anew.

That is at the first opening of a file, and of a mended one. From then on triggers keep it, in the transaction of each change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..db.sqlite import Tx

_TABLES = (
    "citations",
    "pages",
    "answers",
    "sessions",
    "people",
    "kept",
    "stale",
    "traits",
    "trait_times",
    "asked",
    "answer_sums",
    "sheaves",
    "kept_traits",
    "kept_findings",
)


def complete(tx: Tx) -> None:
    """Derives everything, unless that was done; a work of a transaction."""
    if tx.one("is_derived"):
        return
    for table in _TABLES:
        tx.run(f"clear_{table}")
    for made in ("people", "sessions", "answers", "traits", "trait_names", "trait_times"):
        tx.run(f"derive_{made}")
    tx.run("note_derived")
