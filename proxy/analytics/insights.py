"""Insights: what people ask, and where help failed, counted out of the sessions that began within a span.

No model reads along. Each row is a count of sessions with something in common, and says by which narrowing of the list
(`narrow`: parameters of `core/session_filter.py`) those sessions are found. Works of a transaction that only read.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from ..core.asking_again import normalised
from ..core.session_filter import ENTRIES_LIMIT, VALUE_LIMIT
from .first_questions import asked_again, top_questions, unhelped
from .gathering import ALL
from .ranking import AGAIN, PAGES, QUESTIONS, ROWS, most, worthwhile
from .rows import json_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..db.sqlite import Tx
    from .gathering import Chosen
    from .ranking import Ranked, Ranking

#: Of an event, what says that a search led somewhere, and what only follows one.
_CLICKED = "search_result_clicked"
_NO_SEARCH = (_CLICKED, "search_query_response_received")
#: What is chosen when nobody narrows it.
_ALL_CHATS = ALL.without_side()
#: The same, with side requests or without.
_EVERY = (ALL, _ALL_CHATS)
#: Of all chats, what was cited within a span.
_THEN = "c.began >= :since AND c.began < :until"

#: What goes wrong with answers, and how often that was in a session; there is an index of those sessions for each.
_FAILURES = {
    "refused": "s.refused",
    "regenerated": "s.regenerated",
    "again": "s.again",
    "disliked": "s.negative",
}


def insights(tx: Tx, chosen: Chosen, since: int, until: int) -> dict[str, Any]:
    """All lists, of the chosen sessions that began within the span; searches of that time, whoever searched."""
    meant = chosen.within(since, until)
    ranked: dict[Ranking, list[Ranked] | None] = {}
    if chosen in _EVERY:
        rankings = worthwhile(tx, since, until)
        # (Of side requests it is kept neither what they ask nor what they cite.)
        ranked = {one: most(tx, one, since, until) for one in rankings if one is PAGES or chosen == _ALL_CHATS}
    return {
        "questions": top_questions(tx, meant, ranked.get(QUESTIONS)),
        "failures": failures(tx, meant),
        "reasons": reasons(tx, meant),
        "again": asked_again(tx, meant, ranked.get(AGAIN)),
        "unhelped": unhelped(tx, meant),
        "links": links(tx, meant, ranked.get(PAGES), all_chats=chosen in _EVERY),
        "searches": searches(tx, since, until),
    }


def failures(tx: Tx, chosen: Chosen) -> list[dict[str, Any]]:
    """What went wrong with answers: how often, and in how many sessions."""
    counts = _at_once(tx, chosen) if chosen.is_few else _one_by_one(tx, chosen)
    refused, *others = [_failure(failed, "", *counts[failed]) for failed in _FAILURES]
    told = [refused, *(_failure("interrupted", by, *of) for by, of in _cut(tx, chosen)), *others]
    return [row for row in told if row["sessions"]]


def _at_once(tx: Tx, chosen: Chosen) -> dict[str, tuple[int, int]]:
    """How often each went wrong, and in how many sessions, out of one look at few of them."""
    sums = ", ".join(f"coalesce(sum({column}), 0), coalesce(sum({column} > 0), 0)" for column in _FAILURES.values())
    ((*found,),) = tx.ask(f"SELECT {sums} {chosen.rows()}", chosen.values)
    return dict(zip(_FAILURES, zip(found[::2], found[1::2], strict=True), strict=True))


def _one_by_one(tx: Tx, chosen: Chosen) -> dict[str, tuple[int, int]]:
    """The same, each out of its own index."""
    found = {}
    for failed, column in _FAILURES.items():
        rows = chosen.rows("", f"{column} > 0", f"session_{failed}")
        ((times, sessions),) = tx.ask(f"SELECT sum({column}), count(*) {rows}", chosen.values)
        found[failed] = (times, sessions)
    return found


def _cut(tx: Tx, chosen: Chosen) -> list[tuple[str, tuple[int, int]]]:
    """By whom answers were cut off: how many, in how many sessions. Of a session that has several, its answers tell."""
    found: dict[str, tuple[int, int]] = {}
    by_one = chosen.rows("", "s.cut > 0 AND s.cut_by <> ''", "session_cut")
    by_some = chosen.rows(
        "CROSS JOIN answer AS a ON a.conversation = s.conversation",
        "s.cut > 0 AND s.cut_by = '' AND a.interrupted <> ''",
        "session_cut",
    )
    for text in (
        f"SELECT s.cut_by, sum(s.cut), count(*) {by_one} GROUP BY s.cut_by",
        f"SELECT a.interrupted, count(*), count(DISTINCT s.conversation) {by_some} GROUP BY a.interrupted",
    ):
        for by, answers, sessions in tx.ask(text, chosen.values):
            before = found.get(by, (0, 0))
            found[by] = (before[0] + answers, before[1] + sessions)
    return sorted(found.items(), key=lambda one: (-one[1][0], one[0]))[:ROWS]


def _failure(failed: str, by: str, times: int, sessions: int) -> dict[str, Any]:
    narrow = {"again": "true"} if failed == "again" else {"failed": f"{failed}:{by}" if by else failed}
    narrow = {"feedback": "negative"} if failed == "disliked" else narrow
    return {"failed": failed, "by": by, "times": times, "sessions": sessions, "narrow": narrow}


def reasons(tx: Tx, chosen: Chosen) -> list[dict[str, Any]]:
    """Why thumbs went down: feedback by the labels of its reasons; one that gives none has the label None."""
    joined = "CROSS JOIN feedback AS f ON f.conversation = s.conversation"
    by_one, by_some = (
        chosen.rows(joined, f"s.negative > 0 AND s.negative {how_many} AND +f.type = 'negative'", "session_disliked")
        for how_many in ("= 1", "> 1")
    )
    times: Counter[str | None] = Counter()
    sessions: Counter[str | None] = Counter()
    for row in tx.ask(f"SELECT f.reasons, count(*) AS times {by_one} GROUP BY f.reasons", chosen.values):
        for label in _labels(row["reasons"]):
            times[label] += row["times"]
            sessions[label] += row["times"]
    seen: set[tuple[str, str | None]] = set()
    for row in tx.ask(f"SELECT f.reasons, f.conversation {by_some}", chosen.values):
        for label in _labels(row["reasons"]):
            times[label] += 1
            sessions[label] += (row["conversation"], label) not in seen
            seen.add((row["conversation"], label))
    ordered = sorted(times.items(), key=lambda one: (-one[1], one[0] is None, one[0] or ""))
    return [
        {
            "reason": label,
            "times": count,
            "sessions": sessions[label],
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


def links(tx: Tx, chosen: Chosen, ranked: list[Ranked] | None, *, all_chats: bool) -> list[dict[str, Any]]:
    """Pages cited in most sessions; of all chats, the citations alone tell (those of side requests are none)."""
    if ranked is not None:
        counted: list[tuple[int, int, int | None]] = [(row.key, -row.sessions, None) for row in ranked]
    elif all_chats:
        counted = _cited(tx, chosen, "NULL", f"FROM citation AS c WHERE {_THEN}")
    else:
        joined = "CROSS JOIN citation AS c ON c.conversation = s.conversation"
        counted = _cited(tx, chosen, "sum(c.disliked)", chosen.rows(joined))
    disliked = _disliked(tx, chosen, [page for page, *_ in counted]) if all_chats else {}
    return [
        dict(row)
        | {"sessions": sessions, "disliked": disliked.get(page, 0) if told is None else told}
        | {"narrow": {"cites": row["url"]}}
        for page, sessions, told in counted
        for row in tx.all("page", id=page)
    ]


def _cited(tx: Tx, chosen: Chosen, disliked: str, source: str) -> list[tuple[int, int, int | None]]:
    """Pages, in how many sessions they are cited, and (where it is asked so) in how many of those a thumb went down."""
    text = (
        "SELECT page, sessions, disliked FROM ("  # noqa: S608 - fixed parts only
        f"SELECT c.page, count(*) AS sessions, {disliked} AS disliked {source} GROUP BY c.page"
        f") AS cited JOIN page ON page.id = cited.page ORDER BY sessions DESC, url LIMIT {ROWS}"
    )
    return [tuple(row) for row in tx.ask(text, chosen.values)]


def _disliked(tx: Tx, chosen: Chosen, pages: Sequence[int]) -> dict[int, int]:
    """Of all chats, in how many sessions that cite a page a thumb went down."""
    text = (
        "SELECT c.page, count(*) FROM citation AS c INDEXED BY citation_disliked "  # noqa: S608 - fixed parts only
        f"WHERE c.page IN (SELECT value FROM json_each(:pages)) AND c.disliked = 1 AND {_THEN} GROUP BY c.page"
    )
    return dict(tuple(row) for row in tx.ask(text, chosen.values | {"pages": orjson.dumps(pages).decode()}))


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
