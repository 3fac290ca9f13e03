"""Lists of what sessions asked first: most often, again in other words, and where it went wrong.

A question is a digest of its words (`core/asking_again.py`); how it was asked last stands for it. Works of a transaction that
only read.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import orjson

from .ranking import ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..db.sqlite import Tx
    from .gathering import Chosen
    from .ranking import Ranked

#: As its index has it.
_UNHELPED = "(s.negative > 0 OR s.regenerated > 0 OR s.failed > 0)"


#: A question, how often it is there, in how many sessions, and in how many of those a thumb went down (None: not counted).
_Counted: TypeAlias = tuple[int, int, int, int | None]


class Questions(NamedTuple):
    """Which sessions a list of questions counts, and how; their index by time."""

    times: str
    where: str
    by_time: str


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
    if ranked is not None:
        counted: list[_Counted] = [(row.key, -row.times, -row.sessions, None) for row in ranked]
    else:
        counted = _counted(tx, chosen, meant) if meant.by_time or chosen.is_few else _most(tx, chosen, meant)
    questions = [question for question, *_ in counted]
    disliked = {} if chosen.is_few else _disliked(tx, chosen, meant, questions)
    said = _said(tx, chosen, meant, questions)
    return [
        {
            "question": said.get(question, ""),
            "times": times,
            "sessions": sessions,
            "disliked": disliked.get(question, 0) if told is None else told,
            "narrow": {"asked": str(question), **narrow},
        }
        for question, times, sessions, told in counted
    ]


def _most(tx: Tx, chosen: Chosen, meant: Questions) -> list[_Counted]:
    """Of many sessions the questions of the most: counted here, since to sort them takes SQLite half as long again."""
    ((asked,),) = tx.ask(f"SELECT group_concat(s.question) {chosen.rows('', meant.where)}", chosen.values)
    sessions = Counter(asked.split(",") if asked else ())
    least = sorted(sessions.values())[-ROWS:][:1]
    best = sorted((-count, int(question)) for question, count in sessions.items() if [count] >= least)
    return [(question, -count, -count, None) for count, question in best[:ROWS]]


def _counted(tx: Tx, chosen: Chosen, meant: Questions) -> list[_Counted]:
    """The questions of a list; of few sessions with the thumbs down."""
    # (To sort this along costs more than to ask the index of those for the questions of the list.)
    disliked = "sum(s.negative > 0)" if chosen.is_few else "NULL"
    text = (
        f"SELECT s.question, {meant.times} AS times, count(*) AS sessions, {disliked} "
        f"{chosen.rows('', meant.where, meant.by_time)} "
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
