"""What the official SDK demands of what is asked and exported; the other half of `sdk_rules`.

A row may lack any key, but where one is there its kind is fixed: most must not be null, aggregates are numbers (never
texts), times of buckets are texts. Keys that the SDK does not know pass through as they are.
"""

import csv
import io
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tests.sdk_rules import (
    NUMBER,
    PROPERTIES,
    TEXT,
    TYPES,
    USER_PROPERTIES,
    Check,
    array,
    is_a,
    nullable,
    one_of,
    shape,
)

AGGREGATE = re.compile(r"(sum|count|countDistinct|avg|min|max)(_.+)?")
BUCKET = re.compile(r"[A-Za-z]+_(hour|day|week|month)")
#: Keys at a path that the SDK declares.
DOTTED = {
    f"{name}.{key}": nullable(TEXT)
    for name in ("properties", "userProperties")
    for key in ("userId", "supportAgentName")
}


def moment(value: Any, at: str) -> Iterator[str]:
    """ISO-8601 with `T` and an offset, as zod's `datetime({offset: true})` takes it."""
    try:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", value)
        datetime.fromisoformat(value)
    except (AssertionError, TypeError, ValueError):
        yield f"{at}: {value!r:.60} is no time"


def texts_by_name(value: Any, at: str) -> Iterator[str]:
    """A map of strings to strings."""
    yield from is_a(dict)(value, at)
    for name, one in value.items() if isinstance(value, dict) else ():
        yield from TEXT(one, f"{at}.{name}")


REASONS = nullable(array(shape({"label": TEXT, "details": TEXT})))
FIELDS: dict[str, dict[str, Check]] = {
    "conversations": dict.fromkeys(("organizationId", "projectId", "integrationId"), nullable(TEXT))
    | {"id": TEXT, "userMessageCount": NUMBER, "firstMessageTime": moment, "type": nullable(one_of(*TYPES))}
    | {"properties": PROPERTIES, "userProperties": USER_PROPERTIES},
    "events": dict.fromkeys(
        ("id", "organizationId", "messageId", "conversationId", "createdAt", "eventType", "type", "searchQuery"), TEXT
    )
    | dict.fromkeys(("projectId", "integrationId"), nullable(TEXT))
    | dict.fromkeys(("properties", "userProperties"), nullable(texts_by_name)),
    "feedback": dict.fromkeys(("id", "messageId", "organizationId", "conversationId", "createdAt", "updatedAt"), TEXT)
    | dict.fromkeys(("projectId", "integrationId", "details"), nullable(TEXT))
    | {"type": one_of("positive", "negative"), "reasons": REASONS, "sources": nullable(array(is_a(dict)))}
    | {"properties": PROPERTIES, "userProperties": USER_PROPERTIES},
    "semantic-threads": dict.fromkeys(
        ("id", "organizationId", "question", "answer", "projectId", "integrationId"), TEXT
    )
    | dict.fromkeys(("firstMessageTime", "lastMessageTime", "lastUpdated"), moment)
    | dict.fromkeys(("hasPositiveFeedback", "hasNegativeFeedback", "isInitialQuestionAnswer"), is_a(bool))
    | {"conversationIds": array(TEXT), "properties": PROPERTIES, "userProperties": USER_PROPERTIES},
}


def row_of(view: str) -> Check:
    known = FIELDS[view] | DOTTED

    def check(value: Any, at: str) -> Iterator[str]:
        yield from is_a(dict)(value, at)
        for key, one in value.items() if isinstance(value, dict) else ():
            if key in known:
                yield from known[key](one, f"{at}.{key}")
            elif AGGREGATE.fullmatch(key):
                yield from NUMBER(one, f"{at}.{key}")
            elif BUCKET.fullmatch(key):
                yield from TEXT(one, f"{at}.{key}")

    return check


def _envelope(view: str) -> Check:
    data = {"result": array(row_of(view)), "total": NUMBER, "pageSize": NUMBER, "count": NUMBER}
    return shape({"status": one_of("ok"), "data": shape(data)})


QUERIES = {view: _envelope(view) for view in FIELDS}
NAMES = shape({"results": array(TEXT)})


def _counted(**columns: Check) -> Check:
    return shape({"data": shape({"result": array(shape(columns)), "total": NUMBER})})


TOP_SEARCHES = _counted(search_query=TEXT, count=TEXT)
WEEKLY_SEARCHERS = _counted(week=TEXT, unique_users=TEXT)
#: What spreadsheets run as a formula where a cell begins with it.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def export_faults(content_type: str, body: bytes) -> list[str]:
    """The breaches of an exported file: a header row, then rows of its width, and no cell that is a formula."""
    faults = [] if content_type.partition(";")[0].strip() == "text/csv" else [f"content type is {content_type}"]
    rows = list(csv.reader(io.StringIO(body.decode(), newline="")))
    if not rows or not any(rows[0]):
        return [*faults, "no header"]
    faults += [f"row {at} has {len(row)} cells" for at, row in enumerate(rows) if len(row) != len(rows[0])]
    cells = [cell for row in rows for cell in row if cell.startswith(FORMULA)]
    return faults + [f"{cell!r:.60} is a formula" for cell in cells if not re.fullmatch(r"-\d[\d.e+-]*", cell)]
