"""The most of a long time, found among the most of all times, without counting what is neither.

Of every first question it is kept how often it is there in all (`asked`, `schema_8.sql`). No span of time has it more
often. So those are asked in the order of what they have in all, how often each is there within the span is counted, and
once the list is full of those that have more than the next can have, it is done.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..db.sqlite import Tx

#: Rows of a list.
ROWS = 20
#: So many are asked about at first; each further time twice as many.
AT_ONCE = 64
#: Where so many may be among the first, they are all about as frequent: then to count them all costs less.
CANDIDATES = 3000
_SPAN = "began >= :since AND began < :until"


@dataclass(frozen=True, slots=True)
class Ranking:
    """What is ranked."""

    #: Its table, and those of it that can be in a list.
    table: str
    #: What each has in all, and how equal ones are told apart.
    key: str
    times: str
    sessions: str
    name: str
    #: What `:key` stands for, within a span: from FROM on; and how times are counted there.
    within: str
    #: Times, where those are not the sessions.
    counted: str = ""

    def candidates(self) -> str:
        """Some of them, those with the most first: the key, what it has in all, and what it has within a span."""
        within = f"{self.within} = m.key AND {_SPAN}"
        counted = f"(SELECT {self.counted} {within})" if self.counted else "NULL"
        return (
            f"SELECT key, times, sessions, name, (SELECT count(*) {within}) AS had, {counted} AS had_times FROM ("  # noqa: S608 - fixed parts only
            f"SELECT {self.key} AS key, {self.times} AS times, {self.sessions} AS sessions, {self.name} AS name "
            f"FROM {self.table} ORDER BY {self.times} DESC, {self.sessions} DESC, {self.name} LIMIT :limit OFFSET :offset"
            ") AS m"
        )

    def at_least(self) -> str:
        """How many have so many times in all; counting ends."""
        joined = "AND" if "WHERE" in self.table else "WHERE"
        return f"SELECT count(*) FROM (SELECT 1 FROM {self.table} {joined} {self.times} >= :times LIMIT {CANDIDATES})"  # noqa: S608 - fixed parts only


class Ranked(NamedTuple):
    """A row of a list, in the order of the list."""

    #: Negative, so that the most come first.
    times: int
    sessions: int
    name: Any
    key: int


_SESSIONS = "FROM session INDEXED BY {} WHERE side = 0 AND {} AND question"
QUESTIONS = Ranking(
    *("asked", "question", "sessions", "sessions", "question"), _SESSIONS.format("session_by_question", "1 = 1")
)
AGAIN = Ranking(
    *("asked WHERE again > 0", "question", "again", "again_sessions", "question"),
    _SESSIONS.format("session_again_question", "again > 0"),
    "sum(again)",
)

#: From how many sessions of a span on it takes less time than to count them all.
MANY_SESSIONS = 30_000


def most(tx: Tx, ranking: Ranking, since: int, until: int) -> list[Ranked] | None:
    """The first rows of all chats that began within a span; None where that costs more than to count them all."""
    span = {"since": since, "until": until}
    best: list[Ranked] = []
    offset, limit = 0, AT_ONCE
    while True:
        some = list(tx.ask(ranking.candidates(), span | {"limit": limit, "offset": offset}))
        for row in some:
            if len(best) == ROWS and (-row["times"], -row["sessions"], row["name"]) > best[-1][:3]:
                return best
            if sessions := row["had"]:
                times = row["had_times"] if ranking.counted else sessions
                insort(best, Ranked(-times, -sessions, row["name"], row["key"]))
                del best[ROWS:]
        if len(some) < limit:
            return best
        least = -best[-1].times if len(best) == ROWS else 0
        ((left,),) = tx.ask(ranking.at_least(), {"times": least})
        if left == CANDIDATES:
            return None
        offset, limit = offset + limit, 2 * limit
