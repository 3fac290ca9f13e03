"""What insights count, out of the sessions themselves: each is looked at once, those where help failed a second time.

Works of a transaction that only read.
"""

from __future__ import annotations

from array import array
from collections import Counter
from itertools import chain, compress
from operator import lt
from typing import TYPE_CHECKING, Any

import orjson

from ..core.findings import UNHELPED, Findings, count
from .gathering import EVERY, having
from .rows import json_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ..db.sqlite import Tx
    from .gathering import Chosen

#: Sessions of a week that are counted in less time than it takes to read what is kept of them.
FEW = 20
#: Of each session: what its index by time has. Its marks are those of `core/findings.py`.
SEEN_MARKS = "((s.negative > 0) + 2 * (s.negative > 0 OR s.regenerated > 0 OR s.failed > 0) + 4 * (s.again > 0))"
_SEEN = {
    "began": "s.began",
    "number": "coalesce(s.number, 0)",
    "question": "s.question",
    "again": "s.again",
    "marks": SEEN_MARKS,
}
#: Of those where help failed: how often and in how many sessions each, and by whom, how often, whose answers were cut off; the
#: names of those with a thumb down, and of those whose answers several cut off.
_FAILED = (
    *(f"sum(s.{column}), sum(s.{column} > 0)" for column in ("refused", "regenerated", "negative")),
    *(f"json_group_array(s.{column}) FILTER (WHERE s.cut > 0 AND s.cut_by <> '')" for column in ("cut_by", "cut")),
    "json_group_array(s.conversation) FILTER (WHERE s.negative > 0)",
    "json_group_array(s.conversation) FILTER (WHERE s.cut > 0 AND s.cut_by = '')",
)
#: Sessions by their numbers, and what belongs to conversations by their names, of which there is a list.
_NUMBERED = "FROM json_each(:them) AS one CROSS JOIN session AS s ON s.number = one.value"
_NAMED = "FROM json_each(:them) AS one CROSS JOIN {} AS x ON x.conversation = one.value"
#: What is cited by some sessions, and by all of a span (side requests cite nothing).
_CITED = f"{_NUMBERED} CROSS JOIN citation AS x ON x.conversation = s.conversation"
_CITED_THEN = "FROM citation AS x WHERE x.began >= :since AND x.began < :until"


def counted(tx: Tx, chosen: Chosen) -> Findings:
    """The findings of some sessions."""
    seen = _seen(tx, chosen)
    if not seen["number"]:
        return Findings()
    found = Findings(
        questions=array("q", [question or 0 for question in seen["question"]]),  # (NULL: its texts are not read yet)
        numbers=array("I", seen["number"]),
        again=array("I", seen["again"]),
        marks=bytearray(seen["marks"]),
    )
    disliked = count_failures(tx, found)
    cited = _pages(tx, *((_CITED_THEN, chosen.values) if chosen.trait == EVERY else (_CITED, _listed(seen["number"]))))
    down = _pages(tx, _NAMED.format("citation"), _listed(disliked))
    found.count_pages(cited, down)
    return found


def _seen(tx: Tx, chosen: Chosen) -> dict[str, list[Any]]:
    """Columns of the sessions, in the order of time; of equal times the smaller id comes last, and so counts as the last."""
    # (A column as one text takes half as long as a row for each session.)
    columns = ", ".join(f"json_group_array({one})" for one in _SEEN.values())
    ((*told,),) = tx.ask(f"SELECT {columns} {chosen.rows()}", chosen.values)
    seen = dict(zip(_SEEN, map(orjson.loads, told), strict=True))
    began, numbers = seen["began"], seen["number"]
    if all(map(lt, began, began[1:])):
        return seen
    at_once = {one for one, sessions in Counter(began).items() if sessions > 1}
    tied = [number for number, one in zip(numbers, began, strict=True) if one in at_once]
    names = {
        row["number"]: row["conversation"]
        for row in tx.ask(f"SELECT s.number, s.conversation {_NUMBERED}", _listed(tied))
    }
    places = sorted(range(len(began)), key=lambda place: names.get(numbers[place], ""), reverse=True)
    places.sort(key=began.__getitem__)
    return {name: [column[place] for place in places] for name, column in seen.items()}


