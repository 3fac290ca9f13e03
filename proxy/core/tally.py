"""The sums of some sessions, such that those of two sets of sessions add up to those of both. Pure.

Counts add. People are a set, so that somebody who came twice counts once. Times are counted to two significant digits
(1,234 ms with 1,200): to round never changes an order, so a percentile of what was rounded is the percentile, rounded.
What an answer did not say (tokens, times) or what has no price is left out of the sums and counted in none of them: a
figure is None, never 0, where nothing is known.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field, fields
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Billionths of a dollar.
_NANO = 1_000_000_000


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
    #: Milliseconds (rounded) → answers.
    first: dict[int, int] = field(default_factory=dict)
    whole: dict[int, int] = field(default_factory=dict)
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
        for mine, more in ((self.first, other.first), (self.whole, other.whole)):
            if not mine:  # most are the first of their kind
                mine.update(more)
                continue
            for time, count in more.items():
                mine[time] = mine.get(time, 0) + count
        self.people |= other.people

    def packed(self) -> str:
        """As it is kept."""
        told = [[getattr(self, name) for name in COUNTS], sorted(self.people)]
        for times in (self.first, self.whole):
            told += [[*times], [*times.values()]]
        return orjson.dumps(told).decode()


COUNTS = tuple(one.name for one in fields(Tally) if one.type == "int")


def unpacked(text: str) -> Tally:
    """A tally of `packed`."""
    counts, people, first, firsts, whole, wholes = orjson.loads(text)
    tally = Tally(*counts)
    tally.people = set(people)
    tally.first, tally.whole = dict(zip(first, firsts, strict=True)), dict(zip(whole, wholes, strict=True))
    return tally


def rounded(milliseconds: int) -> int:
    """A time to two significant digits, downwards."""
    step = 1
    while milliseconds // step >= 100:
        step *= 10
    return milliseconds // step * step


def letter_of(milliseconds: int | None) -> str | None:
    """A rounded time as one letter, so that many are kept and counted as one text; None of none, and of what is no time."""
    if milliseconds is None or not 0 <= milliseconds < 10**_DIGITS:
        return None
    tens = max(0, len(str(milliseconds)) - 2)
    return chr(_FIRST_LETTER + 90 * tens + milliseconds // 10**tens)


def times_of(letters: str | None) -> dict[int, int]:
    """The times of letters, each with how often it is there."""
    return {_TIMES[letter]: times for letter, times in Counter(letters or "").items()}


#: Of a time that is kept, at most.
_DIGITS = 9
#: From `0` on, so that none means anything to SQL or a terminal.
_FIRST_LETTER = ord("0")
_TIMES = {
    chr(_FIRST_LETTER + 90 * tens + first): first * 10**tens
    for tens in range(_DIGITS - 1)
    for first in range(10 if tens else 0, 100)
}


def percentile(times: Mapping[int, int], share: int) -> int | None:
    """The smallest time that so many of a hundred do not exceed (nearest rank); None of none."""
    return _percentiles(times, share)[0]


def _percentiles(times: Mapping[int, int], *shares: int) -> list[int | None]:
    """Several of them, the times put in order once."""
    if not times:
        return [None] * len(shares)
    ordered = sorted(times)
    behind = list(accumulate(map(times.__getitem__, ordered)))
    return [ordered[bisect_left(behind, max(1, -(-behind[-1] * share // 100)))] for share in shares]


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
