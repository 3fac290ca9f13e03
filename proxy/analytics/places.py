"""Places in a list, as SQL: within a time, behind another, and so many in their order."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..core.session_filter import Page, SessionFilter
    from .statements import Statement


def within(statement: Statement, asked: SessionFilter, changed: str) -> list[str]:
    """The conditions of those last changed within a filter's time."""
    bounds = ((">=", asked.since), ("<", asked.until))
    return [f"{changed} {compared} {statement.bind(value)}" for compared, value in bounds if value is not None]


def behind(statement: Statement, page: Page, changed: str, name: str) -> list[str]:
    """The condition of those after a page's place; the first of equal times is the smaller id."""
    if page.after is None:
        return []
    at, after = statement.bind(page.after.updated_at), statement.bind(page.after.id)
    return [f"{changed} <= {at} AND ({changed} < {at} OR {name} > {after})"]


def cut(statement: Statement, page: Page, changed: str, name: str) -> str:
    """The order of the list, a page of it, and one more where it goes on."""
    return (
        f"ORDER BY {changed} DESC, {name} LIMIT {statement.bind(page.limit + 1)} OFFSET {statement.bind(page.offset)}"
    )
