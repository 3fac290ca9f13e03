"""Figures of the sessions that began within a span: in all, by time, and by a mark; beside those of the span before.

A session counts, with all that belongs to it, where it began. Without a filter the figures are put together from kept
sums (`keeping.py`), so that they cost as much as there are hours, days and models, not messages; what is not summed yet is
summed on the way, so that they are exact all the same. With a filter the sessions that pass it are summed, out of
sums of whole weeks by trait (`trait_weeks.py`), sheaves of those that say some words (`sheaves.py`), or one by one. Works of a
transaction that only read, in bounded time (`ApiError` 422).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from ..core.buckets import bucket_after, bucket_of, buckets, runs
from ..core.cover import cover
from ..core.tally import Tally, unpacked
from ..core.tally import figures as told
from .gathering import ALL, gathered, having, numbered, numbers_of
from .grouping import FEW_VALUES, by_property, values_of
from .sayings import numbers_having, numbers_within
from .sheaves import sheaf_weeks, sheaves_of
from .statements import bucket
from .trait_weeks import beside, fresh_weeks, week_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ..db.sqlite import Tx
    from .gathering import Chosen

#: Groups that are told; what is beyond has a handful of sessions each.
GROUPS = 50


@dataclass(frozen=True, slots=True)
class Asked:
    """What figures are asked for."""

    #: Unix milliseconds, from and before.
    since: int
    until: int
    unit: str = "day"
    #: A filter of sessions; None: all of them.
    chosen: Chosen | None = None
    #: Marks that must be so.
    model: str | None = None
    endpoint: str | None = None
    with_side: bool = False
    #: `model`, `endpoint`, or else a property.
    by: str = "model"
    property: str | None = None


@dataclass(slots=True)
class Figures:
    """The tallies."""

    total: Tally = field(default_factory=Tally)
    #: By the beginning of each bucket of the span, those without a session too.
    series: dict[int, Tally] = field(default_factory=dict)
    groups: dict[str | None, Tally] = field(default_factory=dict)
    #: Who came first within the span, and within each bucket.
    newcomers: set[int] = field(default_factory=set)
    newcomers_of: dict[int, set[int]] = field(default_factory=dict)

    def top(self) -> list[tuple[str | None, Tally]]:
        """The groups with the most sessions."""
        return sorted(self.groups.items(), key=lambda one: (-one[1].sessions, one[0] or ""))[:GROUPS]


def figures(tx: Tx, asked: Asked) -> Figures:
    """All of them."""
    found = Figures(series={start: Tally() for start in buckets(asked.since, asked.until, asked.unit)})
    pieces = _pieces(tx, asked) if asked.property is None else _by_property(tx, asked, asked.property)
    cells: dict[tuple[int, str | None], Tally] = {}
    for start, group, tally in pieces:  # most are the only one of their cell, and those of a day's hours are many
        if (start, group) in cells:
            cells[start, group].add(tally)
        else:
            cells[start, group] = tally
    for (start, name), tally in cells.items():
        found.series[start].add(tally)
        found.groups.setdefault(name, Tally()).add(tally)
    for tally in found.groups.values():
        found.total.add(tally)
    for start in found.series:
        came = _newcomers(tx, max(start, asked.since), min(bucket_after(start, asked.unit), asked.until))
        found.newcomers_of[start] = came
        found.newcomers |= came
    return found


def earlier(tx: Tx, asked: Asked) -> tuple[dict[str, Any], dict[str | None, dict[str, Any]]]:
    """What is told in all, for the span before, and of its groups: none by a property, for which all would be summed anew."""
    by = asked.by if asked.property is None else "model"
    found, groups = Tally(), dict[str | None, Tally]()
    for _, group, tally in _pieces(tx, replace(asked, by=by, property=None), "month"):
        groups.setdefault(group, Tally()).add(tally)
    for tally in groups.values():
        found.add(tally)
    newcomers = _newcomers(tx, asked.since, asked.until)
    by_group = {name: told(tally, newcomers) for name, tally in groups.items()}
    return told(found, newcomers), by_group if asked.property is None else {}


def _newcomers(tx: Tx, since: int, until: int) -> set[int]:
    """Who came first within a span."""
    row = tx.one("newcomers", since=since, until=until)
    return numbers_of(row["people"] if row else None)


def span(tx: Tx) -> tuple[int, int] | None:
    """From when the first session began until after the last; None when there is none."""
    first, last = tx.one("first_session"), tx.one("last_session")
    if first is None or last is None or first["began"] is None:
        return None
    return first["began"], last["began"] + 1


def _pieces(tx: Tx, asked: Asked, longest: str = "") -> Iterator[tuple[int, str | None, Tally]]:
    """Tallies with their bucket and their mark; where buckets do not matter, of units as long as `longest`."""
    # (What is summed now is one tally of a mark, then.)
    keys = ["0" if longest else bucket("s.began", asked.unit), f"s.{asked.by}"]
    if asked.chosen is not None:
        if asked.chosen.trait is not None:
            yield from _having(tx, asked, keys, asked.chosen.trait, "" if longest else asked.unit)
        elif asked.chosen.numbers is not None:
            yield from _numbered(
                tx, asked, keys, {None: asked.chosen.numbers}, "" if longest else asked.unit, by_marks=True
            )
        else:
            yield from _filtered(tx, asked, keys)
        return
    stale = [row["hour"] for row in tx.all("stale_hours", since=asked.since, until=asked.until)]
    parts = cover(asked.since, asked.until, stale, longest or asked.unit)
    for unit, starts in parts.kept.items():
        yield from _kept(tx, asked, unit, starts)
    for since, until in parts.loose:
        yield from _filtered(tx, asked, keys, (since, until))


def _kept(tx: Tx, asked: Asked, unit: str, starts: list[int]) -> Iterator[tuple[int, str, Tally]]:
    for since, until in runs(starts, unit):
        for row in tx.all("kept", unit=unit, since=since, until=until):
            if _passes(asked, row["side"], row["model"], row["endpoint"]):
                yield bucket_of(row["start"], asked.unit), row[asked.by], unpacked(row["tally"])


def _having(tx: Tx, asked: Asked, keys: list[str], trait: int, unit: str) -> Iterator[tuple[int, str, Tally]]:
    """Of the sessions that have a trait: whole weeks out of kept sums, what is beside them summed now."""
    weeks = fresh_weeks(tx, asked.since, asked.until, unit)
    for start in weeks:
        for side, model, endpoint, tally in week_of(tx, trait, start):
            if _passes(asked, side, model, endpoint):
                yield bucket_of(start, asked.unit), model if asked.by == "model" else endpoint, tally
    for since, until in beside(asked.since, asked.until, weeks):
        yield from _filtered(tx, replace(asked, chosen=having((trait,), since, until)), keys, (since, until))


def _numbered(
    tx: Tx, asked: Asked, keys: list[str], groups: Mapping[str | None, Sequence[int]], unit: str, *, by_marks: bool
) -> Iterator[tuple[int, str | None, Tally]]:
    """Of the sessions with the numbers of each group: whole weeks out of sheaves, what is beside them summed now."""
    weeks = sheaf_weeks(tx, asked.since, asked.until, sorted(chain.from_iterable(groups.values())))
    wanted = {name: frozenset(numbers) for name, numbers in groups.items()} if weeks else {}
    for start in weeks:
        since, until = max(asked.since, start), min(asked.until, bucket_after(start, "week"))
        starts = [*buckets(since, until, unit)] if unit else [since]
        for sheaf in sheaves_of(tx, start):
            meant = {name: sheaf.among(numbers) for name, numbers in wanted.items()}
            for stretch in sheaf.stretches:
                for one in starts if _passes(asked, *stretch.marks) else ():
                    end = min(until, bucket_after(one, unit)) if unit else until
                    places = sheaf.within(stretch, max(one, since) - start, end - start)
                    for name, mask in meant.items():
                        if tally := sheaf.tally(*places, mask):
                            group = stretch.mark(asked.by) if by_marks else name
                            yield bucket_of(one, asked.unit), group, tally
    for since, until in beside(asked.since, asked.until, weeks):
        first, end = numbers_within(tx, since, until)
        for name, numbers in groups.items():
            some = numbered(numbers[bisect_left(numbers, first) : bisect_left(numbers, end)], since, until)
            for start, mark, tally in _filtered(tx, replace(asked, chosen=some), keys, (since, until)):
                yield start, mark if by_marks else name, tally


def _numbered_by(
    tx: Tx, asked: Asked, numbers: tuple[int, ...], values: dict[int, str]
) -> Iterator[tuple[int, str | None, Tally]]:
    """The same, by few values of a property: those that have each, and those that have none."""
    left = set(numbers)
    groups: dict[str | None, Sequence[int]] = {}
    for trait, value in values.items():
        some = left & numbers_having(tx, trait, asked.since, asked.until)
        left -= some
        groups[value] = sorted(some)
    keys = [bucket("s.began", asked.unit), "s.side"]
    yield from _numbered(tx, asked, keys, {**groups, None: sorted(left)}, asked.unit, by_marks=False)


def _passes(asked: Asked, side: int, model: str, endpoint: str) -> bool:
    """Whether sums with some marks are meant."""
    return (
        (asked.with_side or not side)
        and (asked.model is None or model == asked.model)
        and (asked.endpoint is None or endpoint == asked.endpoint)
    )


def _filtered(
    tx: Tx, asked: Asked, keys: list[str], within: tuple[int, int] | None = None
) -> Iterator[tuple[int, str, Tally]]:
    """Sums made now, of the sessions that pass."""
    chosen = _passing(asked, *(within or (asked.since, asked.until)))
    for (start, group), tally in gathered(tx, chosen, keys).items():
        yield start, group, tally


def _by_property(tx: Tx, asked: Asked, name: str) -> Iterator[tuple[int, str | None, Tally]]:
    """The same, by what a property is: of all sessions whole weeks out of kept sums, if each session has one of few values."""
    values = values_of(tx, name)
    if (
        asked.chosen is not None
        and asked.chosen.numbers is not None
        and values is not None
        and len(values) <= FEW_VALUES
    ):
        yield from _numbered_by(tx, asked, asked.chosen.numbers, values)
        return
    weeks = []
    if asked.chosen is None and values is not None and 0 < len(values) <= FEW_VALUES:
        for start in fresh_weeks(tx, asked.since, asked.until, asked.unit):
            sums = {trait: week_of(tx, trait, start) for trait in values}
            counted = sum(one.tally.sessions for week in sums.values() for one in week)
            row = tx.one("sessions_of", since=start, until=bucket_after(start, "week"))
            if row is not None and row["sessions"] == counted:
                weeks.append(start)
                for trait, week in sums.items():
                    for side, model, endpoint, tally in week:
                        if _passes(asked, side, model, endpoint):
                            yield bucket_of(start, asked.unit), values[trait], tally
    for since, until in beside(asked.since, asked.until, weeks):
        chosen = _passing(asked, since, until)
        grouping = by_property(chosen, name, values, since, until, filtered=asked.chosen is not None)
        for (start, group), tally in gathered(
            tx, grouping.chosen, [bucket("s.began", asked.unit), grouping.key]
        ).items():
            yield start, grouping.names.get(group, group), tally


def _passing(asked: Asked, since: int, until: int) -> Chosen:
    """The sessions of a span that are meant."""
    chosen = (asked.chosen or ALL).within(since, until)
    chosen = chosen if asked.with_side else chosen.without_side()
    marks = {name: wanted for name in ("model", "endpoint") if (wanted := getattr(asked, name)) is not None}
    return replace(
        chosen,
        conditions=(*chosen.conditions, *(f"s.{name} = :mark_{name}" for name in marks)),
        values=chosen.values | {f"mark_{name}": wanted for name, wanted in marks.items()},
    )
