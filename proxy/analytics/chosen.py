"""The sessions that figures are made of, as the list's filter says; with none they come out of kept sums."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..core.query_fields import CONVERSATIONS
from .demands import demands_of
from .gathering import Chosen
from .statements import Statement
from .ways import fewest

if TYPE_CHECKING:
    from ..core.session_filter import SessionFilter
    from ..db.sqlite import Tx


def chosen_by(tx: Tx, asked: SessionFilter) -> Chosen | None:
    """The sessions that pass a filter; None: all of them. When they began, and side requests, figures decide."""
    among = None if asked.among is None else replace(asked.among, began=None, before=None)
    asked = replace(asked, since=None, until=None, side=None, among=among)
    statement = Statement(CONVERSATIONS)
    demands = demands_of(tx, statement, asked)
    if not demands:
        return None
    few = fewest(tx, statement, demands)
    return Chosen(
        tuple(one.condition for one in demands if one is not few or not one.is_told),
        statement.values,
        needs_conversation=any(one.on == "v" for one in demands if one is not few or not one.is_told),
        lead=None if few is None or few.few is None else (few.few.sessions(), few.entry),
        by_time=next((one.by_time for one in demands if one.by_time), ""),
    )
