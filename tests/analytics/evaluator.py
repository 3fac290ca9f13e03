"""The query language, evaluated slowly and obviously: rows as dicts, one rule after the other, no SQL.

Written from the rules alone, beside the server's own way; it shares no code with it.
"""

import json
import math
import re
from datetime import UTC, datetime, timedelta

TIMES = {"firstMessageTime", "createdAt", "updatedAt"}
JSON_FIELDS = {"properties", "userProperties", "reasons", "sources"}
FIELDS = {
    "conversations": "id userMessageCount organizationId projectId integrationId firstMessageTime type properties "
    "userProperties",
    "events": "id organizationId messageId conversationId createdAt projectId integrationId eventType type searchQuery "
    "properties userProperties",
    "feedback": "id type messageId createdAt updatedAt organizationId reasons sources details properties "
    "userProperties conversationId projectId integrationId",
}
FIELDS = {view: names.split() for view, names in FIELDS.items()}
TIME_OF = {"conversations": "firstMessageTime", "events": "createdAt", "feedback": "createdAt"}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def evaluate(view, body, rows):
    """The envelope's `data` for a body that is right; a row has every field, times as milliseconds."""
    rows = [row for row in rows if body.get("where") is None or passes(row, body["where"])]
    groups = [("value", one["field"], tuple(one.get("path") or ()), None) for one in body.get("groupBy") or []]
    columns = {}
    for one, what in zip(body.get("groupBy") or [], groups, strict=True):
        if one.get("includeInSelect", True):
            columns.setdefault(key_of(what), what)
    for one in body.get("select") or []:
        what = selected(view, one)
        columns.setdefault(key_of(what), what)
    if not body.get("groupBy") and not body.get("select"):
        columns = {name: ("value", name, (), None) for name in FIELDS[view]}
    is_grouped = bool(groups) or any(what[0] == "aggregate" for what in columns.values())
    if is_grouped:
        groups += [what for what in columns.values() if what[0] != "aggregate" and what not in groups]
        found = grouped(rows, groups, columns)
    else:
        found = [(row, [row]) for row in sorted(rows, key=lambda row: row["id"])]
    found = ordered(view, body, found, groups if is_grouped else None, columns)
    limit, offset = body.get("limit", 1000), body.get("offset", 0)
    page = found[offset : offset + limit]
    result = [told(view, columns, members) for _, members in page]
    return {"result": result, "total": len(found), "pageSize": limit, "count": len(page)}


def selected(view, one):
    path = tuple(one.get("path") or ())
    if one["type"] == "time":
        return ("time", one.get("field") or TIME_OF[view], (), one["timeUnit"])
    if one["type"] == "aggregation":
        return ("aggregate", one.get("field"), path, one["aggregation"])
    return ("value", one["field"], path, None)


def key_of(what):
    kind, field, path, how = what
    dotted = ".".join([field or "", *path])
    if kind == "aggregate":
        return f"{how}_{dotted}" if field else how
    return f"{dotted}_{how}" if kind == "time" else dotted


def raw(row, what):
    """A row's value: milliseconds, a number, a text; JSON whole as its text."""
    kind, field, path, how = what
    if kind == "time":
        return bucket(row[field], how)
    if path:
        return as_text(inside(row[field], path))
    if field in JSON_FIELDS:
        return None if row[field] is None else compact(row[field])
    return row[field]


def inside(value, path):
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def as_text(value):
    return value if value is None or isinstance(value, str) else compact(value)


