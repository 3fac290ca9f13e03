"""The questions after the keys and values of properties: a posted body in, what is asked of which views out.

A filter is that of any view: views that lack a field of it have no say, and one that suits no view is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .fields import Fields, refuse_faults
from .query_fields import CONVERSATIONS, EVENTS, FEEDBACK, SEMANTIC_THREADS
from .query_where import read_filter

if TYPE_CHECKING:
    from .query_fields import View
    from .query_where import Filter

_VIEWS = {
    "conversations_view": CONVERSATIONS,
    "events_view": EVENTS,
    "feedback_view": FEEDBACK,
    "semantic_threads_view": SEMANTIC_THREADS,
}
_PROPERTIES = frozenset(("properties", "userProperties"))
VALUES_DEFAULT = 100
#: Names or values in one answer; a menu has fewer.
NAMES_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Properties:
    """
    A question after keys, or after the values of one.

    Args:
        field: `properties` or `userProperties`.
        views: Which rows, of which views.
        key: Whose values; None: keys are asked for.
        limit: Of the answer.

    """

    field: str
    views: tuple[tuple[View, Filter | None], ...]
    key: str | None = None
    limit: int = NAMES_LIMIT


def read_property_keys(body: Any) -> Properties:
    """The question in a body of `property-keys`; `ApiError` 400."""
    return _read(body, values=False)


def read_property_values(body: Any) -> Properties:
    """The question in a body of `property-values`; `ApiError` 400."""
    return _read(body, values=True)


def _read(body: Any, *, values: bool) -> Properties:
    faults: list[dict[str, str]] = []
    fields = Fields(body, faults)
    name = fields.choice("field", _PROPERTIES, required=True)
    key, limit = fields.given.get("key"), fields.given.get("limit")
    if values and not isinstance(key, str):
        fields.wrong("key", "must be a string")
    if values and limit is not None and not (type(limit) is int and 0 <= limit <= NAMES_LIMIT):
        fields.wrong("limit", f"must be a whole number from 0 to {NAMES_LIMIT}")
    views = _asked_views(fields, faults)
    refuse_faults(faults)
    if not values:
        return Properties(str(name), views)
    return Properties(str(name), views, key, VALUES_DEFAULT if limit is None else limit)


def _asked_views(fields: Fields, faults: list[dict[str, str]]) -> tuple[tuple[View, Filter | None], ...]:
    given = fields.items("views")
    names = list(_VIEWS) if given is None else given
    if not all(isinstance(name, str) and name in _VIEWS for name in names):
        fields.wrong("views", f"must hold only {', '.join(_VIEWS)}")
        return ()
    wrong: list[list[dict[str, str]]] = []
    asked = []
    for name in dict.fromkeys(names):
        faults_here: list[dict[str, str]] = []
        where = read_filter(fields.given.get("where"), _VIEWS[name], faults_here, "/where")
        if faults_here:
            wrong.append(faults_here)
        else:
            asked.append((_VIEWS[name], where))
    if wrong and not asked:
        faults.extend(wrong[0])
    return tuple(asked)
