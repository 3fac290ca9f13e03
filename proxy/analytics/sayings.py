"""Who says some words within a span: of a word that most say as it is kept of whole weeks, of all else by the search index.

What it tells may be of a little more than the span: of whole weeks, and of all numbers between those of its sessions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from ..core.sayers import sayers_of
from ..db.tokens import tokens
from .beginnings import TOKENIZER, spelled_out
from .saying import sayers
from .sheaves import held_weeks
from .trait_weeks import beside

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..core.search_words import Words
    from ..db.sqlite import Tx

#: Sessions of a span are counted up to so many, to tell between which numbers they are.
COUNTED = 20_000
#: More than any number.
HIGHEST = 2**31 - 1
#: Words that are looked for instead of what begins so: each is looked at for every message.
SPELLED = 4
#: Numbers that are looked through together, though so many between them are not wanted.
_GAP = 1000
_NUMBERS = (
    "SELECT min(number), max(number), count(*) FROM ("
    "SELECT coalesce(number, 0) AS number FROM session WHERE began >= :since AND began < :until LIMIT :most)"
)


def said_within(tx: Tx, words: Sequence[Words], since: int, until: int, most: int) -> list[int]:
    """The numbers, in their order, of the conversations of a span one message of which has all the words; so many or more: not all."""
    words = spelled_out(tx, words, SPELLED)
    weeks = held_weeks(tx, since, until)
    word = _one(words) if weeks else ""
    found: set[int] = set()
    left: list[tuple[int, int]] = []
    for week in weeks:
        kept = [sayers_of(row["words"], word) for row in tx.all("sayers", start=week.start)] if word else [None]
        if None in kept:
            left.append((week.first, week.last))
        else:
            found.update(*(some for some in kept if some))
    for first, last in _joined([*left, *_beside(tx, since, until, [week.start for week in weeks], COUNTED)]):
        found.update(sayers(tx, words, first, last, most))
    return sorted(found)


def numbers_within(tx: Tx, since: int, until: int, most: int = COUNTED) -> tuple[int, int]:
    """From which number on, and before which, the conversations of a span are; of many beside sheaves, all."""
    weeks = held_weeks(tx, since, until)
    ends = [(week.first, week.last) for week in weeks]
    ends += _beside(tx, since, until, [week.start for week in weeks], most)
    return min((first for first, _ in ends), default=0), max((last for _, last in ends), default=0) + 1


def numbers_having(tx: Tx, trait: int, since: int, until: int) -> set[int]:
    """The numbers of the sessions of a span that have a trait."""
    (row,) = tx.all("having", trait=trait, since=since, until=until)
    return set(orjson.loads(row["numbers"]))


def _one(words: Sequence[Words]) -> str:
    """The one word of the index that is asked for, if it is one."""
    if len(words) != 1 or (words[0].begins and len(words[0].spelled) != 1):
        return ""
    told = tokens(words[0].spelled[0] if words[0].begins else words[0].text, TOKENIZER)
    return told[0] if len(told) == 1 else ""


def _beside(tx: Tx, since: int, until: int, weeks: list[int], most: int) -> Iterator[tuple[int, int]]:
    """Between which numbers the sessions of a span are that are in none of some weeks."""
    for start, end in beside(since, until, weeks):
        ((first, last, count),) = tx.ask(_NUMBERS, {"since": start, "until": end, "most": most})
        if count:
            yield (0, HIGHEST) if count == most else (first, last)


def _joined(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges of numbers, those that overlap or nearly touch as one."""
    found: list[tuple[int, int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + _GAP:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return found
