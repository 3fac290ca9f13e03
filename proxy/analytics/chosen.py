"""The sessions that figures are made of, as the list's filter says; with none they come out of kept sums."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from ..core.query_fields import CONVERSATIONS
from ..core.session_filter import VALUE_LIMIT
from .demands import demands_of, said_in, traits_are_whole
from .gathering import Chosen, Lead
from .sayings import numbers_having, said_within
from .statements import Statement
from .ways import Demand, fewest, of_sessions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..core.search_words import Words
    from ..core.session_filter import SessionFilter
    from ..db.sqlite import Tx


#: Sessions of a span are counted up to so many, to tell what leads to few of them.
COUNTED = 20_000
#: So few are looked at one by one, whatever the span.
FEW = 50
#: Sessions that say some words, of which a list is held in memory.
SAID = 200_000
_SPAN = "began >= :since AND began < :until"


def chosen_by(tx: Tx, asked: SessionFilter, since: int, until: int, *, by_week: bool = False) -> Chosen | None:
    """The sessions that pass a filter; None: all of them. When they began, and side requests, figures decide.

    Args:
        tx: The transaction.
        asked: The filter.
        since: The span that they are wanted of, in unix milliseconds: what leads to them depends on how many it has.
        until: Before it.
        by_week: Whether weeks that are kept by traits serve: then it matters less what leads to those that have them.

    """
    among = None if asked.among is None else replace(asked.among, began=None, before=None)
    asked = replace(asked, since=None, until=None, side=None, among=among)
    statement = Statement(CONVERSATIONS)
    asked = _by_traits(tx, asked)
    demands = demands_of(tx, statement, replace(asked, words=()), (since, until))
    if asked.words:
        demands.append(_said(tx, statement, asked.words, since, until))
    if not demands:
        return None
    is_kept = by_week and all(one.trait is not None for one in demands)
    few, many = _rarest(tx, statement, demands) if is_kept else _leads(tx, statement, demands, since, until)
    lead = few or many
    rest = [one for one in demands if one is not lead or not one.is_told]
    return Chosen(
        tuple(one.condition for one in rest),
        statement.values,
        needs_conversation=any(one.on == "v" for one in rest),
        lead=None
        if lead is None or lead.few is None
        else Lead(lead.few.sessions(), lead.entry, "" if few else lead.condition),
        by_time=next((one.by_time for one in rest if one.by_time), ""),
        traits=_traits(demands, lead),
        numbers=_numbers(tx, demands, since, until),
    )


def _traits(demands: list[Demand], lead: Demand | None) -> tuple[int, ...] | None:
    """The traits that are asked for, that which leads to them first; None where something else is asked."""
    ordered = sorted(demands, key=lambda one: (one is not lead, not one.is_of_span))
    traits = [one.trait for one in ordered if one.trait is not None]
    return tuple(traits) if len(traits) == len(demands) else None


def _numbers(tx: Tx, demands: list[Demand], since: int, until: int) -> tuple[int, ...] | None:
    """The numbers of those that say some words, and have all traits that are asked for; None where something else is asked."""
    said = next((one.numbers for one in demands if one.numbers is not None), None)
    traits = [one.trait or 0 for one in demands if one.numbers is None]
    if said is None or min(traits, default=1) <= 0:
        return None
    found = set(said)
    for trait in traits:
        found &= numbers_having(tx, trait, since, until)
    return tuple(sorted(found)) if traits else said


def _by_traits(tx: Tx, asked: SessionFilter) -> SessionFilter:
    """Model and endpoint asked for as properties, which lead to their sessions of a span, and of which weeks are kept."""
    named = {"model": asked.model, "endpoint": asked.among.endpoint if asked.among else None}
    told = {name: value for name, value in named.items() if value is not None and _is_name(value)}
    if not told or not traits_are_whole(tx):
        return asked
    among = replace(asked.among, endpoint=None) if asked.among and "endpoint" in told else asked.among
    model = None if "model" in told else asked.model
    return replace(asked, properties=(*asked.properties, *told.items()), model=model, among=among)


def _is_name(value: str) -> bool:
    """Whether it is told as a text alone: what is a number, a flag, a list in one place may be told otherwise in another."""
    return value[0].isalpha() and value not in ("true", "false", "null", "Inf") and len(value) <= VALUE_LIMIT


def _leads(
    tx: Tx, statement: Statement, demands: list[Demand], since: int, until: int
) -> tuple[Demand | None, Demand | None]:
    """What leads to far fewer sessions than there are in the span; or else what leads to none beside the span."""
    if len(demands) == 1 and demands[0].is_of_span:
        return None, demands[0]
    text = f"SELECT count(*) FROM (SELECT 1 FROM session WHERE {_SPAN} LIMIT {COUNTED})"  # noqa: S608 - fixed parts only
    ((sessions,),) = tx.ask(text, {"since": since, "until": until})
    # (What an index has in the order of time anyway needs no lead.)
    few = fewest(tx, statement, [one for one in demands if not one.by_time], max(sessions // 5, FEW))
    of_span = [one for one in demands if one.is_of_span]
    if few or not of_span or any(one.by_time for one in demands):
        return few, None
    return None, (fewest(tx, statement, of_span, COUNTED) if len(of_span) > 1 else None) or of_span[0]


def _rarest(tx: Tx, statement: Statement, demands: list[Demand]) -> tuple[Demand | None, Demand | None]:
    """The same, of what is kept by week unless it is rare."""
    of_span = [one for one in demands if one.is_of_span]
    return None, (fewest(tx, statement, of_span) if len(of_span) > 1 else None) or next(iter(of_span), None)


def _said(tx: Tx, statement: Statement, words: Sequence[Words], since: int, until: int) -> Demand:
    """Words are looked for once: figures ask several times about those that say them."""
    numbers = said_within(tx, words, since, until, SAID)
    if len(numbers) >= SAID:
        return Demand(said_in(statement, words, one_by_one=False), "v")
    bound = statement.bind(orjson.dumps(numbers).decode())
    source = f"json_each({bound}) AS said CROSS JOIN session AS s ON s.number = said.value"
    condition = f"s.number IN (SELECT value FROM json_each({bound}))"  # noqa: S608 - fixed parts only
    return Demand(condition, "s", "1 = 1", of_sessions("", source), numbers=tuple(numbers))
