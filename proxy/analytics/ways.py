"""The ways to a list: its indexes, what each of a filter's demands has of them, and which one a list is read off.

    demands ──► way_to: those that few meet are counted, a little ──► a Way ──► FROM and WHERE of the list

An index of `schema_8.sql` has the order of the list, so that a page reads as many entries as it shows. Where a demand is met
by few, those are looked at one by one, whatever else is asked. A list that asks for two things that many do, and hardly any
both, is what remains: it looks through those that do one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..db.sqlite import Tx
    from .statements import Statement

#: So many are looked at one by one in a few milliseconds.
FEW = 1000
_KIND = "CASE WHEN json_valid(v.properties) THEN json_extract(v.properties, '$.kind') END"


@dataclass(frozen=True, slots=True)
class Index:
    """Entries with what a place in the list is made of, as SQL; `alias`: whose columns conditions find without a join."""

    source: str
    alias: str
    changed: str
    conversation: str
    no_side: str
    only_side: str

    def joined(self, needed: frozenset[str]) -> str:
        """The source, with the tables that conditions look at: conversations `v`, sessions `s`."""
        parts = [self.source]
        if "v" in needed and self.alias != "v":
            parts.append(f"CROSS JOIN conversation AS v ON v.id = {self.conversation}")
        if "s" in needed and self.alias != "s":
            parts.append(f"CROSS JOIN session AS s ON s.conversation = {self.conversation}")
        return " ".join(parts)

    def sessions(self) -> str:
        """The source, with sessions `s` whatever it has."""
        return self.joined(frozenset("s"))


def of_sessions(name: str, source: str = "") -> Index:
    """An index of sessions, or another source that has them as `s`."""
    return Index(
        source or f"session AS s INDEXED BY {name}", "s", "s.changed", "s.conversation", "s.side = 0", "s.side = 1"
    )


def of_conversations(name: str, source: str = "") -> Index:
    """An index of conversations, or another source that has them as `v`."""
    return Index(
        source or f"conversation AS v INDEXED BY {name}",
        "v",
        "v.updated_at",
        "v.id",
        f"{_KIND} IS NULL",
        f"{_KIND} IS NOT NULL",
    )


TRAITS = Index("trait AS t", "t", "t.changed", "t.conversation", "t.side = 0", "t.side = 1")
#: Where nothing leads: by what the conditions look at.
_WALKED = {"v": of_conversations("", "conversation AS v"), "s": of_sessions("session_list")}


@dataclass(frozen=True, slots=True)
class Demand:
    """One thing that is asked."""

    #: Of a conversation `v` or a session `s`, as `on` says.
    condition: str
    on: str
    #: What is asked of an index's entries; empty: no index knows.
    entry: str = ""
    #: The index where few meet it, and where many do (None: they are met on the walk through all).
    few: Index | None = None
    many: Index | None = None
    #: Whether the entries tell it wholly.
    is_told: bool = True
    #: An index of sessions by when they began, of those alone that meet it.
    by_time: str = ""
    #: Whether the entries are of a span of time alone: then no walk through all of that span is shorter.
    is_of_span: bool = False
    #: That sessions have a trait, or what stands for one: its number (`gathering.py`).
    trait: int | None = None
    #: The numbers of the sessions that meet it, in their order, where they are known.
    numbers: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Way:
    """How a list is read: an index, the conditions that its entries tell, and those for which rows are read."""

    index: Index
    entries: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()
    needed: frozenset[str] = frozenset()

    def rows(self) -> str:
        """From FROM on."""
        return f"FROM {self.index.joined(self.needed)} WHERE {' AND '.join([*self.entries, *self.rest]) or '1 = 1'}"

    def narrowed(self, conditions: Sequence[str]) -> Way:
        """With more conditions that entries tell."""
        return replace(self, entries=(*self.entries, *conditions))


def way_to(tx: Tx, statement: Statement, demands: Sequence[Demand], *, side: bool | None) -> Way:
    """The way to those that meet all demands."""
    chosen, index = _choice(tx, statement, demands)
    rest = [one for one in demands if one is not chosen or not one.is_told]
    if index is None:
        index = _WALKED["s" if any(one.on == "s" for one in rest) else "v"]
    return plain_way(index, rest, side=side).narrowed([chosen.entry] if chosen else [])


def plain_way(index: Index, demands: Sequence[Demand], *, side: bool | None) -> Way:
    """An index, and all demands held against it."""
    entries = () if side is None else (index.only_side if side else index.no_side,)
    return Way(index, entries, tuple(one.condition for one in demands), frozenset(one.on for one in demands))


def fewest(tx: Tx, statement: Statement, demands: Sequence[Demand], most: int = FEW) -> Demand | None:
    """The demand that the fewest meet, if they are fewer than so many."""
    counted = [(_how_many(tx, statement, one, most), place) for place, one in enumerate(demands) if one.few is not None]
    count, place = min(counted, default=(most, 0))
    return demands[place] if count < most else None


def _choice(tx: Tx, statement: Statement, demands: Sequence[Demand]) -> tuple[Demand | None, Index | None]:
    """The demand that the fewest meet, or else the first that has an index, and that index."""
    known = [one for one in demands if one.few is not None]
    if len(known) == 1 and known[0].few == known[0].many:
        return known[0], known[0].many
    if few := fewest(tx, statement, known):
        return few, few.few
    many = next((one for one in known if one.many is not None), None)
    return many, None if many is None else many.many


def _how_many(tx: Tx, statement: Statement, demand: Demand, most: int) -> int:
    """How many entries its index has; counting ends at `most`."""
    if demand.numbers is not None:
        return min(len(demand.numbers), most)
    assert demand.few is not None
    text = f"SELECT count(*) FROM (SELECT 1 FROM {demand.few.source} WHERE {demand.entry} LIMIT {most})"  # noqa: S608 - fixed parts only
    ((count,),) = tx.ask(text, statement.values)
    return int(count)
