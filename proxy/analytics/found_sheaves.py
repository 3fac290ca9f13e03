"""What insights count of each session of a week (`core/found_sheaf.py`), looked up as it is kept beside the week's sheaves.

Works of a transaction that only read.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from ..core.found_sheaf import Seen, packed
from .counting import SEEN_MARKS, labels_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ..db.sqlite import Tx

#: In the order of time; of equal times the smaller id comes last, and so counts as the last.
_SESSIONS = (
    f"SELECT s.number, s.began, s.side, coalesce(s.question, 0) AS question, s.again, {SEEN_MARKS} AS marks, "  # noqa: S608 - fixed parts only
    "s.conversation, s.refused, s.regenerated, s.negative, s.cut, s.cut_by "
    "FROM session AS s INDEXED BY session_by_time WHERE s.began >= :since AND s.began < :until AND s.number IS NOT NULL "
    "ORDER BY s.began, s.conversation DESC"
)
#: What belongs to conversations, of which there is a list.
_OF = "FROM json_each(:them) AS one CROSS JOIN {} AS x ON x.conversation = one.value"
_PAGES = f"SELECT x.conversation, x.page {_OF.format('citation')}"
_CUT = f"SELECT x.conversation, x.interrupted {_OF.format('answer')} WHERE x.interrupted <> ''"
_REASONS = f"SELECT x.conversation, x.reasons {_OF.format('feedback')} AND +x.type = 'negative'"


def found_sheaves(tx: Tx, since: int, until: int, at_once: int) -> Iterator[bytes]:
    """Of the sessions of a span, so many together, as they are kept."""
    rows = tx.ask(_SESSIONS, {"since": since, "until": until})
    while some := [*islice(rows, at_once)]:
        yield packed([*_seen(tx, some)], since)


def _seen(tx: Tx, rows: list[Any]) -> Iterator[Seen]:
    pages = _told(tx, _PAGES, (row["conversation"] for row in rows))
    cut = _told(tx, _CUT, (row["conversation"] for row in rows if row["cut"] and not row["cut_by"]))
    given = _told(tx, _REASONS, (row["conversation"] for row in rows if row["negative"]))
    for row in rows:
        name = row["conversation"]
        failures = [
            *["refused"] * row["refused"],
            *(f"interrupted:{by}" for by in ([row["cut_by"]] * row["cut"] if row["cut_by"] else cut[name])),
            *["regenerated"] * row["regenerated"],
            *["again"] * row["again"],
            *["disliked"] * row["negative"],
        ]
        reasons = [label for one in given[name] for label in labels_of(one)]
        number, began, side, question, again, marks = row[:6]
        yield Seen(number, began, side, question, again, marks, pages[name], failures, reasons)


def _told(tx: Tx, text: str, names: Iterable[str]) -> defaultdict[str, list[Any]]:
    """What is told of each of some conversations."""
    found = defaultdict(list)
    for name, told in tx.ask(text, {"them": orjson.dumps([*names]).decode()}):
        found[name].append(told)
    return found
