"""The query language of the Analytics API: a posted body in, a checked `Query` out.

    {select?: [field | aggregation | time], groupBy?: [...], where?: Filter, orderBy?: [...], limit?, offset?, notes?}

What comes out names only fields of its view, in ways that their kinds allow, each result under the key that the format
gives it; no later step has to doubt it. What is wrong in a body is told in one `ApiError` 400 with a pointer each.
`limit` and `offset` are ours; the official SDK never sends them. Unknown keys are passed over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .fields import Fields, refuse_faults
from .query_fields import JSON, NUMBER, TIME, View
from .query_where import Filter, read_filter, read_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AGGREGATIONS = frozenset(("sum", "count", "countDistinct", "avg", "min", "max"))
TIME_UNITS = frozenset(("hour", "day", "week", "month"))
#: Rows of one answer; the real size is unpublished.
PAGE_LIMIT = 1000
#: Entries of each list in a body: more than any chart has, far from what an SQL engine refuses.
ENTRIES_LIMIT = 50
NOTES_LIMIT = 80
_MODES = frozenset(("unpack", "json"))
_DIRECTIONS = frozenset(("asc", "desc"))


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value comes from: a field, what its JSON holds at a path, or the start of the time it falls in."""

    field: str
    path: tuple[str, ...] = ()
    time_unit: str | None = None


