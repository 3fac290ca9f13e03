"""The sessions that figures are made of, as the list's filter says; with none they come out of kept sums."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..core.query_fields import CONVERSATIONS
from .gathering import Chosen
from .sessions import conditions_of
from .statements import Statement

if TYPE_CHECKING:
    from ..core.session_filter import SessionFilter


def chosen_by(asked: SessionFilter) -> Chosen | None:
    """The sessions that pass a filter; None: all of them. When they began, and side requests, figures decide."""
    among = None if asked.among is None else replace(asked.among, began=None, before=None)
    asked = replace(asked, since=None, until=None, side=None, among=among)
    statement = Statement(CONVERSATIONS)
    conditions = conditions_of(statement, asked)
    return Chosen(tuple(conditions), statement.values, needs_conversation=True) if conditions else None
