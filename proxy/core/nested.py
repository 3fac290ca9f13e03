"""What stands inside of stored JSON, as queries ask for it; the functions that an SQL engine is lent.

All take JSON as text (None: nothing is stored), never raise on what was stored, and answer None where there is nothing.
A path leads through objects by their keys. A path and a value that is looked for are JSON, too, so that they can be bound.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import orjson

from .content import json_text

if TYPE_CHECKING:
    from collections.abc import Callable

#: A text that is a number: as JSON writes it, and with a sign or without a digit before or after the point.
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
#: As the APIs have it: in all, or for what was asked and what was answered.
_TOKENS = (("total_tokens",), ("prompt_tokens", "completion_tokens"), ("input_tokens", "output_tokens"))


def text_at(stored: str | None, path: str) -> str | None:
    """What stands at a path, as text: a string as it is, all else as JSON."""
    found = _at(stored, path)
    return None if found is None else json_text(found)


def number_at(stored: str | None, path: str) -> float | None:
    """The number at a path, or in the text there."""
    return _number(_at(stored, path))


def _number(found: Any) -> float | None:
    if type(found) is int:  # as nearly all are
        return float(found)
    if isinstance(found, str) and _NUMBER.fullmatch(found):
        found = float(found)
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return float(found)


def tokens_in(stored: str | None) -> float | None:
    """The tokens of an answer by the `usage` among its properties: in all as said there, or what went in and came out together."""
    usage = _at(stored, '["usage"]')
    if not isinstance(usage, dict):
        return None
    for names in _TOKENS:
        counts = [count for name in names if (count := _number(usage.get(name))) is not None]
        if len(counts) == len(names):
            return sum(counts)
    return None


def keys_of(stored: str | None) -> str | None:
    """The keys of an object as an array of JSON texts: SQLite ends a text that it takes out of JSON at a NUL."""
    found = _at(stored, "[]")
    return orjson.dumps([orjson.dumps(key).decode() for key in found]).decode() if isinstance(found, dict) else None


def matches(stored: str | None, path: str, operator: str, wanted: str) -> bool:
    """Whether what stands at a path passes one of the operators that look into JSON (`query_where.LOOKS`)."""
    found = _at(stored, path)
    return found is not None and _LOOKS[operator](found, _read(wanted))


def holds(whole: Any, part: Any) -> bool:
    """Whether JSON contains JSON, as PostgreSQL's `@>` has it: an array holds a scalar, too, in no order."""
    if isinstance(whole, list) and not isinstance(part, list | dict):
        return any(_is_same(one, part) for one in whole)
    return _holds(whole, part)


def _holds(whole: Any, part: Any) -> bool:
    if isinstance(whole, dict) and isinstance(part, dict):
        return all(key in whole and _holds(whole[key], value) for key, value in part.items())
    if isinstance(whole, list) and isinstance(part, list):
        return all(any(_holds(one, value) for one in whole) for value in part)
    return _is_same(whole, part)


def _is_same(one: Any, other: Any) -> bool:
    """Whether two scalars are equal; `true` is not 1."""
    if isinstance(one, list | dict) or isinstance(other, list | dict):
        return False
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


def _has_scalars(found: Any, wanted: Any) -> bool:
    every = wanted if isinstance(wanted, list) else [wanted]
    return isinstance(found, list) and all(any(_is_same(one, value) for one in found) for value in every)


_LOOKS: dict[str, Callable[[Any, Any], bool]] = {
    "arrayContains": _has_scalars,
    "jsonContains": holds,
    "jsonContainedBy": lambda found, wanted: holds(wanted, found),
    "jsonHasKey": lambda found, wanted: isinstance(found, dict) and wanted in found,
    "jsonHasAnyKey": lambda found, wanted: isinstance(found, dict) and any(key in found for key in wanted),
    "jsonHasAllKeys": lambda found, wanted: isinstance(found, dict) and all(key in found for key in wanted),
    "jsonArrayContainsObject": lambda found, wanted: (
        isinstance(found, list) and any(isinstance(one, dict) and _holds(one, wanted) for one in found)
    ),
}


def _at(stored: str | None, path: str) -> Any:
    if stored is None:
        return None
    try:
        found = orjson.loads(stored)
    except orjson.JSONDecodeError:  # a disk has damaged it
        return None
    for key in _read(path):
        if not isinstance(found, dict):
            return None
        found = found.get(key)
    return found


@lru_cache(maxsize=256)
def _read(bound: str) -> Any:
    """Bound JSON, the same for every row of a query; not to be changed."""
    return orjson.loads(bound)
