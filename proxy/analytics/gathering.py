"""Sessions summed up: the tallies of some, by keys, out of the tables `session`, `answer` and `person`.

What a key is (a mark, the beginning of a day, a property) and which sessions are meant comes as SQL of fixed parts with
bound values (`Chosen`). Times are rounded here as `core/tally.py` rounds them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ..core.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..db.sqlite import Tx

#: What the kept sums are told apart by.
MARKS = ("s.side", "s.model", "s.endpoint")

#: What sums are made of, of a session.
_COLUMNS = ("conversation", "messages", "questions", "positive", "negative", "regenerated", "person")
_SUMS = "count(*), sum(messages), sum(questions), sum(positive), sum(negative), sum(regenerated), group_concat(person)"
_SESSION_SUMS = 7
_ANSWER_SUMS = (
    "count(*), sum(a.interrupted <> ''), sum(a.refused), "
    "sum(iif(a.tokens_in IS NULL OR a.tokens_out IS NULL, 0, a.tokens_in)), "
    "sum(iif(a.tokens_in IS NULL OR a.tokens_out IS NULL, 0, a.tokens_out)), "
    "sum(a.tokens_in IS NOT NULL AND a.tokens_out IS NOT NULL), coalesce(sum(a.cost), 0), count(a.cost)"
)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some sessions (`s`), with their conversations (`v`) where a condition or a key looks at them."""

    conditions: tuple[str, ...]
    values: dict[str, Any] = field(default_factory=dict)
    needs_conversation: bool = False
    #: Where few are meant: an index that leads to them, and what is asked of its entries.
    lead: tuple[str, str] | None = None
    #: An index of sessions by time that has no others than those meant.
    by_time: str = ""
    is_within: bool = False

    def within(self, since: int | None, until: int | None) -> Chosen:
        """Those of them that began within a span; an end that is None is open."""
        conditions, values = [*self.conditions], dict(self.values)
        for compared, name, value in ((">=", "since", since), ("<", "until", until)):
            if value is not None:
                conditions.append(f"s.began {compared} :{name}")
                values[name] = value
        return replace(self, conditions=tuple(conditions), values=values, is_within=True)

    def without_side(self) -> Chosen:
        """Those of them that are no side requests."""
        return replace(self, conditions=(*self.conditions, "s.side = 0"))

    def rows(self, joined: str = "", more: str = "", by_time: str = "") -> str:
        """
        From FROM on.

        Args:
            joined: Further tables.
            more: A further condition.
            by_time: The index of sessions by time that has all that meet it, instead of the one of all.

        """
        parts = [self._source(by_time)]
        if self.needs_conversation and " AS v" not in parts[0]:
            parts.append("CROSS JOIN conversation AS v ON v.id = s.conversation")
        conditions = [*([self.lead[1]] if self.lead else []), *self.conditions, *([more] if more else [])]
        return " ".join([*parts, joined, "WHERE", " AND ".join(conditions) or "1 = 1"])

    def _source(self, by_time: str) -> str:
        if self.lead:
            return f"FROM {self.lead[0]}"
        index = by_time or self.by_time or ("session_by_time" if self.is_within else "")
        return f"FROM session AS s{' INDEXED BY ' if index else ''}{index}"


#: Every session.
ALL = Chosen(())


def gathered(tx: Tx, chosen: Chosen, keys: Sequence[str]) -> dict[tuple[Any, ...], Tally]:
    """The tallies of some sessions by what the keys (SQL) are of each; whatever they are, it is asked once of each."""
    found: dict[tuple[Any, ...], Tally] = {}
    answered: list[tuple[tuple[Any, ...], tuple[Any, ...]]] = []
    for of_answers, *row in tx.ask(_both(chosen, keys), chosen.values):
        key, sums = tuple(row[: len(keys)]), tuple(row[len(keys) :])
        if of_answers:
            answered.append((key, sums))
        else:
            sessions, messages, questions, positive, negative, regenerated, people = sums[:_SESSION_SUMS]
            found[key] = Tally(
                sessions=sessions,
                messages=messages,
                questions=questions,
                positive=positive,
                negative=negative,
                regenerated=regenerated,
                people=set(_numbers(people)),
            )
    for key, (*counts, first, whole) in answered:
        one = found[key]
        (
            one.answers,
            one.interrupted,
            one.refused,
            one.tokens_in,
            one.tokens_out,
            one.told,
            one.cost,
            one.priced,
        ) = counts
        one.first, one.whole = _numbers(first), _numbers(whole)
    return found


def _numbers(told: str | None) -> dict[int, int]:
    """Each of some whole numbers with how often it is there; they come as one text, since a row each would cost more."""
    return {int(number): times for number, times in Counter(told.split(",")).items()} if told else {}


def _both(chosen: Chosen, keys: Sequence[str]) -> str:
    """The SELECT of each group's key and sums: those of sessions, and behind a 1 those of their answers."""
    names = ", ".join(f"k{place}" for place in range(len(keys)))
    selected = ", ".join(f"{key} AS k{place}" for place, key in enumerate(keys))
    of_session = ", ".join(f"s.{name}" for name in _COLUMNS)
    times = f"group_concat({_rounded('a.first_ms')}), group_concat({_rounded('a.whole_ms')})"
    # (What a session is told by, and whether it passes, is asked once, not with each of its answers nor for both sums.)
    return (
        f"WITH m AS MATERIALIZED (SELECT {selected}, {of_session} {chosen.rows()}) "  # noqa: S608 - fixed parts only
        f"SELECT 0, {names}, {_SUMS}, NULL, NULL, NULL FROM m GROUP BY {names} UNION ALL "
        f"SELECT 1, {names}, {_ANSWER_SUMS}, {times} FROM m CROSS JOIN answer AS a ON a.conversation = m.conversation "
        f"GROUP BY {names}"
    )


def _rounded(column: str) -> str:
    """A time to two significant digits, downwards, up to the largest that is kept."""
    steps = " ".join(f"WHEN {column} < {100 * 10**n} THEN {column} / {10**n} * {10**n}" for n in range(8))
    return f"CASE {steps} END"
