"""Who says some words, by the search index; and the words that most of some sessions say, which are looked for while nobody waits."""

from __future__ import annotations

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


def common_words(tx: Tx, numbers: Sequence[int]) -> dict[str, frozenset[int]]:
    """Words that most of some sessions say, as a look at a few of them tells; and all that say them, exactly."""
    read = sorted(numbers)[:: -(-len(numbers) // _READ)]
    words = common_tokens(_texts(tx, read), TOKENIZER, -(-len(read) // 2), _WORDS)
    first, last = min(numbers), max(numbers)
    return {word: frozenset(sayers(tx, [Words(word)], first, last, last)) for word in words}


def _texts(tx: Tx, numbers: Sequence[int]) -> Iterator[str]:
    for number in numbers:
        rows = tx.all("said_by", number=number, limit=_MESSAGES)
        yield " ".join(spaced(row["text"][:_LETTERS]) for row in rows)
