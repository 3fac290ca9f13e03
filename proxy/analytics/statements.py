"""A checked `Query` as one SELECT of SQLite's: names out of fixed tables, everything a caller said as bound values.

JSON is looked into by the functions of `core/nested.py`, which the connection is lent (`FUNCTIONS`): a path is a bound
value, too, whatever it is made of. Another engine needs other `_FIELDS`, `bucket` and functions of the same names.
Missing values stand last in every order, and no order is left open, so that the same question has the same answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from ..core.buckets import LENGTHS
from ..core.nested import keys_of, matches, number_at, text_at, tokens_in
from ..core.query import Source
from ..core.query_fields import CONVERSATIONS, EVENTS, FEEDBACK, SEMANTIC_THREADS
from .conditions import condition_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.query import Query
    from ..core.query_fields import View
    from ..core.query_where import Filter

#: What a connection needs to know for these statements.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "json_text": text_at,
    "json_number": number_at,
    "json_keys": keys_of,
    "json_matches": matches,
    "tokens_in": tokens_in,
}

_SHARED = {
    "id": "v.id",
    "type": "v.type",
    "projectId": "v.project_id",
    "integrationId": "v.integration_id",
    "properties": "v.properties",
    "userProperties": "v.user_properties",
    "createdAt": "v.created_at",
    "messageId": "v.message",
    "conversationId": "v.conversation",
}
#: What a field is in its table; those that are not named have no value here.
_FIELDS = {
    CONVERSATIONS.name: _SHARED
    | {"userMessageCount": "v.user_message_count", "firstMessageTime": "v.first_message_time"},
    EVENTS.name: _SHARED | {"eventType": "v.entity_type", "searchQuery": "v.search_query"},
    FEEDBACK.name: _SHARED
    | {
        "updatedAt": "v.updated_at",
        "reasons": "v.reasons",
        "sources": "v.sources",
        "details": "v.details",
        "projectId": "(SELECT project_id FROM conversation WHERE conversation.id = v.conversation)",
        "integrationId": "(SELECT integration_id FROM conversation WHERE conversation.id = v.conversation)",
    },
    SEMANTIC_THREADS.name: {},
}
#: A view's rows; feedback whose message has not been logged is none yet.
_ROWS = {
    CONVERSATIONS.name: ("conversation AS v", "1 = 1"),
    EVENTS.name: ("event AS v", "1 = 1"),
    FEEDBACK.name: ("feedback AS v", "v.conversation IS NOT NULL"),
    SEMANTIC_THREADS.name: ("(SELECT NULL AS id) AS v", "1 = 0"),
}


@dataclass(slots=True)
class Statement:
    """A SELECT with its values; the columns of its rows are those of the query, in their order, and some more."""

    view: View
    text: str = ""
    values: dict[str, Any] = field(default_factory=dict)

    def bind(self, value: Any) -> str:
        """The name that a value is bound to."""
        name = f"v{len(self.values)}"
        self.values[name] = value
        return f":{name}"

    def bind_json(self, value: Any) -> str:
        """The name that a value's JSON is bound to."""
        return self.bind(orjson.dumps(value).decode())

    def expression(self, source: Source) -> str:
        """A value of a row."""
        column = _FIELDS[self.view.name].get(source.field, "NULL")
        if source.time_unit is not None:
            return bucket(column, source.time_unit)
        return f"json_text({column}, {self.bind_json(source.path)})" if source.path else column

    def number(self, source: Source) -> str:
        """The number at a path."""
        return f"json_number({self.expression(Source(source.field))}, {self.bind_json(source.path)})"

    def rows(self, where: Filter | None) -> str:
        """The rows that a filter lets through, from FROM on."""
        table, which = _ROWS[self.view.name]
        return f"FROM {table} WHERE {which} AND {condition_of(self, where)}"


