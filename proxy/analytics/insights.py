"""Insights: what people ask, and where help failed, counted out of the sessions that began within a span.

No model reads along. Each row is a count of sessions with something in common, and says by which narrowing of the list
(`narrow`: parameters of `core/session_filter.py`) those sessions are found. Works of a transaction that only read.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ..core.asking_again import normalised
from ..core.session_filter import ENTRIES_LIMIT, VALUE_LIMIT
from .gathering import ALL
from .ranking import AGAIN, PAGES, QUESTIONS, ROWS, most, worthwhile
from .rows import json_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

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
#: As its index has it.
_UNHELPED = "(s.negative > 0 OR s.regenerated > 0 OR s.failed > 0)"


class Questions(NamedTuple):
    """Which sessions a list of questions counts, and how; their index by time."""

    times: str
    where: str
    by_time: str


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


def top_questions(tx: Tx, chosen: Chosen, ranked: list[Ranked] | None) -> list[dict[str, Any]]:
    """First questions, asked in most sessions first; of a list that is `ranked` already, the rest."""
    meant = Questions("count(*)", "s.question > 0", "")
    return _by_question(tx, chosen, meant, ranked)


def asked_again(tx: Tx, chosen: Chosen, ranked: list[Ranked] | None) -> list[dict[str, Any]]:
    """First questions of sessions in which something was asked again, by how often."""
    meant = Questions("sum(s.again)", "s.question > 0 AND s.again > 0", "session_again")
    return _by_question(tx, chosen, meant, ranked, again="true")


def unhelped(tx: Tx, chosen: Chosen) -> list[dict[str, Any]]:
    """First questions of sessions with a thumb down, or an answer refused, cut off or made anew."""
    meant = Questions("count(*)", f"s.question > 0 AND {_UNHELPED}", "session_unhelped")
    return _by_question(tx, chosen, meant, None, failed="any")


def _by_question(
    tx: Tx, chosen: Chosen, meant: Questions, ranked: Sequence[Ranked] | None, **narrow: str
) -> list[dict[str, Any]]:
    counted = (
        _counted(tx, chosen, meant) if ranked is None else [(row.key, -row.times, -row.sessions) for row in ranked]
    )
    questions = [question for question, _, _ in counted]
    disliked = _disliked(tx, chosen, meant, questions)
    said = _said(tx, chosen, meant, questions)
    return [
        {
            "question": said.get(question, ""),
            "times": times,
            "sessions": sessions,
            "disliked": disliked.get(question, 0),
            "narrow": {"asked": str(question), **narrow},
        }
        for question, times, sessions in counted
    ]


def _counted(tx: Tx, chosen: Chosen, meant: Questions) -> list[tuple[int, int, int]]:
    text = (
        f"SELECT s.question, {meant.times} AS times, count(*) AS sessions {chosen.rows('', meant.where, meant.by_time)} "
        f"GROUP BY s.question ORDER BY times DESC, sessions DESC, s.question LIMIT {ROWS}"
    )
    return [tuple(row) for row in tx.ask(text, chosen.values)]


def _disliked(tx: Tx, chosen: Chosen, meant: Questions, questions: Sequence[int]) -> dict[int, int]:
    """In how many sessions of each question a thumb went down."""
    one_of = "s.negative > 0 AND s.question IN (SELECT value FROM json_each(:questions))"
    where = f"{meant.where} AND {one_of}"
    text = f"SELECT s.question, count(*) {chosen.rows('', where, 'session_disliked')} GROUP BY s.question"
    return dict(tuple(row) for row in tx.ask(text, chosen.values | {"questions": orjson.dumps(questions).decode()}))


def _said(tx: Tx, chosen: Chosen, meant: Questions, questions: Sequence[int]) -> dict[int, str]:
    """How each was asked last, of those that are meant; of equal times the smaller id counts."""
    found = _last_of_few(tx, chosen, meant, questions) if chosen.is_few else _last_of(tx, chosen, meant, questions)
    rows = {question: tx.one("conversation", id=conversation) for question, conversation in found}
    return {question: str(row["question"]) for question, row in rows.items() if row}


def _last_of_few(tx: Tx, chosen: Chosen, meant: Questions, questions: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Of few sessions, out of one look at all of them."""
    one_of = f"{meant.where} AND s.question IN (SELECT value FROM json_each(:questions))"  # noqa: S608 - fixed parts only
    text = (
        f"WITH m AS MATERIALIZED (SELECT s.question, s.began, s.conversation {chosen.rows('', one_of)}) "  # noqa: S608 - fixed parts only
        "SELECT m.question, min(m.conversation) FROM m JOIN (SELECT question, max(began) AS began FROM m GROUP BY question) "
        "AS last ON last.question = m.question AND last.began = m.began GROUP BY m.question"
    )
    for row in tx.ask(text, chosen.values | {"questions": orjson.dumps(questions).decode()}):
        yield row[0], row[1]


