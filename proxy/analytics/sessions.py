"""The list of conversations: those that pass a filter, last changed first, a page at a time.

    (asked, page) ──► find ──► ids of the page, how many pass in all, where the next page begins
                                    │
            answers (API: whole conversations)    lines, every_line (pages, their export: what a list shows of each)

Works of a transaction that only read, in bounded time (`ApiError` 422). The first of equal times is the smaller id, so
that a page after a place neither repeats nor leaves out what stood still. The SELECT is made of fixed parts; everything
that somebody asked for is bound. Another engine has another full-text search (`_said`) and other JSON (`_USER`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from ..core.query import Source
from ..core.query_fields import CONVERSATIONS
from ..core.session_filter import OFFSET_LIMIT, Page, Place, cursor_of
from . import conversations, rows
from .among import among_conditions
from .questions import in_time
from .statements import Statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..core.search_words import Words
    from ..core.session_filter import SessionFilter
    from ..db.sqlite import Tx

#: A list that takes longer holds one of few readers; of a million messages, one takes less than one.
SECONDS = 10.0
#: What people see counted; to count all that there are would take the longer, the more there are.
COUNTED = 1000

#: As in the indexes of the schema, or they are not used.
_USER = (
    "CASE WHEN json_valid(v.user_properties) THEN CAST(coalesce(nullif(json_extract(v.user_properties, '$.userId'), ''), "
    "json_extract(v.user_properties, '$.id')) AS TEXT) END"
)
_KIND = "CASE WHEN json_valid(v.properties) THEN json_extract(v.properties, '$.kind') END"
_MODEL = "CASE WHEN json_valid(v.properties) THEN CAST(json_extract(v.properties, '$.model') AS TEXT) END"


@dataclass(frozen=True, slots=True)
class Sessions:
    """A page of the list as people see it."""

    #: Columns of the conversations, with their `positive` and `negative` feedback counted; JSON is read.
    lines: list[dict[str, Any]]
    #: How many pass the filter, on all pages; None: more than `COUNTED`.
    total: int | None
    #: The `cursor` of the next page; None: this is the last.
    next: str | None


@dataclass(slots=True)
class _Found:
    places: list[Place] = field(default_factory=list)
    total: int = 0
    next: str | None = None


def answers(tx: Tx, asked: SessionFilter, page: Page, most: int = conversations.BYTES_LIMIT) -> dict[str, Any]:
    """A page in the list envelope; beside what the format has, `nextCursor` where the list goes on."""
    found = _find(tx, asked, page)
    conversations.refuse_large(tx, [place.id for place in found.places], most)
    told = [conversations.told(tx, place.id) for place in found.places]
    envelope = {"conversations": told, "total": found.total, "pageSize": page.limit, "count": len(told)}
    return envelope if found.next is None else {**envelope, "nextCursor": found.next}


def lines(tx: Tx, asked: SessionFilter, page: Page) -> Sessions:
    """A page as people see it."""
    found = _find(tx, asked, page, COUNTED + 1)
    told = [_line(tx, place.id) for place in found.places]
    return Sessions(told, found.total if found.total <= COUNTED else None, found.next)


def every_line(tx: Tx, asked: SessionFilter) -> Iterator[dict[str, Any]]:
    """All that pass a filter, as people see them, one after the other."""
    statement = _select(asked, Page(OFFSET_LIMIT))
    for row in tx.ask(statement.text, statement.values):
        yield _line(tx, row["id"])


def _line(tx: Tx, name: str) -> dict[str, Any]:
    line = dict(tx.all("session", id=name)[0])
    for column in ("properties", "user_properties", "tags", "disliked"):
        line[column] = rows.json_value(line[column])
    return line


def _find(tx: Tx, asked: SessionFilter, page: Page, most: int = OFFSET_LIMIT) -> _Found:
    """The page, out of one place more than it has, and how many pass; counting may end at `most`."""
    with in_time(tx, SECONDS):
        statement = _searched(asked, page) if asked.words else _select(asked, page)
        told = list(tx.ask(statement.text, statement.values))
        total = told[0]["total"] if told and asked.words else _total(tx, asked, most)
    places = [Place(row["updated_at"], row["id"]) for row in told[: page.limit]]
    return _Found(places, total, cursor_of(places[-1]) if len(told) > page.limit > 0 else None)


def _select(asked: SessionFilter, page: Page) -> Statement:
    """The places of a page, and one more where the list goes on, as an index has them."""
    statement = Statement(CONVERSATIONS)
    cut = _cut(statement, conditions_of(statement, asked), page)
    statement.text = f"SELECT v.updated_at, v.id FROM conversation AS v {cut}"  # noqa: S608 - fixed parts only
    return statement


def _searched(asked: SessionFilter, page: Page) -> Statement:
    """The same where words are looked for: all that pass must be found before the first is known, so that they are counted as well."""
    statement = Statement(CONVERSATIONS)
    passing = f"SELECT v.updated_at, v.id FROM conversation AS v WHERE {_all(conditions_of(statement, asked))}"  # noqa: S608 - fixed parts only
    statement.text = (
        f"WITH v AS MATERIALIZED ({passing}) "  # noqa: S608 - fixed parts only
        f"SELECT updated_at, id, (SELECT count(*) FROM v) AS total FROM v {_cut(statement, [], page)}"
    )
    return statement


def _cut(statement: Statement, conditions: list[str], page: Page) -> str:
    """From WHERE on: the order of the list, and a page of it."""
    if page.after is not None:
        at, name = statement.bind(page.after.updated_at), statement.bind(page.after.id)
        conditions = [*conditions, f"v.updated_at <= {at} AND (v.updated_at < {at} OR v.id > {name})"]
    return (
        f"WHERE {_all(conditions)} ORDER BY v.updated_at DESC, v.id "
        f"LIMIT {statement.bind(page.limit + 1)} OFFSET {statement.bind(page.offset)}"
    )


def _total(tx: Tx, asked: SessionFilter, most: int) -> int:
    """How many pass a filter; counting ends at `most`."""
    statement = Statement(CONVERSATIONS)
    passing = f"SELECT 1 FROM conversation AS v WHERE {_all(conditions_of(statement, asked))}"  # noqa: S608 - fixed parts only
    statement.text = f"SELECT count(*) FROM ({passing} LIMIT {statement.bind(most)})"  # noqa: S608 - fixed parts only
    ((total,),) = tx.ask(statement.text, statement.values)
    return int(total)


def conditions_of(statement: Statement, asked: SessionFilter) -> list[str]:
    """What a conversation `v` must be like."""
    found = [_said(statement, asked.words)] if asked.words else []
    plain = (
        ("v.updated_at >=", asked.since),
        ("v.updated_at <", asked.until),
        (f"{_USER} =", asked.user),
        (f"{_MODEL} =", asked.model),
    )
    found += [f"{compared} {statement.bind(value)}" for compared, value in plain if value is not None]
    for name, value in asked.properties:
        if orjson.dumps(value)[1:-1] == value.encode():
            # What is the value stands in the JSON as it is: most rows need not be read as such.
            found.append(f"instr(v.properties, {statement.bind(value)})")
        found.append(f"{statement.expression(Source('properties', (name,)))} = {statement.bind(value)}")
    for tag in asked.tags:
        found.append(
            f"CASE WHEN json_valid(v.tags) THEN {statement.bind(tag)} IN (SELECT value FROM json_each(v.tags)) END"  # noqa: S608 - fixed parts only
        )
    if asked.feedback is not None:
        kind = "1 = 1" if asked.feedback == "any" else f"type = {statement.bind(asked.feedback)}"
        found.append(f"v.id IN (SELECT conversation FROM feedback WHERE conversation IS NOT NULL AND {kind})")  # noqa: S608 - fixed parts only
    if asked.interrupted is not None:
        found.append(f"v.interrupted = {1 if asked.interrupted else 0}")
    if asked.side is not None:
        found.append(f"{_KIND} IS {'NOT NULL' if asked.side else 'NULL'}")
    return found + (among_conditions(statement, asked.among) if asked.among else [])


def _said(statement: Statement, words: Sequence[Words]) -> str:
    """That one message has all of these words: a message's number tells whose it is (`schema_4.sql`)."""
    # Quoted, whatever is in it is words (https://www.sqlite.org/fts5.html#fts5_strings); there are no quotes in it.
    wanted = " AND ".join(f'"{one.text}"{"*" if one.begins else ""}' for one in words)
    match = f"message_search MATCH {statement.bind(wanted)}"
    return f"v.number IN (SELECT rowid >> 32 FROM message_search WHERE {match})"  # noqa: S608 - fixed parts only


def _all(conditions: Sequence[str]) -> str:
    return " AND ".join(conditions) or "1 = 1"