def select(query: Query, *, page: bool = True) -> Statement:
    """The rows of a query, those of its page or all."""
    statement = Statement(query.view)
    aliases = _Aliases(statement)
    for column in query.columns:
        aliases.of(column.source, column.aggregation)
    groups = [aliases.of(source) for source in query.groups or ()]
    order = []
    for one in query.order:
        value = (one.column.source, one.column.aggregation)
        order.append(_ordered(aliases.of(*value), descending=one.descending, is_filled=_is_filled(query, *value)))
    if query.groups is not None:
        order += [_ordered(alias, descending=False) for alias in groups]
    else:
        time = aliases.of(Source(query.view.time))
        order += [*([] if query.order else [_ordered(time, descending=True, is_filled=True)]), "v.id"]
    parts = [f"SELECT {', '.join(aliases.selected)}", statement.rows(query.where)]
    parts += [f"GROUP BY {', '.join(groups)}"] if groups else []
    parts += [f"ORDER BY {', '.join(order)}"] if order else []
    if page:
        parts.append(f"LIMIT {statement.bind(query.limit)} OFFSET {statement.bind(query.offset)}")
    statement.text = "\n".join(parts)
    return statement


def count(query: Query) -> Statement:
    """How many rows a query has, on all pages."""
    statement = Statement(query.view)
    rows = statement.rows(query.where)
    if query.groups:
        groups = [f"{statement.expression(source)} AS g{place}" for place, source in enumerate(query.groups)]
        names = ", ".join(f"g{place}" for place in range(len(groups)))
        rows = f"FROM (SELECT {', '.join(groups)} {rows} GROUP BY {names})"
    statement.text = f"SELECT count(*) {rows}"
    return statement


def keys(view: View, name: str, where: Filter | None, limit: int) -> Statement:
    """The first of the distinct keys at the top of a view's JSON field, each as a JSON text, in the order of those."""
    statement = Statement(view)
    column = _FIELDS[view.name].get(name, "NULL")
    table, which = _ROWS[view.name]
    statement.text = (
        f"SELECT DISTINCT inside.value FROM {table}, json_each(json_keys({column})) AS inside "  # noqa: S608 - fixed parts only
        f"WHERE {which} AND {condition_of(statement, where)} ORDER BY inside.value LIMIT {statement.bind(limit)}"
    )
    return statement


def values(view: View, source: Source, where: Filter | None, limit: int) -> Statement:
    """The first of the distinct texts that a source has, in their order."""
    statement = Statement(view)
    column = statement.expression(source)
    statement.text = (
        f"SELECT DISTINCT {column} AS c0 {statement.rows(where)} AND {column} IS NOT NULL "
        f"ORDER BY c0 LIMIT {statement.bind(limit)}"
    )
    return statement


class _Aliases:
    """The select list; what is in it already keeps its name. A query's columns, put in first, stand in their order."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._names: dict[tuple[Source | None, str | None], str] = {}
        self.selected: list[str] = []

    def of(self, source: Source | None, aggregation: str | None = None) -> str:
        """The name of a value, which is selected unless it is already."""
        known = (source, aggregation)
        if known not in self._names:
            self._names[known] = f"c{len(self.selected)}"
            self.selected.append(f"{_value(self._statement, *known)} AS {self._names[known]}")
        return self._names[known]


def _value(statement: Statement, source: Source | None, aggregation: str | None) -> str:
    if source is None:
        return "count(*)"
    if aggregation in (None, "count", "countDistinct"):
        expression = statement.expression(source)
        counted = {"count": f"count({expression})", "countDistinct": f"count(DISTINCT {expression})"}
        return counted[aggregation] if aggregation else expression
    column = statement.expression(Source(source.field))
    return f"{aggregation}({statement.number(source) if source.path else column})"


def bucket(time: str, unit: str) -> str:
    """The start of the span that a time falls in, in UTC; SQLite's remainder of what is negative is negative."""
    if unit == "month":
        return (
            f"CAST(strftime('%s', {_floored(time, 1000, 0)} / 1000, 'unixepoch', 'start of month') AS INTEGER) * 1000"
        )
    return _floored(time, *LENGTHS[unit])


def _floored(time: str, length: int, before: int) -> str:
    return f"({time} - (({time} + {before}) % {length} + {length}) % {length})"


def _is_filled(query: Query, source: Source | None, aggregation: str | None) -> bool:
    """Whether a value is never missing, so that an index can give the order."""
    if aggregation in ("count", "countDistinct") or source is None:
        return True
    return aggregation is None and not source.path and source.field in query.view.filled


def _ordered(name: str, *, descending: bool, is_filled: bool = False) -> str:
    return f"{name}{' DESC' if descending else ''}{'' if is_filled else ' NULLS LAST'}"
