"""A page of the conversations in which words were said, without looking at all of them.

A search index has its messages in the order of their numbers, which is about that in which conversations began; a list has
those that changed last first. So numbers are looked through in blocks, the highest first, until no block that is left has
anything that changed as late as the page's last place: of each block its latest change is known (`conversation_by_block`).
Of a word that is said everywhere the first block has a page; of one that is not, all blocks have little.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..core.query_fields import CONVERSATIONS
from ..core.session_filter import Page, Place
from .beginnings import spelled_out
from .demands import FEW, demands_of, match_of
from .places import behind, within
from .statements import Statement
from .ways import fewest, of_sessions, plain_way

if TYPE_CHECKING:
    from ..core.session_filter import SessionFilter
    from ..db.sqlite import Tx

#: Numbers of a block are those that are the same without these bits (`schema_8.sql`).
BITS = 10
#: Blocks that are looked through only to count: some milliseconds.
COUNTED_BLOCKS = 2
#: In as many, to put together what begins so takes longer than to look for the words that do; and up to so many of those.
MANY_BLOCKS = 8
SPELLED = 200
_SAID = (
    "(SELECT DISTINCT rowid >> 32 AS number FROM message_search WHERE {}) AS said "
    "CROSS JOIN session AS s ON s.number = said.number"
)


@dataclass(frozen=True, slots=True)
class Block:
    """Numbers of conversations that follow each other."""

    number: int
    #: When the first and the last of its conversations were changed.
    earliest: int
    latest: int


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for."""

    asked: SessionFilter

    def page(self, tx: Tx, page: Page, most: int | None) -> tuple[list[Place], int, bool]:
        """The places of a page and one more where the list goes on; how many pass, up to `most`, and whether those are all."""
        blocks = [Block(row["number"], row["earliest"], row["latest"]) for row in tx.all("blocks")]
        since, until = self.asked.since, self.asked.until
        blocks = [
            one for one in blocks if (since is None or one.latest >= since) and (until is None or one.earliest < until)
        ]
        if len(blocks) >= MANY_BLOCKS:
            words = spelled_out(tx, self.asked.words, SPELLED)
            return Search(replace(self.asked, words=words)).among(tx, blocks, page, most)
        return self.among(tx, blocks, page, most)

    def among(self, tx: Tx, blocks: list[Block], page: Page, most: int | None) -> tuple[list[Place], int, bool]:
        """The same, where blocks with numbers of all that pass are given."""
        if most is None:
            places, counted = self._look(tx, blocks, page, page.offset + page.limit + 1) if blocks else ([], 0)
            return places[page.offset :], counted, True
        if page.after is not None:
            _, counted, is_all = self._found(tx, blocks, Page(0), most)
            left = [one for one in blocks if one.earliest <= page.after.updated_at]
            return self._found(tx, left, page, 0)[0], counted, is_all
        return self._found(tx, blocks, page, most)

    def _found(self, tx: Tx, blocks: list[Block], page: Page, most: int) -> tuple[list[Place], int, bool]:
        wanted = page.offset + page.limit + 1 if page.limit else 0
        found: list[Place] = []
        counted = looked_at = 0
        # What only begins so is put together out of all that begins so, with every look.
        step, more = (2, 4) if any(one.begins and not one.spelled for one in self.asked.words) else (1, 2)
        while blocks:
            have_page = len(found) >= wanted and (
                not wanted or max(one.latest for one in blocks) < found[wanted - 1].updated_at
            )
            if have_page and (counted > most or looked_at >= COUNTED_BLOCKS):
                return found[page.offset : wanted], min(counted, most), False
            some, blocks = blocks[:step], blocks[step:]
            # (Blocks that follow each other are looked through as one.)
            places, passing = self._look(tx, some, page, wanted)
            found = sorted([*found, *places], key=lambda place: (-place.updated_at, place.id))[:wanted]
            counted, looked_at, step = counted + passing, looked_at + len(some), more * step
        return found[page.offset : wanted], min(counted, most), counted <= most

    def _look(self, tx: Tx, blocks: list[Block], page: Page, wanted: int) -> tuple[list[Place], int]:
        """The first places of some blocks, and how many pass in all."""
        statement = Statement(CONVERSATIONS)
        numbers = [block.number << (BITS + 32) for block in (blocks[-1], blocks[0])]
        first, end = statement.bind(numbers[0]), statement.bind(numbers[1] + (1 << (BITS + 32)))
        said = f"{match_of(statement, self.asked.words)} AND rowid >= {first} AND rowid < {end}"
        index = of_sessions("", _SAID.format(said))
        demands = demands_of(tx, statement, replace(self.asked, words=()))
        way = plain_way(index, demands, side=self.asked.side).narrowed(within(statement, self.asked, index.changed))
        after = " AND ".join(behind(statement, page, "changed", "name")) or "1 = 1"
        statement.text = (
            f"WITH f AS MATERIALIZED (SELECT s.changed AS changed, s.conversation AS name {way.rows()}) "  # noqa: S608 - fixed parts only
            "SELECT count(*) AS changed, NULL AS name FROM f UNION ALL SELECT * FROM ("
            f"SELECT changed, name FROM f WHERE {after} ORDER BY changed DESC, name LIMIT {statement.bind(wanted)})"
        )
        (passing, _), *places = tx.ask(statement.text, statement.values)
        return [Place(*place) for place in places], passing


def search_by(tx: Tx, asked: SessionFilter) -> Search | None:
    """A search; None where something else is asked that few meet, whose messages are looked at instead."""
    statement = Statement(CONVERSATIONS)
    others = demands_of(tx, statement, replace(asked, words=()))
    return None if fewest(tx, statement, others, FEW) else Search(asked)
