"""The sums of some sessions, such that those of two sets of sessions add up to those of both. Pure.

Counts add. People are a set, so that somebody who came twice counts once. Times are counted to two significant digits
(1,234 ms with 1,200): to round never changes an order, so a percentile of what was rounded is the percentile, rounded. As
there are 730 such times, how often each is there stands in one large number, 32 bits each: to add two is one addition.
What an answer did not say (tokens, times) or what has no price is left out of the sums and counted in none of them: a
figure is None, never 0, where nothing is known.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field, fields
from itertools import accumulate
from typing import TYPE_CHECKING, Any, TypeAlias

import orjson

from .slices import little_endian

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Billionths of a dollar.
_NANO = 1_000_000_000
#: How often each rounded time is there, in so many bits each, the shortest in the lowest: more answers than a disk holds.
Times: TypeAlias = int
_LANE = 32
#: Of a time that is kept, at most.
_DIGITS = 9
#: All rounded times, in their order; the place of each; and the letter of each, from `0` on, as none before it is a plain one.
_MILLISECONDS = [*range(100), *(first * 10**tens for tens in range(1, _DIGITS - 1) for first in range(10, 100))]
_PLACES = {time: place for place, time in enumerate(_MILLISECONDS)}
_FIRST_LETTER = ord("0")
_LETTERS = {chr(_FIRST_LETTER + place): place for place in _PLACES.values()}
#: Fewer different times than so many take less room by themselves than all the bits between them.
_FEW = 64


@dataclass(slots=True)
class Tally:
    """The sums."""

    sessions: int = 0
    #: In the list as it stands; of users; of the assistant.
    messages: int = 0
    questions: int = 0
    answers: int = 0
    #: Of the answers, and how often one was asked for again.
    interrupted: int = 0
    refused: int = 0
    regenerated: int = 0
    positive: int = 0
    negative: int = 0
    #: Tokens of the answers that told both, and how many did.
    tokens_in: int = 0
    tokens_out: int = 0
    told: int = 0
    #: Billionths of a dollar, and of how many answers.
    cost: int = 0
    priced: int = 0
    #: How often each time is there, of the answers.
    first: Times = 0
    whole: Times = 0
    #: Who they are, by number.
    people: set[int] = field(default_factory=set)

    def add(self, other: Tally) -> None:
        """Becomes the sums of both."""
        # (Said one by one: a page adds hundreds of tallies, and to look each up by its name takes three times as long.)
        self.sessions += other.sessions
        self.messages += other.messages
        self.questions += other.questions
        self.answers += other.answers
        self.interrupted += other.interrupted
        self.refused += other.refused
        self.regenerated += other.regenerated
        self.positive += other.positive
        self.negative += other.negative
        self.tokens_in += other.tokens_in
        self.tokens_out += other.tokens_out
        self.told += other.told
        self.cost += other.cost
        self.priced += other.priced
        self.first += other.first
        self.whole += other.whole
        self.people |= other.people

    def packed(self) -> str:
        """As it is kept."""
        told = [[getattr(self, name) for name in COUNTS], sorted(self.people)]
        return orjson.dumps([*told, *packed_times(self.first), *packed_times(self.whole)]).decode()


#: The names of what is counted, in order.
COUNTS = tuple(one.name for one in fields(Tally) if one.type == "int")


def counted(sessions: int, counts: Iterable[int]) -> Tally:
    """A tally of so many sessions, and of the other counts in their order."""
    return Tally(sessions, *counts)  # type: ignore[arg-type] # as many as there are


def unpacked(text: str) -> Tally:
    """A tally of `packed`."""
    counts, people, first, firsts, whole, wholes = orjson.loads(text)
    tally = Tally(*counts)
    tally.first, tally.whole, tally.people = unpacked_times(first, firsts), unpacked_times(whole, wholes), set(people)
    return tally


def packed_again(text: str) -> str:
    """What an older teelog packed, as it is packed now."""
    return unpacked(text).packed()


def packed_times(times: Times) -> tuple[Any, Any]:
    """Few times with how often each is there; of many all the bits as text, and how many bits are left out before them."""
    counted = {_MILLISECONDS[place]: count for place, count in enumerate(_lanes(times)) if count}
    if len(counted) < _FEW:
        return [*counted], [*counted.values()]
    before = _LANE * _PLACES[next(iter(counted))]
    return f"{times >> before:x}", before


def unpacked_times(told: Any, more: Any) -> Times:
    """Those of `packed_times`."""
    if isinstance(told, str):
        return int(told, 16) << int(more)
    return times_counted([_PLACES[time] for time in told], more)


def rounded(milliseconds: int) -> int:
    """A time to two significant digits, downwards."""
    step = 1
    while milliseconds // step >= 100:
        step *= 10
    return milliseconds // step * step


def letter_of(milliseconds: int | None) -> str | None:
    """A rounded time as one letter, so that many are kept as one text; None of none, and of what is no time."""
    if milliseconds is None or not 0 <= milliseconds < 10**_DIGITS:
        return None
    return chr(_FIRST_LETTER + _PLACES[rounded(milliseconds)])


def times_of(letters: str | None) -> Times:
    """How often each time is there, of letters in whatever order."""
    counts = Counter(letters or "")
    return times_counted(places_of(counts), counts.values())


def places_of(letters: Iterable[str]) -> list[int]:
    """The place of each letter's time among all."""
    return [_LETTERS[letter] for letter in letters]


