"""A query's filter as the condition of a SELECT; every value of it is bound.

As in SQL, a row without the value matches neither a comparison nor its opposite. What stands at a path in JSON is
compared with a number as a number, and as text with everything else: `5` and `"5"` are the same there, as in results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.query import Source
from ..core.query_where import LOOKS, Condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ..core.query_where import Filter
    from .statements import Statement

_COMPARED = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def condition_of(statement: Statement, where: Filter | None) -> str:
    """A filter's condition; None is true of every row."""
    if where is None:
        return "1 = 1"
    if isinstance(where, Condition):
        return f"({_condition(statement, where)})"
    if not where.parts:
        return "1 = 1" if where.all else "1 = 0"
    return f"({(' AND ' if where.all else ' OR ').join(condition_of(statement, part) for part in where.parts)})"


def _condition(statement: Statement, where: Condition) -> str:
    source = Source(where.field, where.path)
    if where.operator in LOOKS:
        column, path = statement.expression(Source(where.field)), statement.bind_json(where.path)
        operator, wanted = statement.bind(where.operator), statement.bind_json(where.value)
        return f"json_matches({column}, {path}, {operator}, {wanted})"
    if where.operator in ("isNull", "isNotNull"):
        return f"{statement.expression(source)} {'IS NULL' if where.operator == 'isNull' else 'IS NOT NULL'}"
    if where.operator == "in":
        return " OR ".join(_among(statement, source, where.value)) or "1 = 0"
    if where.operator == "notIn":
        return " AND ".join(_not_among(statement, source, where.value)) or "1 = 1"
    operator = _COMPARED[where.operator]
    if isinstance(where.value, float) and source.path:
        number = f"{statement.number(source)} {operator} {statement.bind(where.value)}"
        # What is no number is not equal to one.
        return number if operator != "<>" else f"coalesce({number}, {statement.expression(source)} IS NOT NULL)"
    return f"{statement.expression(source)} {operator} {statement.bind(_plain(source, where.value))}"


def _among(statement: Statement, source: Source, wanted: Sequence[Any]) -> Iterable[str]:
    texts, numbers, has_null = _sorted_out(source, wanted)
    if texts:
        yield f"{statement.expression(source)} IN ({_list(statement, texts)})"
    if numbers:
        yield f"{statement.number(source)} IN ({_list(statement, numbers)})"
    if has_null:
        yield f"{statement.expression(source)} IS NULL"


def _not_among(statement: Statement, source: Source, wanted: Sequence[Any]) -> Iterable[str]:
    texts, numbers, has_null = _sorted_out(source, wanted)
    if texts:
        yield f"{statement.expression(source)} NOT IN ({_list(statement, texts)})"
    if numbers:
        is_none = f"{statement.number(source)} NOT IN ({_list(statement, numbers)})"
        yield f"coalesce({is_none}, {statement.expression(source)} IS NOT NULL)"
    if has_null:
        yield f"{statement.expression(source)} IS NOT NULL"


def _sorted_out(source: Source, wanted: Sequence[Any]) -> tuple[list[Any], list[float], bool]:
    """What is compared as it is (at a path: as text), the numbers to be found at a path, and whether null is among them."""
    given = [one for one in wanted if one is not None]
    numbers = [one for one in given if source.path and isinstance(one, float)]
    return [_plain(source, one) for one in given if not numbers or not isinstance(one, float)], numbers, None in wanted


def _plain(source: Source, value: Any) -> Any:
    """A value as it is bound; what stands at a path is compared as text, so that `true` is `"true"`."""
    return ("true" if value else "false") if source.path and isinstance(value, bool) else value


def _list(statement: Statement, wanted: Iterable[Any]) -> str:
    return ", ".join(statement.bind(one) for one in wanted)
