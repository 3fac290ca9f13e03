"""The most of a long time, found among the most of all times, without counting what is neither.

Of every first question and every cited page it is kept how often it is there in all (`asked` and `page.cited`,
`schema_8.sql`). No span of time has it more often. So those are asked in the order of what they have in all, how often each
is there within the span is counted, and once the list is full of those that have more than the next can have, it is done.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..db.sqlite import Tx

#: Rows of a list.
ROWS = 20
#: Sessions of a span that are counted one by one as soon.
FEW_SESSIONS = 5000
#: Where so many have been asked, they are all about as frequent: then to count them all costs less.
CANDIDATES = 3000
_SPAN = "began >= :since AND began < :until"


@dataclass(frozen=True, slots=True)
class Ranking:
    """What is ranked."""

    #: Each key, what it has in all, and what equal ones are ordered by: `times`, `sessions`, `name`; in their order.
    candidates: str
    #: What one key has within a span.
    counted: str


class Ranked(NamedTuple):
    """A row of a list, in the order of the list."""

    #: Negative, so that the most come first.
    times: int
    sessions: int
    name: Any
    key: int


_UNHELPED = "(negative > 0 OR regenerated > 0 OR failed > 0)"
QUESTIONS = Ranking(
    "SELECT question AS key, sessions AS times, sessions, question AS name FROM asked ORDER BY sessions DESC, question",
    f"SELECT count(*) AS times, count(*) AS sessions FROM session INDEXED BY session_by_question "  # noqa: S608 - fixed parts only
    f"WHERE question = :key AND {_SPAN} AND side = 0",
)
UNHELPED = Ranking(
    "SELECT question AS key, unhelped AS times, unhelped AS sessions, question AS name FROM asked "
    "WHERE unhelped > 0 ORDER BY unhelped DESC, question",
    f"SELECT count(*) AS times, count(*) AS sessions FROM session INDEXED BY session_unhelped_question "  # noqa: S608 - fixed parts only
    f"WHERE question = :key AND {_SPAN} AND side = 0 AND {_UNHELPED}",
)
AGAIN = Ranking(
    "SELECT question AS key, again AS times, again_sessions AS sessions, question AS name FROM asked "
    "WHERE again > 0 ORDER BY again DESC, again_sessions DESC, question",
    f"SELECT sum(again) AS times, count(*) AS sessions FROM session INDEXED BY session_again_question "  # noqa: S608 - fixed parts only
    f"WHERE question = :key AND {_SPAN} AND side = 0 AND again > 0",
)
PAGES = Ranking(
    "SELECT id AS key, cited AS times, cited AS sessions, url AS name FROM page ORDER BY cited DESC, url",
    f"SELECT count(*) AS times, count(*) AS sessions FROM citation INDEXED BY citation_by_page "  # noqa: S608 - fixed parts only
    f"WHERE page = :key AND {_SPAN}",
)


def most(tx: Tx, ranking: Ranking, since: int, until: int, few: int = FEW_SESSIONS) -> list[Ranked] | None:
    """The first rows of all chats that began within a span; None where that costs more than to count them all (`few`)."""
    span = {"since": since, "until": until}
    if not _has(tx, span, few):
        return None
    best: list[Ranked] = []
    for place, row in enumerate(tx.ask(ranking.candidates, {})):
        if len(best) == ROWS and (-row["times"], -row["sessions"], row["name"]) > best[-1][:3]:
            break
        if place == CANDIDATES:
            return None
        ((times, sessions),) = tx.ask(ranking.counted, span | {"key": row["key"]})
        if sessions:
            insort(best, Ranked(-times, -sessions, row["name"], row["key"]))
            del best[ROWS:]
    return best


def _has(tx: Tx, span: dict[str, int], sessions: int) -> bool:
    text = f"SELECT count(*) FROM (SELECT 1 FROM session WHERE {_SPAN} LIMIT :sessions)"  # noqa: S608 - fixed parts only
    ((count,),) = tx.ask(text, span | {"sessions": sessions})
    return bool(count == sessions)