def times_counted(places: Sequence[int], counts: Iterable[int]) -> Times:
    """How often each time is there, of places and how often each is."""
    lanes = array("I", bytes(_LANE // 8 * (1 + max(places, default=-1))))
    for place, count in zip(places, counts, strict=True):
        lanes[place] = count
    return int.from_bytes(little_endian(lanes).tobytes(), "little")


def _lanes(times: Times) -> array[int]:
    """How often each time is there, up to the longest."""
    lanes = array("I")
    lanes.frombytes(times.to_bytes(-(-times.bit_length() // _LANE) * _LANE // 8, "little"))
    return little_endian(lanes)


def percentile(times: Times, share: int) -> int | None:
    """The smallest time that so many of a hundred do not exceed (nearest rank); None of none."""
    return _percentiles(times, share)[0]


def _percentiles(times: Times, *shares: int) -> list[int | None]:
    """Several of them, counted through once."""
    if not times:
        return [None] * len(shares)
    behind = list(accumulate(_lanes(times)))
    return [_MILLISECONDS[bisect_left(behind, max(1, -(-behind[-1] * share // 100)))] for share in shares]


def figures(tally: Tally, newcomers: set[int] | frozenset[int] = frozenset()) -> dict[str, Any]:
    """What is told of a tally; `newcomers` are those whose first session of all is within its span."""
    users, new = len(tally.people), len(tally.people & newcomers)
    thumbs = tally.positive + tally.negative
    (first_p50, first_p95), (whole_p50, whole_p95) = (_percentiles(one, 50, 95) for one in (tally.first, tally.whole))
    return {
        "sessions": tally.sessions,
        "messages": tally.messages,
        "questions": tally.questions,
        "answers": tally.answers,
        "users": users,
        "newUsers": new,
        "returningUsers": users - new,
        "positive": tally.positive,
        "negative": tally.negative,
        "feedbackRate": _share(thumbs, tally.answers),
        "helpfulRate": _share(tally.positive, thumbs),
        "interrupted": tally.interrupted,
        "refused": tally.refused,
        "regenerated": tally.regenerated,
        "tokensIn": tally.tokens_in if tally.told else None,
        "tokensOut": tally.tokens_out if tally.told else None,
        "answersWithTokens": tally.told,
        "costUsd": usd_of(tally.cost) if tally.priced else None,
        "answersWithCost": tally.priced,
        "firstTokenP50Ms": first_p50,
        "firstTokenP95Ms": first_p95,
        "durationP50Ms": whole_p50,
        "durationP95Ms": whole_p95,
    }


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def usd_of(billionths: int | None) -> float | None:
    """US dollars of billionths."""
    return None if billionths is None else billionths / _NANO
