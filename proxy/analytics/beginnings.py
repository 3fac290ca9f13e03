"""Words of which only the beginning is asked for, spelled out: as all the words of the index that begin so.

The index knows where a word is said from any message on; what only begins so it puts together out of all that was ever
said, each time that it is asked. So where those words are few, they are asked for instead. Nothing else is found by it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..db.tokens import tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..core.search_words import Words
    from ..db.sqlite import Tx

#: As in `schema_4.sql`.
TOKENIZER = "unicode61 remove_diacritics 2"
#: Behind every other letter.
_LAST = "\U0010ffff"


def spelled_out(tx: Tx, words: Sequence[Words], most: int) -> tuple[Words, ...]:
    """The same, with what their last words may be, unless that is more than so many words; each takes some 0.03 ms to find."""
    return tuple(_spelled_out(tx, one, most) if one.begins else one for one in words)


def _spelled_out(tx: Tx, words: Words, most: int) -> Words:
    said = tokens(words.text, TOKENIZER)
    if not said:
        return words
    *before, beginning = said
    rows = tx.all("words_beginning", beginning=beginning, end=beginning + _LAST, most=most + 1)
    found = [row["term"] for row in rows]
    # (A query's words are folded, too. What is folded stays what it is, as far as anybody knows; if not, nothing is spelled out.)
    if len(found) > most or tokens(" ".join(found), TOKENIZER) != found:
        return words
    return replace(words, spelled=tuple(" ".join([*before, one]) for one in found))
