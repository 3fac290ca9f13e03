"""The filters of the query language: what a row must be like, checked against its view.

    Filter = {condition: {field, operator, value?}} | {and: Filter[]} | {or: Filter[]}

A condition on a JSON field compares what stands at a path (`{path, value}`), or looks into it (the `json…` operators and
`arrayContains`). As in SQL, a row without the value matches `isNull`, and neither a comparison nor its opposite.
An empty `and` is true of every row, an empty `or` of none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .fields import Fields, fault, parse_time, time_text
from .query_fields import FLAG, JSON, NUMBER, TEXT, TIME

if TYPE_CHECKING:
    from collections.abc import Callable

    from .query_fields import View

#: What a column and a value at a path can be compared by.
ORDERS = frozenset(("gt", "gte", "lt", "lte"))
COMPARISONS = ORDERS | {"eq", "neq", "in", "notIn", "isNull", "isNotNull"}
#: What looks into JSON, with the kind of value that it takes.
LOOKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "arrayContains": (
        lambda value: _is_scalar(value) or _holds_only(value, _is_scalar),
        "a scalar or an array of them",
    ),
    "jsonContains": (lambda value: value is not None, "JSON that is not null"),
    "jsonContainedBy": (lambda value: value is not None, "JSON that is not null"),
    "jsonHasKey": (lambda value: isinstance(value, str), "a string"),
    "jsonHasAnyKey": (lambda value: _holds_only(value, _is_text), "an array of strings"),
    "jsonHasAllKeys": (lambda value: _holds_only(value, _is_text), "an array of strings"),
    "jsonArrayContainsObject": (lambda value: isinstance(value, dict), "an object"),
}
OPERATORS = COMPARISONS | LOOKS.keys()
#: Levels of `and` and `or`: what SQLite's parser takes with room to spare, and more than anybody writes.
DEPTH_LIMIT = 16
CONDITIONS_LIMIT = 200
#: Values of all `in` and `notIn` of a filter; SQLite binds 32,766.
VALUES_LIMIT = 10_000
#: JSON values inside one that is looked for: each is held against each stored one.
LOOKED_FOR_LIMIT = 200
PATH_LIMIT = 16


@dataclass(frozen=True, slots=True)
class Condition:
    """
    One comparison.

    Args:
        field: Of the view.
        operator: One of `OPERATORS` that suits the field's kind.
        path: Into JSON; empty: the field itself.
        value: Of the kind that field and operator ask for: times as unix milliseconds; a list for `in` and `notIn`.

    """

    field: str
    operator: str
    path: tuple[str, ...] = ()
    value: Any = None


@dataclass(frozen=True, slots=True)
class Junction:
    """All of some filters, or any of them."""

    all: bool
    parts: tuple[Filter, ...]


Filter = Condition | Junction


def read_filter(given: Any, view: View, faults: list[dict[str, str]], at: str) -> Filter | None:
    """The filter in a body; what is wrong is added to the faults. None: every row, or there are faults."""
    return None if given is None else _Reader(view, faults).filter(given, at, DEPTH_LIMIT)


def read_path(given: Any) -> tuple[str, ...] | None:
    """A path into JSON, empty when absent; None when it is none."""
    if given is None:
        return ()
    is_path = _holds_only(given, _is_text) and len(given) <= PATH_LIMIT
    return tuple(given) if is_path else None


class _Reader:
    def __init__(self, view: View, faults: list[dict[str, str]]) -> None:
        self._view = view
        self._faults = faults
        self._left = CONDITIONS_LIMIT
        self._values_left = VALUES_LIMIT

    def filter(self, given: Any, at: str, levels: int) -> Filter | None:
        kinds = [kind for kind in ("condition", "and", "or") if isinstance(given, dict) and kind in given]
        self._left -= 1
        if len(kinds) != 1:
            self._wrong(at, "must be an object with one of condition, and, or")
            return None
        if self._left < 0 or levels == 0:
            self._wrong(at, f"is past {CONDITIONS_LIMIT} filters or {DEPTH_LIMIT} levels of them")
            return None
        (kind,) = kinds
        inner = given[kind]
        if kind == "condition":
            return self._condition(Fields(inner, self._faults, f"{at}/condition"))
        if not isinstance(inner, list):
            self._wrong(f"{at}/{kind}", "must be an array of filters")
            return None
        parts = []
        for place, one in enumerate(inner):
            parts.append(self.filter(one, f"{at}/{kind}/{place}", levels - 1))
            if self._left < 0:
                return None
        return Junction(kind == "and", tuple(part for part in parts if part is not None))

    def _condition(self, fields: Fields) -> Condition | None:
        name = fields.choice("field", self._view.fields, required=True)
        operator = fields.choice("operator", OPERATORS, required=True)
        if name is None or operator is None:
            return None
        value = fields.given.get("value")
        kind = self._view.fields[name]
        try:
            if kind == JSON:
                return self._counted(_on_json(name, operator, value))
            if operator in LOOKS:
                fields.wrong("operator", f"is not for {name}, which is not JSON")
                return None
            return self._counted(_compared(name, operator, (), value, _CASTS[kind]))
        except _WrongValue as wrong:
            fields.wrong("value", str(wrong))
            return None

    def _counted(self, condition: Condition) -> Condition:
        """The condition, unless the lists of all of them together are too long."""
        self._values_left -= len(condition.value) if isinstance(condition.value, tuple) else 0
        if self._values_left < 0:
            raise _WrongValue(f"is past {VALUES_LIMIT} values in all lists of a filter")
        return condition

    def _wrong(self, at: str, reason: str) -> None:
        self._faults.append(fault(at, reason))


class _WrongValue(Exception):
    """What is wrong with a condition's value."""


