"""Who says what: some words, and which of some sessions say each, a bit a session (`slices.py`). Pure."""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING

from .slices import Bundle, Reading, flags_of, mask_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet


def packed(numbers: Sequence[int], words: Sequence[str], sayers: Iterable[AbstractSet[int]]) -> bytes:
    """As it is kept: sessions by their numbers, some words, and of each the numbers of those that say it."""
    bundle = Bundle(len(numbers))
    bundle.put_told(words)
    bundle.put_masks([mask_of(map(them.__contains__, numbers)) for them in sayers])
    bundle.put_numbers(numbers)
    return bundle.packed()


def sayers_of(stored: bytes, word: str) -> list[int] | None:
    """Of `packed`, the numbers of those that say a word, in the order in which they are kept; None where that is not kept."""
    reading = Reading(stored)
    words = reading.told()
    if word not in words:
        return None
    mask = reading.masks()[words.index(word)]
    return [*compress(reading.numbers(), flags_of(mask, reading.sessions))]