def _last_of(tx: Tx, chosen: Chosen, meant: Questions, questions: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Of many, out of an index that has those of a question in the order of time."""
    where = f"{meant.where} AND s.question = :the_question"
    text = (
        f"SELECT s.conversation {chosen.rows('', where, 'session_by_question')} "
        "ORDER BY s.began DESC, s.conversation LIMIT 1"
    )
    for question in questions:
        for (conversation,) in tx.ask(text, chosen.values | {"the_question": question}):
            yield question, conversation


def failures(tx: Tx, chosen: Chosen) -> list[dict[str, Any]]:
    """What went wrong with answers: how often, and in how many sessions."""
    text = (
        f"SELECT sum(s.refused) AS answers, count(*) AS sessions {chosen.rows('', 's.refused > 0', 'session_refused')}"
    )
    told = [_failure("refused", "", *row) for row in tx.ask(text, chosen.values) if row["sessions"]]
    told += [_failure("interrupted", by, *counts) for by, counts in _cut(tx, chosen)]
    for failed, column in (("regenerated", "s.regenerated"), ("again", "s.again"), ("disliked", "s.negative")):
        rows = chosen.rows("", f"{column} > 0", f"session_{failed}")
        text = f"SELECT sum({column}) AS answers, count(*) AS sessions {rows}"
        told += [_failure(failed, "", *row) for row in tx.ask(text, chosen.values) if row["sessions"]]
    return told


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
    joined = "CROSS JOIN citation AS c ON c.conversation = s.conversation"
    if ranked is None:
        source = f"FROM citation AS c WHERE {_THEN}" if all_chats else chosen.rows(joined)
        text = (
            f"SELECT page, sessions FROM (SELECT c.page, count(*) AS sessions {source} GROUP BY c.page) AS cited "  # noqa: S608 - fixed parts only
            f"JOIN page ON page.id = cited.page ORDER BY sessions DESC, url LIMIT {ROWS}"
        )
        counted = [tuple(row) for row in tx.ask(text, chosen.values)]
    else:
        counted = [(row.key, -row.sessions) for row in ranked]
    of_pages = "c.page IN (SELECT value FROM json_each(:pages))"
    if all_chats:
        source = f"FROM citation AS c INDEXED BY citation_disliked WHERE {of_pages} AND c.disliked = 1 AND {_THEN}"
    else:
        source = chosen.rows(joined, f"s.negative > 0 AND {of_pages}", "session_disliked")
    text = f"SELECT c.page, count(*) {source} GROUP BY c.page"
    pages = orjson.dumps([page for page, _ in counted]).decode()
    disliked = dict(tuple(row) for row in tx.ask(text, chosen.values | {"pages": pages}))
    return [
        dict(tx.all("page", id=page)[0])
        | {"sessions": sessions, "disliked": disliked.get(page, 0)}
        | {"narrow": {"cites": tx.all("page", id=page)[0]["url"]}}
        for page, sessions in counted
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