def _on_json(name: str, operator: str, value: Any) -> Condition:
    path, inner = _split(value)
    if operator in LOOKS:
        suits, wanted = LOOKS[operator]
        if not suits(inner):
            raise _WrongValue(f"must be {wanted}, or have a path to one of those")
        if _size(inner) > LOOKED_FOR_LIMIT:
            raise _WrongValue(f"must not hold more than {LOOKED_FOR_LIMIT} values")
        return Condition(name, operator, path, inner)
    if not path and operator not in ("isNull", "isNotNull"):
        raise _WrongValue("must be {path, value}: a whole JSON field is not compared")
    return _compared(name, operator, path, inner, _as_scalar)


def _split(value: Any) -> tuple[tuple[str, ...], Any]:
    """The path and value of `{path, value}`; anything else is a value without a path."""
    if isinstance(value, dict) and "path" in value and value.keys() <= {"path", "value"}:
        path = read_path(value["path"])
        if path is None:
            raise _WrongValue("has a path that is no short array of strings")
        return path, value.get("value")
    return (), value


def _compared(name: str, operator: str, path: tuple[str, ...], value: Any, cast: Callable[[Any], Any]) -> Condition:
    """A comparison; with null, `eq` and `neq` are `isNull` and `isNotNull`."""
    if operator in ("isNull", "isNotNull"):
        return Condition(name, operator, path)
    if operator in ("in", "notIn"):
        if not isinstance(value, list):
            raise _WrongValue("must be an array")
        return Condition(name, operator, path, tuple(None if one is None else cast(one) for one in value))
    if value is None and operator in ("eq", "neq"):
        return Condition(name, "isNull" if operator == "eq" else "isNotNull", path)
    cast_value = cast(value)
    if isinstance(cast_value, bool) and operator in ORDERS:
        raise _WrongValue("cannot be more or less than true or false")
    return Condition(name, operator, path, cast_value)


def _as_text(value: Any) -> str:
    if not isinstance(value, str):
        raise _WrongValue("must be a string")
    return value


def _as_number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise _WrongValue("must be a number")
    return float(value)


def _as_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise _WrongValue("must be true or false")
    return value


def _as_time(value: Any) -> int:
    """Unix milliseconds of a text or a number."""
    try:
        if isinstance(value, str):
            return parse_time(value)
        milliseconds = int(_as_number(value))
        time_text(milliseconds)
    except (ValueError, OverflowError) as error:
        raise _WrongValue("must be an ISO-8601 time or unix milliseconds") from error
    return milliseconds


def _as_scalar(value: Any) -> str | float | bool:
    if isinstance(value, str | bool):
        return value
    try:
        return _as_number(value)
    except _WrongValue as wrong:
        raise _WrongValue("must have a string, number, true or false as its value") from wrong


_CASTS: dict[str, Callable[[Any], Any]] = {TEXT: _as_text, NUMBER: _as_number, TIME: _as_time, FLAG: _as_flag}


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _holds_only(value: Any, suits: Callable[[Any], bool]) -> bool:
    return isinstance(value, list) and all(suits(one) for one in value)


def _size(value: Any) -> int:
    """How many JSON values there are in one, itself too."""
    if isinstance(value, dict | list):
        return 1 + sum(map(_size, value.values() if isinstance(value, dict) else value))
    return 1