def as_number(value):
    if isinstance(value, str) and re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", value, re.ASCII):
        value = float(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None


def bucket(milliseconds, unit):
    moment = EPOCH + timedelta(milliseconds=milliseconds)
    start = moment.replace(minute=0, second=0, microsecond=0)
    if unit != "hour":
        start = start.replace(hour=0)
    if unit == "week":
        start -= timedelta(days=start.weekday())
    if unit == "month":
        start = start.replace(day=1)
    return (start - EPOCH) // timedelta(milliseconds=1)


def grouped(rows, groups, columns):
    if not groups:
        return [((), rows)]
    found = {}
    for row in rows:
        found.setdefault(tuple(raw(row, what) for what in groups), []).append(row)
    return list(found.items())


def aggregate(what, members):
    _, field, path, how = what
    if field is None:
        return len(members)
    values = [value for value in (raw(row, ("value", field, path, None)) for row in members) if value is not None]
    if how == "count":
        return len(values)
    if how == "countDistinct":
        return len(set(values))
    if path:
        values = [as_number(inside(row[field], path)) for row in members]
        values = [value for value in values if value is not None]
    if not values:
        return None
    total = math.fsum(values)
    return {"sum": total, "avg": total / len(values), "min": min(values), "max": max(values)}[how]


def ordered(view, body, found, groups, columns):
    """Stable sorts from the last rule to the first; missing values last."""

    def by(value_of, descending=False):
        there = [one for one in found if value_of(one) is not None]
        there.sort(key=value_of, reverse=descending)  # equal ones stay as they were
        return there + [one for one in found if value_of(one) is None]

    if groups is not None:
        for place in reversed(range(len(groups))):
            found = by(lambda one, place=place: one[0][place])
    elif not body.get("orderBy"):
        found = by(lambda one: one[0][TIME_OF[view]], descending=True)
    for order in reversed(body.get("orderBy") or []):
        what = columns.get(order["field"])
        if what is None:
            hidden = {key_of(group): group for group in groups or []}
            what = hidden.get(order["field"], ("value", order["field"], (), None))
        found = by(lambda one, what=what: value_in(one, what), order.get("direction") == "desc")
    return found


def value_in(one, what):
    return aggregate(what, one[1]) if what[0] == "aggregate" else raw(one[1][0], what)


def told(view, columns, members):
    row = {}
    for key, what in columns.items():
        kind, field, path, _ = what
        if kind == "aggregate":
            value = aggregate(what, members)
        elif kind == "value" and field in JSON_FIELDS and not path:
            value = members[0][field]
            if view == "events" and value is not None:
                value = {name: as_text(one) for name, one in value.items() if one is not None}
        else:
            value = raw(members[0], what)
            if kind == "time" or (value is not None and field in TIMES):
                moment = EPOCH + timedelta(milliseconds=value)
                value = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if value is not None:
            row[key] = value
    return row


# ── filters ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def passes(row, where):
    if "and" in where:
        return all(passes(row, part) for part in where["and"])
    if "or" in where:
        return any(passes(row, part) for part in where["or"])
    return holds(row, **where["condition"])


def holds(row, field, operator, value=None):
    there = row[field]
    if field in JSON_FIELDS:
        path = ()
        if isinstance(value, dict) and "path" in value and set(value) <= {"path", "value"}:
            path, value = value["path"], value.get("value")
        there = inside(there, path)
        if operator in LOOKS:
            return there is not None and LOOKS[operator](there, value)
        if operator not in ("isNull", "isNotNull"):
            return compared(operator, value, lambda wanted: relations(there, wanted))
    if field in TIMES and operator not in ("isNull", "isNotNull"):
        value = [instant(one) for one in value] if isinstance(value, list) else instant(value)
    return compared(operator, value, lambda wanted: plain_relations(there, wanted), there)


def instant(value):
    if isinstance(value, str):
        return (datetime.fromisoformat(value) - EPOCH) // timedelta(milliseconds=1)
    return value


def compared(operator, value, relate, there=None):
    if operator in ("isNull", "isNotNull"):
        return (there is None) == (operator == "isNull")
    if operator == "in":
        return any("=" in relate(one) for one in value)
    if operator == "notIn":
        return all("!" in relate(one) for one in value)
    wanted = {"eq": "=", "neq": "!", "gt": ">", "lt": "<", "gte": ">=", "lte": "<="}[operator]
    return any(sign in relate(value) for sign in wanted)


def plain_relations(there, wanted):
    """How two values stand to each other: some of = ! < >; nothing where one is missing."""
    if wanted is None:
        return "=" if there is None else "!"
    if there is None:
        return ""
    if there == wanted:
        return "="
    return "!<" if there < wanted else "!>"


def relations(there, wanted):
    """The same for what stands at a path: with a number as a number, else as text."""
    if wanted is None or there is None:
        return plain_relations(there, wanted)
    if isinstance(wanted, bool):
        wanted = "true" if wanted else "false"
    if isinstance(wanted, str):
        return plain_relations(as_text(there), wanted)
    number = as_number(there)
    return "!" if number is None else plain_relations(number, wanted)


def same(one, other):
    return type(one) is not dict and type(one) is not list and canonical(one) == canonical(other)


def canonical(value):
    """A scalar such that 1 and 1.0 are equal, and 1 and true are not."""
    return ("number", float(value)) if type(value) in (int, float) else (type(value).__name__, value)


def contains(whole, part, top=True):
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            key in whole and contains(whole[key], value, top=False) for key, value in part.items()
        )
    if isinstance(part, list):
        return isinstance(whole, list) and all(any(contains(one, value, top=False) for one in whole) for value in part)
    if isinstance(whole, list):
        return top and any(same(one, part) for one in whole)
    return same(whole, part)


LOOKS = {
    "jsonContains": contains,
    "jsonContainedBy": lambda there, wanted: contains(wanted, there),
    "jsonHasKey": lambda there, wanted: isinstance(there, dict) and wanted in there,
    "jsonHasAnyKey": lambda there, wanted: isinstance(there, dict) and bool(set(wanted) & set(there)),
    "jsonHasAllKeys": lambda there, wanted: isinstance(there, dict) and set(wanted) <= set(there),
    "jsonArrayContainsObject": lambda there, wanted: (
        isinstance(there, list) and any(isinstance(one, dict) and contains(one, wanted, top=False) for one in there)
    ),
    "arrayContains": lambda there, wanted: (
        isinstance(there, list)
        and all(any(same(one, value) for one in there) for value in (wanted if isinstance(wanted, list) else [wanted]))
    ),
}
