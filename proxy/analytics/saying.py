"""Who says some words, by the search index; and the words that most of some sessions say, which are looked for while nobody waits."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import orjson

from ..core.query_fields import CONVERSATIONS
from ..core.search_words import Words, spaced
from ..db.tokens import common_tokens
from .beginnings import TOKENIZER
from .demands import match_of
from .statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..db.sqlite import Tx

#: Sessions that are read to tell what most say, so many messages of each, and so many letters of each of those.
_READ, _MESSAGES, _LETTERS = 64, 50, 2000
#: Words that are kept of a sheaf; to look for each takes some milliseconds.
_WORDS = 100
#: In so many runs of numbers a sheaf's sessions are looked for, which have at most so many more than they are.
_RUNS, _SPREAD = 16, 8


def sayers(tx: Tx, words: Sequence[Words], first: int, last: int, most: int) -> list[int]:
    """Numbers of the conversations one message of which has all the words, from a number to another; the first so many."""
    found = Statement(CONVERSATIONS)
    (ends,) = tx.all("highest_number")
    # (Each end is looked at for every message, at half the cost of finding it.)
    asked = ((">=", first, first > 1), ("<", last + 1, last < (ends["number"] or 0)))
    within = "".join(
        f" AND rowid {compared} {found.bind(number << 32)}" for compared, number, needed in asked if needed
    )
    text = f"SELECT DISTINCT rowid >> 32 AS number FROM message_search WHERE {match_of(found, words)}{within}"  # noqa: S608 - fixed parts only
    found.text = f"SELECT json_group_array(number) FROM ({text} LIMIT {found.bind(most)})"  # noqa: S608 - fixed parts only
    ((numbers,),) = tx.ask(found.text, found.values)
    told: list[int] = orjson.loads(numbers)
    return told


def common_words(tx: Tx, numbers: Sequence[int]) -> list[str]:
    """Words that most of some sessions say, as a look at a few of them tells; none where their numbers lie too far apart."""
    runs = runs_of(numbers)
    if sum(len(run) for run in runs) > _SPREAD * len(numbers):
        return []
    read = sorted(numbers)[:: -(-len(numbers) // _READ)]
    return common_tokens(_texts(tx, read), TOKENIZER, -(-len(read) // 2), _WORDS)


def who_says(tx: Tx, words: Sequence[str], numbers: Sequence[int]) -> Iterator[frozenset[int]]:
    """Of each word all sessions that say it, those meant among them; exactly. One at a time: each may be long."""
    runs = runs_of(numbers)
    for word in words:
        yield frozenset(
            number for run in runs for number in sayers(tx, [Words(word)], run.start, run.stop - 1, len(run))
        )


def runs_of(numbers: Sequence[int]) -> list[range]:
    """Where some numbers lie, in few runs: a chat with a date of long ago has a number far from those of its week."""
    inside = sorted(numbers)
    gaps = sorted(range(1, len(inside)), key=lambda at: inside[at - 1] - inside[at])[: _RUNS - 1]
    ends = [0, *sorted(at for at in gaps if inside[at] - inside[at - 1] > 1), len(inside)]
    return [range(inside[at], inside[end - 1] + 1) for at, end in pairwise(ends)]


def _texts(tx: Tx, numbers: Sequence[int]) -> Iterator[str]:
    for number in numbers:
        rows = tx.all("said_by", number=number, limit=_MESSAGES, bytes=4 * _LETTERS)
        yield " ".join(spaced(row["said"].decode(errors="replace")[:_LETTERS]) for row in rows)
