"""Insights: what people ask, and where help failed, counted out of the sessions that began within a span.

No model reads along. Each row is a count of sessions with something in common, and says by which narrowing of the list
(`narrow`: parameters of `core/session_filter.py`) those sessions are found. Works of a transaction that only read.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from ..core.asking_again import normalised
from ..core.most_asked import MostAsked
from ..core.session_filter import ENTRIES_LIMIT, VALUE_LIMIT
from .first_questions import asked_again, top_questions, unhelped
from .gathering import EVERY
from .insight_weeks import findings
from .ranking import AGAIN, MANY_SESSIONS, QUESTIONS, ROWS, most

if TYPE_CHECKING:
    from ..core.findings import Findings
    from ..db.sqlite import Tx
    from .gathering import Chosen

#: Of an event, what says that a search led somewhere, and what only follows one.
_CLICKED, _ANSWERED = "search_result_clicked", "search_query_response_received"
#: What goes wrong with answers, in the order of the list.
_FAILURES = ("refused", "interrupted", "regenerated", "again", "disliked")


def insights(tx: Tx, chosen: Chosen, since: int, until: int) -> dict[str, Any]:
    """All lists, of the chosen sessions that began within the span; searches of that time, whoever searched."""
    found = findings(tx, chosen, since, until)
    is_ranked = chosen.trait == EVERY and not chosen.has_side and len(found.questions) >= MANY_SESSIONS
    ranked = {one: most(tx, one, since, until) for one in (QUESTIONS, AGAIN) if is_ranked}
    asked = MostAsked(found)
    return {
        "questions": top_questions(tx, asked, ranked.get(QUESTIONS)),
        "failures": failures(found),
        "reasons": reasons(found),
        "again": asked_again(tx, asked, ranked.get(AGAIN)),
        "unhelped": unhelped(tx, asked),
        "links": links(tx, found),
        "searches": searches(tx, since, until),
    }


def failures(found: Findings) -> list[dict[str, Any]]:
    """What went wrong with answers: how often, and in how many sessions."""
    told: dict[str, list[dict[str, Any]]] = {}
    for name, (times, sessions) in found.failures.items():
        failed, _, by = name.partition(":")
        told.setdefault(failed, []).append(_failure(failed, by, times, sessions))
    for rows in told.values():
        rows.sort(key=lambda row: (-row["times"], row["by"]))
    return [row for failed in _FAILURES for row in told.get(failed, ())[:ROWS]]


def _failure(failed: str, by: str, times: int, sessions: int) -> dict[str, Any]:
    narrow = {"again": "true"} if failed == "again" else {"failed": f"{failed}:{by}" if by else failed}
    narrow = {"feedback": "negative"} if failed == "disliked" else narrow
    return {"failed": failed, "by": by, "times": times, "sessions": sessions, "narrow": narrow}


def reasons(found: Findings) -> list[dict[str, Any]]:
    """Why thumbs went down: feedback by the labels of its reasons; one that gives none has the label None."""
    ordered = sorted(found.reasons.items(), key=lambda one: (-one[1][0], one[0] == "", one[0]))
    return [
        {
            "reason": label or None,
            "times": times,
            "sessions": sessions,
            "narrow": {"reason": label} if label else {"unexplained": "true"},
        }
        for label, (times, sessions) in ordered[:ROWS]
    ]


def links(tx: Tx, found: Findings) -> list[dict[str, Any]]:
    """Pages cited in most sessions."""
    pages = found.top_pages(ROWS)
    counts = orjson.dumps({page: sessions for page, (sessions, _) in pages.items()}, option=orjson.OPT_NON_STR_KEYS)
    return [
        {
            "url": row["url"],
            "title": row["title"],
            "sessions": row["sessions"],
            "disliked": pages[row["id"]][1],
            "narrow": {"cites": row["url"]},
        }
        for row in tx.all("pages", pages=counts.decode(), limit=ROWS)
    ]


def searches(tx: Tx, since: int, until: int) -> list[dict[str, Any]]:
    """What was searched for without anybody opening a result, most often first; the same words are the same search."""
    row = tx.one("searches", since=since, until=until, clicked=_CLICKED, answered=_ANSWERED)
    searched, clicked = (orjson.loads(told) for told in row) if row else ((), ())
    opened = {normalised(said) for said in set(clicked)}
    times: Counter[str] = Counter()
    said_as: dict[str, str] = {}
    for said, count in sorted(Counter(searched).items()):
        if words := normalised(said):
            times[words] += count
            said_as.setdefault(words, said)
    ordered = sorted(
        ((count, words) for words, count in times.items() if words not in opened), key=lambda one: (-one[0], one[1])
    )
    return [
        {"search": said_as[words], "times": count, "narrow": {"q": _looked_for(words)}}
        for count, words in ordered[:ROWS]
    ]


def _looked_for(words: str) -> str:
    """As many of the words as the list looks for."""
    return " ".join(words.split()[:ENTRIES_LIMIT])[:VALUE_LIMIT]
