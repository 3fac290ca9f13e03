"""Insights: what people ask, and where help failed, counted out of the sessions that began within a span.

No model reads along. Each row is a count of sessions with something in common, and says by which narrowing of the list
(`narrow`: parameters of `core/session_filter.py`) those sessions are found. Works of a transaction that only read.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from ..core.asking_again import normalised
from ..core.session_filter import ENTRIES_LIMIT, VALUE_LIMIT
from .rows import json_value

if TYPE_CHECKING:
    import sqlite3

    from ..db.sqlite import Tx
    from .gathering import Chosen

#: Rows of each list.
ROWS = 20
#: Of an event, what says that a search led somewhere, and what only follows one.
_CLICKED = "search_result_clicked"
_NO_SEARCH = (_CLICKED, "search_query_response_received")
#: What is chosen when nobody narrows it.
_ALL_CHATS = ((), ("s.side = 0",))
#: As its index has it.
_UNHELPED = "(s.negative > 0 OR s.regenerated > 0 OR s.failed > 0)"


def insights(tx: Tx, chosen: Chosen, since: int, until: int) -> dict[str, Any]:
    """All lists, of the chosen sessions that began within the span; searches of that time, whoever searched."""
    meant = chosen.within(since, until)
    return {
        "questions": top_questions(tx, meant),
        "failures": failures(tx, meant),
        "reasons": reasons(tx, meant),
        "again": asked_again(tx, meant),
        "unhelped": unhelped(tx, meant),
        "links": links(tx, meant, all_chats=chosen.conditions in _ALL_CHATS),
        "searches": searches(tx, since, until),
    }


def top_questions(tx: Tx, chosen: Chosen) -> list[dict[str, Any]]:
    """First questions, asked in most sessions first."""
    return _by_question(tx, chosen, "count(*)", "s.question > 0")


def asked_again(tx: Tx, chosen: Chosen) -> list[dict[str, Any]]:
    """First questions of sessions in which something was asked again, by how often."""
    return _by_question(tx, chosen, "sum(s.again)", "s.question > 0 AND s.again > 0", again="true")


def unhelped(tx: Tx, chosen: Chosen) -> list[dict[str, Any]]:
    """First questions of sessions with a thumb down, or an answer refused, cut off or made anew."""
    return _by_question(tx, chosen, "count(*)", f"s.question > 0 AND {_UNHELPED}", failed="any")


def _by_question(tx: Tx, chosen: Chosen, count: str, where: str, **narrow: str) -> list[dict[str, Any]]:
    text = (
        f"SELECT s.question, {count} AS times, count(*) AS sessions, sum(s.negative > 0) AS disliked {chosen.rows(more=where)} "
        f"GROUP BY s.question ORDER BY times DESC, sessions DESC, s.question LIMIT {ROWS}"
    )
    return [
        {
            "question": _said(tx, chosen, row["question"]),
            "times": row["times"],
            "sessions": row["sessions"],
            "disliked": row["disliked"],
            "narrow": {"asked": str(row["question"]), **narrow},
        }
        for row in tx.ask(text, chosen.values)
    ]


def _said(tx: Tx, chosen: Chosen, question: int) -> str:
    """How it was asked last, of those that are meant."""
    values = chosen.values | {"the_question": question}
    text = (
        f"SELECT s.conversation {chosen.rows(more='s.question = :the_question')} "
        "ORDER BY s.began DESC, s.conversation LIMIT 1"
    )
    ((conversation,),) = tx.ask(text, values)
    row = tx.one("conversation", id=conversation)
    return str(row["question"]) if row else ""


def failures(tx: Tx, chosen: Chosen) -> list[dict[str, Any]]:
    """What went wrong with answers: how often, and in how many sessions."""
    answers = "JOIN answer AS a ON a.conversation = s.conversation"
    told = []
    for failed, what, where in (
        ("refused", "a.refused", "s.failed > 0 AND a.refused"),
        ("interrupted", "a.interrupted", "s.failed > 0 AND a.interrupted <> ''"),
    ):
        text = (
            f"SELECT {what} AS by, count(*) AS answers, count(DISTINCT s.conversation) AS sessions "
            f"{chosen.rows(answers, where)} GROUP BY by ORDER BY answers DESC, by LIMIT {ROWS}"
        )
        for row in tx.ask(text, chosen.values):
            by = "" if failed == "refused" else str(row["by"])
            told.append(_failure(failed, by, row))
    for failed, column in (("regenerated", "s.regenerated"), ("again", "s.again"), ("disliked", "s.negative")):
        text = f"SELECT coalesce(sum({column}), 0) AS answers, count(*) AS sessions {chosen.rows(more=f'{column} > 0')}"
        told += [_failure(failed, "", row) for row in tx.ask(text, chosen.values) if row["sessions"]]
    return told


def _failure(failed: str, by: str, row: sqlite3.Row) -> dict[str, Any]:
    narrow = {"again": "true"} if failed == "again" else {"failed": f"{failed}:{by}" if by else failed}
    narrow = {"feedback": "negative"} if failed == "disliked" else narrow
    return {"failed": failed, "by": by, "times": row["answers"], "sessions": row["sessions"], "narrow": narrow}


def reasons(tx: Tx, chosen: Chosen) -> list[dict[str, Any]]:
    """Why thumbs went down: feedback by the labels of its reasons; one that gives none has the label None."""
    text = "SELECT f.reasons, f.conversation " + chosen.rows(
        "JOIN feedback AS f ON f.conversation = s.conversation", "s.negative > 0 AND f.type = 'negative'"
    )
    times: Counter[str | None] = Counter()
    sessions: dict[str | None, set[str]] = {}
    for row in tx.ask(text, chosen.values):
        for label in _labels(row["reasons"]):
            times[label] += 1
            sessions.setdefault(label, set()).add(row["conversation"])
    ordered = sorted(times.items(), key=lambda one: (-one[1], one[0] is None, one[0] or ""))
    return [
        {
            "reason": label,
            "times": count,
            "sessions": len(sessions[label]),
            "narrow": {"unexplained": "true"} if label is None else {"reason": label},
        }
        for label, count in ordered[:ROWS]
    ]


def _labels(stored: str | None) -> set[str | None]:
    told = json_value(stored)
    labels: set[str | None] = {
        one["label"]
        for one in told or ()
        if isinstance(one, dict) and isinstance(one.get("label"), str) and one["label"]
    }
    return labels or {None}


def links(tx: Tx, chosen: Chosen, *, all_chats: bool) -> list[dict[str, Any]]:
    """Pages cited in most sessions; of all chats, the citations alone tell (those of side requests are none)."""
    joined = "JOIN citation AS c ON c.conversation = s.conversation"
    source = "FROM citation AS c WHERE c.began >= :since AND c.began < :until" if all_chats else chosen.rows(joined)
    text = (
        f"SELECT url, title, sessions FROM (SELECT c.page, count(*) AS sessions {source} GROUP BY c.page) AS cited "  # noqa: S608 - fixed parts only
        f"JOIN page ON page.id = cited.page ORDER BY sessions DESC, url LIMIT {ROWS}"
    )
    disliked = (
        "SELECT url, count(*) AS sessions "
        + chosen.rows(f"{joined} JOIN page ON page.id = c.page", "s.negative > 0")
        + " GROUP BY c.page"
    )
    times = {row["url"]: row["sessions"] for row in tx.ask(disliked, chosen.values)}
    return [
        dict(row) | {"disliked": times.get(row["url"], 0), "narrow": {"cites": row["url"]}}
        for row in tx.ask(text, chosen.values)
    ]


def searches(tx: Tx, since: int, until: int) -> list[dict[str, Any]]:
    """What was searched for without anybody opening a result, most often first; the same words are the same search."""
    times: Counter[str] = Counter()
    said: dict[str, str] = {}
    opened: set[str] = set()
    for row in tx.all("searches", since=since, until=until):
        words = normalised(row["search_query"])
        if row["type"] == _CLICKED:
            opened.add(words)
        elif row["type"] not in _NO_SEARCH and words:
            times[words] += row["times"]
            said.setdefault(words, row["search_query"])
    ordered = sorted(
        ((count, words) for words, count in times.items() if words not in opened), key=lambda one: (-one[0], one[1])
    )
    return [
        {"search": said[words], "times": count, "narrow": {"q": _looked_for(words)}} for count, words in ordered[:ROWS]
    ]


def _looked_for(words: str) -> str:
    """As many of the words as the list looks for."""
    return " ".join(words.split()[:ENTRIES_LIMIT])[:VALUE_LIMIT]
