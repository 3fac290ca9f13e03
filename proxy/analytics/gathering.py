"""Sessions summed up: the tallies of some, by keys, out of the tables `session` and `answer_sums`, a row of each a session.

What a key is (a mark, the beginning of a day, a property) and which sessions are meant comes as SQL of fixed parts with
bound values (`Chosen`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson

from ..core.tally import Tally, times_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..db.sqlite import Tx

_NO_SIDE = "s.side = 0"
#: Stands for a trait that every session has.
EVERY = 0
#: What became of sessions stands for traits, too: the condition, and the index by time of those that meet it, if there is one.
OUTCOMES = {
    -1: ("s.negative > 0", "session_disliked"),
    -2: ("s.positive > 0", ""),
    -3: ("(s.positive > 0 OR s.negative > 0)", ""),
    -4: ("(s.negative > 0 OR s.regenerated > 0 OR s.failed > 0)", "session_unhelped"),
    -5: ("s.refused > 0", "session_refused"),
    -6: ("s.cut > 0", "session_cut"),
    -7: ("s.regenerated > 0", "session_regenerated"),
    -8: ("s.again > 0", "session_again"),
}
OUTCOME_OF = {condition: number for number, (condition, _) in OUTCOMES.items()}
#: What the kept sums are told apart by.
MARKS = ("s.side", "s.model", "s.endpoint")

#: What sums are made of, of sessions `s` and the sums of their answers `n`, in the order of `_tally`.
_SUMS = (
    "count(*), sum(s.messages), sum(s.questions), coalesce(sum(n.answers), 0), sum(s.cut), sum(s.refused), "
    "sum(s.regenerated), sum(s.positive), sum(s.negative), coalesce(sum(n.tokens_in), 0), "
    "coalesce(sum(n.tokens_out), 0), coalesce(sum(n.told), 0), coalesce(sum(n.cost), 0), coalesce(sum(n.priced), 0), "
    "group_concat(n.first, ''), group_concat(n.whole, ''), group_concat(s.person)"
)


@dataclass(frozen=True, slots=True)
class Lead:
    """An index that leads to some sessions."""

    source: str
    #: What is asked of its entries.
    entry: str
    #: The same, asked of a session: where they are not few, and another index has fewer. Empty: they are few.
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Some sessions (`s`), with their conversations (`v`) where a condition or a key looks at them."""

    conditions: tuple[str, ...]
    values: dict[str, Any] = field(default_factory=dict)
    needs_conversation: bool = False
    #: What leads to those that are meant.
    lead: Lead | None = None
    #: An index of sessions by time that has no others than those meant.
    by_time: str = ""
    is_within: bool = False
    #: A table `told`, with numbers of sessions and what they are told apart by.
    told: str = ""
    #: Those that have these traits, by number, or what stands for one (`EVERY`, `OUTCOMES`), if nothing else is asked.
    traits: tuple[int, ...] | None = None
    #: Those that have one of some numbers, in their order, if nothing else is asked.
    numbers: tuple[int, ...] | None = None

    @property
    def trait(self) -> int | None:
        """That which they have, if nothing else is asked."""
        return self.traits[0] if self.traits is not None and len(self.traits) == 1 else None

    @property
    def has_side(self) -> bool:
        """Whether side requests may be among them."""
        return _NO_SIDE not in self.conditions

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
        return replace(self, conditions=(*self.conditions, _NO_SIDE))

    def rows(self, joined: str = "", more: str = "", by_time: str = "") -> str:
        """
        From FROM on.

        Args:
            joined: Further tables.
            more: A further condition.
            by_time: The index of sessions by time that has all that meet it, instead of the one of all.

        """
        lead = self._lead(by_time)
        parts = [f"FROM {lead.source}" if lead else self._sessions(by_time)]
        if self.needs_conversation and " AS v" not in parts[0]:
            parts.append("CROSS JOIN conversation AS v ON v.id = s.conversation")
        led = [] if self.lead is None else [lead.entry if lead else self.lead.condition]
        conditions = [*led, *self.conditions, *([more] if more else [])]
        return " ".join([*parts, joined, "WHERE", " AND ".join(conditions) or "1 = 1"])

    def _lead(self, by_time: str) -> Lead | None:
        """What leads to them, unless an index by time is as short."""
        return None if self.lead is None or (by_time and self.lead.condition) else self.lead

    def _sessions(self, by_time: str) -> str:
        index = by_time or self.by_time or ("session_by_time" if self.is_within else "")
        return f"FROM session AS s{' INDEXED BY ' if index else ''}{index}"


#: Every session.
ALL = Chosen((), traits=(EVERY,))
#: Who has a trait `t`, in the order of when sessions began.
TIMED = "trait_time AS t CROSS JOIN session AS s ON s.number = t.number"
#: That a session has one.
HAS = "EXISTS (SELECT 1 FROM trait_time AS has WHERE has.trait = {} AND has.began = s.began AND has.number = s.number)"


def having(traits: Sequence[int], since: int, until: int) -> Chosen:
    """The sessions that have traits, or what stands for them, by number, and began within a span; the first leads to them."""
    first, *others = traits
    chosen = _having(first, since, until)
    conditions = [OUTCOMES[trait][0] if trait in OUTCOMES else HAS.format(f":trait_{trait}") for trait in others]
    values = {f"trait_{trait}": trait for trait in others if trait not in OUTCOMES}
    return replace(
        chosen,
        conditions=(*chosen.conditions, *conditions),
        values=chosen.values | values,
        traits=(*traits,),
    )


def _having(trait: int, since: int, until: int) -> Chosen:
    if trait == EVERY:
        return ALL.within(since, until)
    if trait in OUTCOMES:
        condition, by_time = OUTCOMES[trait]
        return Chosen((condition,), by_time=by_time).within(since, until)
    lead = Lead(TIMED, "t.trait = :trait AND t.began >= :since AND t.began < :until")
    return Chosen((), {"trait": trait, "since": since, "until": until}, lead=lead, is_within=True)


def numbered(numbers: Iterable[int], since: int, until: int) -> Chosen:
    """The sessions that have one of some numbers, and began within a span."""
    lead = Lead("json_each(:numbers) AS said CROSS JOIN session AS s ON s.number = said.value", "1 = 1")
    return Chosen((), {"numbers": orjson.dumps([*numbers]).decode()}, lead=lead).within(since, until)


def gathered(tx: Tx, chosen: Chosen, keys: Sequence[str]) -> dict[tuple[Any, ...], Tally]:
    """The tallies of some sessions by what the keys (SQL) are of each."""
    told = ", ".join(f"{key} AS k{place}" for place, key in enumerate(keys))
    names = ", ".join(f"k{place}" for place in range(len(keys)))
    joined = "LEFT JOIN answer_sums AS n ON n.number = s.number"
    joined += " LEFT JOIN told ON told.number = s.number" if chosen.told else ""
    before = f"WITH {chosen.told} " if chosen.told else ""
    text = f"{before}SELECT {told}, {_SUMS} {chosen.rows(joined)} GROUP BY {names}"
    return {tuple(row[: len(keys)]): _tally(*row[len(keys) :]) for row in tx.ask(text, chosen.values)}


def _tally(*sums: Any) -> Tally:
    *counts, first, whole, people = sums
    tally = Tally(*counts)
    tally.first, tally.whole, tally.people = times_of(first), times_of(whole), numbers_of(people)
    return tally


def numbers_of(told: str | None) -> set[int]:
    """Whole numbers, which come as one text, since a row each would cost more."""
    return set(map(int, told.split(","))) if told else set()
