"""What insights count, out of the sessions themselves: each is looked at once, those where help failed a second time.

Works of a transaction that only read.
"""

from __future__ import annotations

from array import array
from collections import Counter
from itertools import compress
from typing import TYPE_CHECKING, Any

import orjson

from ..core.findings import Findings, count
from .gathering import EVERY, having
from .rows import json_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ..db.sqlite import Tx
    from .gathering import Chosen

#: What goes wrong with answers, by the column that counts it in a session.
FAILURES = {"refused": "refused", "regenerated": "regenerated", "again": "again", "disliked": "negative"}
#: The marks of `core/findings.py`.
_MARKS = "(s.negative > 0) + 2 * (s.negative > 0 OR s.regenerated > 0 OR s.failed > 0) + 4 * (s.again > 0)"
_COLUMNS = ("began", "conversation", "number", "question", *FAILURES.values(), "cut")
#: Sessions of a week that are counted in less time than it takes to read what is kept of them.
FEW = 20
#: Where these are named, in a list.
_OF_THEM = "FROM json_each(:them) AS one CROSS JOIN {table} AS x ON x.conversation = one.value"
#: Of a span, whatever was cited (by side requests nothing is).
_THEN = "FROM citation AS x WHERE x.began >= :since AND x.began < :until"


def counted(tx: Tx, chosen: Chosen) -> Findings:
    """The findings of some sessions."""
    looked = _looked_at(tx, chosen)
    if not looked:
        return Findings()
    found = _asked(looked)
    for name, column in FAILURES.items():
        if times := sum(looked[column]):
            count(found.failures, name, times, sum(map(bool, looked[column])))
    _count_cut(tx, found, looked)
    disliked = [*compress(looked["conversation"], looked["negative"])]
    _count_reasons(tx, found, disliked)
    _count_cited(tx, found, chosen, looked["conversation"], disliked)
    return found


def _looked_at(tx: Tx, chosen: Chosen) -> dict[str, Sequence[Any]]:
    """The columns of the sessions in the order of time; of equal times the smaller id comes last, and so counts as the last."""
    # (A text costs more than a number or nothing.)
    columns = ", ".join([*(f"s.{name}" for name in _COLUMNS), "nullif(s.cut_by, '')", _MARKS])
    rows = list(tx.ask(f"SELECT {columns} {chosen.rows()} ORDER BY {chosen.began}", chosen.values))
    if len({row["began"] for row in rows}) < len(rows):  # (SQLite takes half as long again to order so what is in order.)
        rows.sort(key=lambda row: row["conversation"], reverse=True)
        rows.sort(key=lambda row: row["began"])
    return dict(zip((*_COLUMNS, "cut_by", "marks"), zip(*rows, strict=True), strict=False))


def kept(tx: Tx, trait: int, since: int, until: int) -> Iterator[dict[str, Any]]:
    """The findings of a week's sessions with a trait, as they are kept; those with side requests, where they are others."""
    told = {"start": since, "trait": trait}
    chosen = having(trait, since, until)
    chats = counted(tx, chosen.without_side())
    yield {**told, "with_side": 0, **chats.packed()}
    if tx.one("has_side", since=since, until=until) and (every := counted(tx, chosen)) != chats:
        yield {**told, "with_side": 1, **every.packed()}


def _asked(looked: dict[str, Sequence[Any]]) -> Findings:
    """What was asked first; of those that are unread, or in which nothing was asked, nothing."""
    questions = looked["question"]
    return Findings(
        array("q", filter(None, questions)),
        *(array("I", compress(looked[name], questions)) for name in ("number", "again")),
        bytearray(compress(looked["marks"], questions)),
    )


def _count_cut(tx: Tx, found: Findings, looked: dict[str, Sequence[Any]]) -> None:
    """By whom answers were cut off. Of a session that has several, its answers tell."""
    several = []
    for by, times, conversation in compress(
        zip(looked["cut_by"], looked["cut"], looked["conversation"], strict=True), looked["cut"]
    ):
        if by:
            count(found.failures, f"interrupted:{by}", times, 1)
        else:
            several.append(conversation)
    text = (
        "SELECT x.interrupted, count(*), count(DISTINCT x.conversation) "
        f"{_OF_THEM.format(table='answer')} WHERE x.interrupted <> '' GROUP BY x.interrupted"
    )
    for by, times, sessions in tx.ask(text, _listed(several)) if several else ():
        count(found.failures, f"interrupted:{by}", times, sessions)


def _count_reasons(tx: Tx, found: Findings, disliked: Sequence[str]) -> None:
    """Why thumbs went down: feedback by the labels of its reasons."""
    seen: set[tuple[str, str]] = set()
    text = f"SELECT x.reasons, x.conversation {_OF_THEM.format(table='feedback')} AND +x.type = 'negative'"
    for reasons, conversation in tx.ask(text, _listed(disliked)) if disliked else ():
        for label in _labels(reasons):
            count(found.reasons, label, 1, (conversation, label) not in seen)
            seen.add((conversation, label))


def _labels(stored: str | None) -> set[str]:
    """The labels of a feedback's reasons; empty, where it gives none."""
    told = json_value(stored)
    labels = {
        one["label"] for one in told or () if isinstance(one, dict) and isinstance(one.get("label"), str) and one["label"]
    }
    return labels or {""}


def _count_cited(
    tx: Tx, found: Findings, chosen: Chosen, conversations: Sequence[str], disliked: Sequence[str]
) -> None:
    """What pages they cite, and how many of those that do had a thumb down."""
    cited = _OF_THEM.format(table="citation")
    pages = _cited(tx, *((_THEN, chosen.values) if chosen.trait == EVERY else (cited, _listed(conversations))))
    down = _cited(tx, cited, _listed(disliked))
    found.pages, found.cited = array("I", pages), array("I", pages.values())
    found.disliked = array("I", (down[page] for page in pages))


def _cited(tx: Tx, source: str, values: Mapping[str, Any]) -> Counter[int]:
    # (One text takes half as long as a row each.)
    ((pages,),) = tx.ask(f"SELECT group_concat(x.page) {source}", values)
    told = Counter(pages.split(",") if pages else ())
    return Counter({int(page): times for page, times in told.items()})


def _listed(conversations: Iterable[str]) -> dict[str, str]:
    return {"them": orjson.dumps([*conversations]).decode()}