@dataclass(frozen=True, slots=True)
class Column:
    """A value of each row of the result.

    Args:
        key: Its name there.
        source: What it is of; None: whole rows are counted.
        aggregation: How the values of a group become one; None: it is a value of the row, or of the group's key.
        as_json: In a CSV, whether an object stays in one cell.

    """

    key: str
    source: Source | None
    aggregation: str | None = None
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """By a value of the row, shown or not; rows without one come last."""

    column: Column
    descending: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A question about one view; `groups` is None when rows are asked for one by one."""

    view: View
    columns: tuple[Column, ...]
    groups: tuple[Source, ...] | None
    where: Filter | None
    order: tuple[Order, ...] = ()
    limit: int = PAGE_LIMIT
    offset: int = 0


def read_query(body: Any, view: View) -> Query:
    """The question in a body; `ApiError` 400."""
    faults: list[dict[str, str]] = []
    query = _Reader(Fields(body, faults), view, faults).query()
    refuse_faults(faults)
    return query


@dataclass(slots=True)
class _Reader:
    fields: Fields
    view: View
    faults: list[dict[str, str]]
    columns: dict[str, Column] = field(default_factory=dict)
    groups: dict[Source, None] = field(default_factory=dict)

    def query(self) -> Query:
        grouped = [self._group(fields) for fields in self._entries("groupBy")]
        selected = [self._selected(fields) for fields in self._entries("select")]
        is_grouped = bool(grouped) or any(column and column.aggregation for column in selected)
        if not grouped and not selected:
            selected = [Column(name, Source(name)) for name in self.view.fields]
        for column in (*grouped, *selected):
            if column is not None:
                self.columns.setdefault(column.key, column)
                if column.aggregation is None and column.source is not None:
                    self.groups[column.source] = None
        where = read_filter(self.fields.given.get("where"), self.view, self.faults, "/where")
        notes = self.fields.given.get("notes")
        if notes is not None and not (isinstance(notes, str) and len(notes) <= NOTES_LIMIT):
            self.fields.wrong("notes", f"must be a string of up to {NOTES_LIMIT} characters")
        return Query(
            self.view,
            tuple(self.columns.values()),
            tuple(self.groups) if is_grouped else None,
            where,
            tuple(self._orders(is_grouped)),
            self._number("limit", PAGE_LIMIT, PAGE_LIMIT),
            self._number("offset", 0, 2**53),
        )

    def _entries(self, name: str) -> list[Fields]:
        entries = self.fields.items(name) or []
        if len(entries) > ENTRIES_LIMIT:
            self.fields.wrong(name, f"must have {ENTRIES_LIMIT} entries at most")
        return [Fields(one, self.faults, f"/{name}/{at}") for at, one in enumerate(entries[:ENTRIES_LIMIT])]

    def _number(self, name: str, default: int, highest: int) -> int:
        value = self.fields.given.get(name)
        if value is None:
            return default
        if type(value) is int and 0 <= value <= highest:
            return value
        self.fields.wrong(name, f"must be a whole number from 0 to {highest}")
        return default

    def _group(self, fields: Fields) -> Column | None:
        """What is grouped by is a column, too, unless it is not to be shown."""
        source = self._source(fields)
        shown = fields.given.get("includeInSelect")
        if shown is not None and not isinstance(shown, bool):
            fields.wrong("includeInSelect", "must be true or false")
        if source is None:
            return None
        self.groups[source] = None
        return None if shown is False else Column(_dotted(source), source)

    def _selected(self, fields: Fields) -> Column | None:
        readers: dict[str, Callable[[Fields], Column | None]]
        readers = {"field": self._field, "aggregation": self._aggregation, "time": self._time}
        kind = fields.choice("type", readers, required=True)
        return readers[kind](fields) if kind in readers else None

    def _field(self, fields: Fields) -> Column | None:
        source = self._source(fields)
        mode = fields.choice("mode", _MODES)
        if mode == "json" and fields.given.get("path"):
            fields.wrong("path", "is not allowed with the mode json")
        return Column(_dotted(source), source, as_json=mode == "json") if source else None

    def _aggregation(self, fields: Fields) -> Column | None:
        kind = fields.choice("aggregation", AGGREGATIONS, required=True)
        if kind == "count" and fields.given.get("field") is None and not fields.given.get("path"):
            return Column("count", None, "count")
        source = self._source(fields)
        if source is None or kind is None:
            return None
        if kind not in ("count", "countDistinct") and not self._can_be_number(source, kind):
            fields.wrong("field", f"has no {kind}: it holds no numbers")
        return Column(f"{kind}_{_dotted(source)}", source, kind)

    def _can_be_number(self, source: Source, aggregation: str) -> bool:
        kind = self.view.fields[source.field]
        return kind == NUMBER or bool(source.path) or (kind == TIME and aggregation in ("min", "max"))

    def _time(self, fields: Fields) -> Column | None:
        unit = fields.choice("timeUnit", TIME_UNITS, required=True)
        name = fields.given.get("field")
        name = self.view.time if name is None else name
        if not isinstance(name, str) or self.view.fields.get(name) != TIME:
            fields.wrong("field", "must be a field that holds times")
            return None
        return Column(f"{name}_{unit}", Source(name, time_unit=unit)) if unit else None

    def _source(self, fields: Fields) -> Source | None:
        """The field of an entry, with its path."""
        name = fields.choice("field", self.view.fields, required=True)
        path = read_path(fields.given.get("path"))
        if path is None:
            fields.wrong("path", "must be a short array of strings")
        elif path and name and self.view.fields[name] != JSON:
            fields.wrong("path", f"cannot lead into {name}, which is not JSON")
        return Source(name, path or ()) if name else None

    def _orders(self, is_grouped: bool) -> list[Order]:
        found = [self._order(fields, is_grouped) for fields in self._entries("orderBy")]
        return [order for order in found if order is not None]

    def _order(self, fields: Fields, is_grouped: bool) -> Order | None:
        direction = fields.choice("direction", _DIRECTIONS)
        key = fields.name("field", required=True)
        column = self._by_key(is_grouped).get(key) if key else None
        if key is not None and column is None:
            fields.wrong("field", "must be a key of the result")
        elif column and column.aggregation is None and column.source and self._is_whole_json(column.source):
            fields.wrong("field", "cannot be ordered by: it holds JSON")
        elif column:
            return Order(column, direction == "desc")
        return None

    def _by_key(self, is_grouped: bool) -> Mapping[str, Column]:
        """What a result can be ordered by: its keys, groups that are not shown, and of plain rows all fields."""
        more = self.groups if is_grouped else [Source(name) for name in self.view.fields]
        return {_dotted(source): Column(_dotted(source), source) for source in more} | self.columns

    def _is_whole_json(self, source: Source) -> bool:
        return self.view.fields[source.field] == JSON and not source.path


def _dotted(source: Source) -> str:
    """A source's name in results."""
    key = ".".join((source.field, *source.path))
    return key if source.time_unit is None else f"{key}_{source.time_unit}"