def kept(tx: Tx, trait: int, since: int, until: int) -> Iterator[dict[str, Any]]:
    """The findings of a week's sessions with a trait, as they are kept; those with side requests, where they are others."""
    told = {"start": since, "trait": trait}
    chosen = having((trait,), since, until)
    chats = _told_apart(tx, chosen.without_side())
    yield {**told, "with_side": 0, **chats.packed()}
    if tx.one("has_side", since=since, until=until) and (every := _told_apart(tx, chosen)) != chats:
        yield {**told, "with_side": 1, **every.packed()}


def _told_apart(tx: Tx, chosen: Chosen) -> Findings:
    """The findings of sessions, such that those of some can be told; of all sessions nobody asks that."""
    found = counted(tx, chosen)
    if chosen.trait == EVERY:
        return found
    ((numbers, pages),) = tx.ask(
        f"SELECT json_group_array(s.number), json_group_array(x.page) {_CITED}", _listed(found.numbers)
    )
    cited: dict[int, list[int]] = {number: [] for number in found.numbers}
    for number, page in zip(orjson.loads(numbers), orjson.loads(pages), strict=True):
        cited[number].append(page)
    found.links = array("I", chain.from_iterable(cited.values()))
    found.linked = bytearray(map(len, cited.values()))
    return found


def count_failures(tx: Tx, found: Findings) -> list[str]:
    """What went wrong in the sessions that were found, and why thumbs went down; the names of those with a thumb down."""
    if again := sum(found.again):
        count(found.failures, "again", again, sum(map(bool, found.again)))
    unhelped = _listed(compress(found.numbers, [marks & UNHELPED for marks in found.marks]))
    ((*counts, by, cut, disliked, several),) = tx.ask(f"SELECT {', '.join(_FAILED)} {_NUMBERED}", unhelped)
    for failed, times, sessions in zip(("refused", "regenerated", "disliked"), counts[::2], counts[1::2], strict=True):
        if times:
            count(found.failures, failed, times, sessions)
    _count_cut(tx, found, zip(orjson.loads(by), orjson.loads(cut), strict=True), orjson.loads(several))
    names: list[str] = orjson.loads(disliked)
    _count_reasons(tx, found, names)
    return names


def _count_cut(tx: Tx, found: Findings, by_one: Iterable[tuple[str, int]], by_several: list[str]) -> None:
    """By whom answers were cut off. Of conversations that have several, the answers tell."""
    for by, times in by_one:
        count(found.failures, f"interrupted:{by}", times, 1)
    text = (
        "SELECT x.interrupted, count(*), count(DISTINCT x.conversation) "
        f"{_NAMED.format('answer')} WHERE x.interrupted <> '' GROUP BY x.interrupted"
    )
    for by, times, sessions in tx.ask(text, _listed(by_several)) if by_several else ():
        count(found.failures, f"interrupted:{by}", times, sessions)


def _count_reasons(tx: Tx, found: Findings, disliked: Sequence[str]) -> None:
    """Why thumbs went down: feedback by the labels of its reasons."""
    seen: set[tuple[str, str]] = set()
    text = f"SELECT x.reasons, x.conversation {_NAMED.format('feedback')} AND +x.type = 'negative'"
    for reasons, conversation in tx.ask(text, _listed(disliked)) if disliked else ():
        for label in labels_of(reasons):
            count(found.reasons, label, 1, (conversation, label) not in seen)
            seen.add((conversation, label))


def labels_of(stored: str | None) -> set[str]:
    """The labels of a feedback's reasons; empty, where it gives none."""
    told = json_value(stored)
    labels = {
        one["label"]
        for one in told or ()
        if isinstance(one, dict) and isinstance(one.get("label"), str) and one["label"]
    }
    return labels or {""}


def _pages(tx: Tx, source: str, values: Mapping[str, Any]) -> Counter[int]:
    """Pages, and how many sessions cite each."""
    ((pages,),) = tx.ask(f"SELECT json_group_array(x.page) {source}", values)
    return Counter(orjson.loads(pages))


def _listed(them: Iterable[str] | Iterable[int]) -> dict[str, str]:
    return {"them": orjson.dumps([*them]).decode()}
