"""What insights count of a span, put together: whole weeks as they are kept, if they hold, and what is beside them counted now.

Weeks are kept of all sessions, of those with a trait (a tag, a property, a model) that many of the week's have, and of those
of which something became (a thumb, a failure); when, tells `trait_weeks.py`. Where several such things are asked, the
sessions that are found in all of them are told; those that say some words are told by sheaves (`sheaves.py`).
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from ..core.buckets import bucket_after
from ..core.findings import Findings, unpacked
from .counting import count_failures, counted
from .gathering import having, numbered
from .sayings import numbers_within
from .sheaves import found_sheaves_of, sheaf_weeks
from .trait_weeks import beside, fresh_weeks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..db.sqlite import Tx
    from .gathering import Chosen


def findings(tx: Tx, chosen: Chosen, since: int, until: int) -> Findings:
    """Of the chosen sessions that began within a span."""
    if chosen.numbers is not None:
        return _numbered(tx, chosen.numbers, since, until, with_side=chosen.has_side)
    if chosen.traits is None:
        return counted(tx, chosen.within(since, until))
    each = _kept(tx, chosen.traits, since, until, with_side=chosen.has_side)
    kept = {start: few.only(others) if others else few for start, (few, *others) in each.items()}
    found = _sums(tx, kept) if len(chosen.traits) > 1 else Findings()
    for start, end in sorted([*beside(since, until, [*kept]), *((one, bucket_after(one, "week")) for one in kept)]):
        now = having(chosen.traits, start, end)
        found.add(kept.get(start) or counted(tx, now if chosen.has_side else now.without_side()))
    return found


def _numbered(tx: Tx, numbers: tuple[int, ...], since: int, until: int, *, with_side: bool) -> Findings:
    """Of the sessions that have some numbers: those of whole weeks out of sheaves, what is beside them counted now."""
    weeks = sheaf_weeks(tx, since, until, numbers)
    wanted = frozenset(numbers if weeks else ())
    found = Findings()
    for start, end in sorted([*beside(since, until, weeks), *((one, bucket_after(one, "week")) for one in weeks)]):
        if start in weeks:
            for sheaf in found_sheaves_of(tx, start):
                found.add(sheaf.findings(wanted, since - start, until - start, with_side=with_side))
        else:
            first, last = numbers_within(tx, start, end)
            some = numbered(numbers[bisect_left(numbers, first) : bisect_left(numbers, last)], start, end)
            found.add(counted(tx, some if with_side else some.without_side()))
    return found


def _kept(tx: Tx, traits: Sequence[int], since: int, until: int, *, with_side: bool) -> dict[int, list[Findings]]:
    """What is kept of the weeks of a span that hold, by their beginnings in order: by each trait, that of the fewest first."""
    weeks = fresh_weeks(tx, since, until)
    name = "kept_findings" if len(traits) == 1 else "kept_sessions"
    each = [
        {row["start"]: row for row in tx.all(name, trait=trait, since=since, until=until, with_side=with_side)}
        for trait in (traits if weeks else ())
    ]
    return {
        start: sorted((unpacked(one[start]) for one in each), key=lambda found: len(found.numbers))
        for start in weeks
        if all(start in one for one in each)
    }


def _sums(tx: Tx, kept: dict[int, Findings]) -> Findings:
    """What failed and what was cited in the sessions of some weeks, which are told apart there: looked up once for all."""
    every = Findings()
    for one in kept.values():
        every.add(one)
    count_failures(tx, every)
    every.count_links()
    sums = ("pages", "cited", "disliked", "failures", "reasons")
    return Findings(**{name: getattr(every, name) for name in sums})
