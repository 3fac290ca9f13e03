"""Sessions told apart by a property, out of their traits (`schema_9.sql`), so that no conversation is read for it.

Where traits do not tell what every session has there, the property is read out of its JSON, at twenty times the cost.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson

from ..core.traits import CROWDED, is_kept, of_property, untold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..db.sqlite import Tx
    from .gathering import Chosen

#: Values that each session is asked about: so many look-ups still cost less than its JSON.
FEW_VALUES = 16
#: Values that are looked through for the sessions of a span; with more, most have none there.
MANY_VALUES = 20_000


@dataclass(frozen=True, slots=True)
class Grouping:
    """Some sessions, and what they are told apart by, as SQL."""

    chosen: Chosen
    key: str
    #: What the key is, in words; those that are not here are words themselves.
    names: dict[Any, str] = field(default_factory=dict)


def by_property(
    chosen: Chosen, name: str, values: dict[int, str] | None, since: int, until: int, *, filtered: bool
) -> Grouping:
    """
    The chosen sessions of a span, by what a property is of each, as text; None where it is not there.

    Args:
        chosen: They.
        name: The property.
        values: Of `values_of`.
        since: Unix milliseconds.
        until: Before it.
        filtered: Whether these are but some of the span's sessions.

    """
    if values is not None and len(values) <= FEW_VALUES:
        key = (
            "(SELECT has.trait FROM trait_time AS has WHERE has.trait IN (SELECT value FROM json_each(:traits)) "
            "AND has.began = s.began AND has.number = s.number)"
        )
        return Grouping(replace(chosen, values=chosen.values | {"traits": _listed(values)}), key, values)
    if values is not None and not filtered:
        told = (
            "told AS MATERIALIZED (SELECT has.number, has.trait FROM json_each(:traits) AS one CROSS JOIN trait_time AS has "
            "ON has.trait = one.value AND has.began >= :told_since AND has.began < :told_until)"
        )
        bound = {"traits": _listed(values), "told_since": since, "told_until": until}
        return Grouping(replace(chosen, values=chosen.values | bound, told=told), "told.trait", values)
    read = replace(chosen, values=chosen.values | {"property": _listed([name])}, needs_conversation=True)
    return Grouping(read, "json_text(v.properties, :property)")


def _listed(values: Iterable[Any]) -> str:
    return orjson.dumps([*values]).decode()


def values_of(tx: Tx, name: str) -> dict[int, str] | None:
    """What a property is of any conversation, by the trait's number; None where traits do not tell, or are too many."""
    if not is_kept(name):
        return None
    marks = {"crowded": CROWDED, "untold": untold(name)}
    if list(tx.ask("SELECT 1 FROM trait_name WHERE trait IN (:crowded, :untold) LIMIT 1", marks)):
        return None
    first = of_property(name, "")
    # (All that begin so, and no others: no name has a `=`, behind which `>` comes.)
    text = "SELECT id, trait FROM trait_name WHERE trait >= :first AND trait < :end LIMIT :limit"
    bounds = {"first": first, "end": f"{first[:-1]}>", "limit": MANY_VALUES + 1}
    found = {row[0]: row[1][len(first) :] for row in tx.ask(text, bounds)}
    return found if len(found) <= MANY_VALUES else None
