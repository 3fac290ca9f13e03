"""Lists of what sessions asked first: most often, again in other words, and where it went wrong.

A question is a digest of its words (`core/asking_again.py`); how it was asked last stands for it. Works of a transaction that
only read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.findings import AGAIN, UNHELPED
from .ranking import ROWS

if TYPE_CHECKING:
    from ..core.most_asked import MostAsked
    from ..db.sqlite import Tx
    from .ranking import Ranked


def top_questions(tx: Tx, asked: MostAsked, ranked: list[Ranked] | None) -> list[dict[str, Any]]:
    """First questions, asked in most sessions first; of a list that is `ranked` already, the rest."""
    return _listed(tx, asked, 0, ranked)


def asked_again(tx: Tx, asked: MostAsked, ranked: list[Ranked] | None) -> list[dict[str, Any]]:
    """First questions of sessions in which something was asked again, by how often."""
    return _listed(tx, asked, AGAIN, ranked, again="true")


def unhelped(tx: Tx, asked: MostAsked) -> list[dict[str, Any]]:
    """First questions of sessions with a thumb down, or an answer refused, cut off or made anew."""
    return _listed(tx, asked, UNHELPED, None, failed="any")


def _listed(tx: Tx, asked: MostAsked, mark: int, ranked: list[Ranked] | None, **narrow: str) -> list[dict[str, Any]]:
    if ranked is None:
        rows = asked.top(mark, ROWS)
    else:
        rows = asked.told(mark, [(row.key, -row.times, -row.sessions) for row in ranked])
    return [
        {
            "question": _said(tx, row.last),
            "times": row.times,
            "sessions": row.sessions,
            "disliked": row.disliked,
            "narrow": {"asked": str(row.question), **narrow},
        }
        for row in rows
    ]


def _said(tx: Tx, number: int) -> str:
    row = tx.one("question_of", number=number)
    return str(row["question"]) if row else ""
