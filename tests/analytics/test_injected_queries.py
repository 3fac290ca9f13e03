"""Texts that other languages would obey, in every part of a query: each is looked for, and nothing else happens."""

import pytest

from tests.analytics.injections import MOMENT, beside_a_bystander, chat, each, is_

COUNT = {"type": "aggregation", "aggregation": "count"}

pytestmark = each


@pytest.fixture
async def server(client):
    async with beside_a_bystander(client) as server:
        yield server


async def test_filters(server, text):
    """A filter by it finds the one conversation that says it, whatever the operator, and its opposite all others."""
    await server.post("/conversations", chat(text))

    async def found(field, value, operator="eq"):
        return [row["id"] for row in await server.rows(where=is_(field, value, operator))]

    for field in ("id", "projectId", "integrationId"):
        assert await found(field, text) == await found(field, [text, "no"], "in") == [text]
    assert await found("id", text, "neq") == await found("id", [text], "notIn") == ["by"]
    for path in ([text], ["k"]):
        assert await found("properties", {"path": path, "value": text}) == [text]
        assert await found("properties", {"path": path, "value": [text]}, "in") == [text]
    assert await found("properties", {"path": [text]}, "isNotNull") == [text]
    assert await found("properties", {"path": [text, text], "value": text}) == []
    assert await found("properties", {"path": ["k"], "value": text}, "neq") == ["by"]
    for operator, value in (
        ("jsonContains", {"k": text}),
        ("jsonContainedBy", {"k": text, text: text, "more": 1}),
        ("jsonHasKey", text),
        ("jsonHasAnyKey", [text, "no"]),
        ("jsonHasAllKeys", [text, "k"]),
    ):
        assert await found("properties", value, operator) == [text]


async def test_queries(server, text):
    """As the name of a field, kind or direction it is refused; as a path it leads where it says."""
    await server.post("/conversations", chat(text))

    for kind in ("field", "time", "aggregation"):
        right = {"type": kind, "aggregation": "count", "timeUnit": "day", "field": "firstMessageTime"}
        for name in {"field": ("type", "field"), "time": ("timeUnit",), "aggregation": ("aggregation",)}[kind]:
            assert await server.rows(select=[right | {name: text}]) == 400
    assert await server.rows(select=[{"type": "field", "field": "properties", "mode": text}]) == 400
    assert await server.rows(groupBy=[{"field": text}]) == 400
    assert await server.rows(orderBy=[{"field": text, "direction": "asc"}]) == 400
    assert await server.rows(orderBy=[{"field": "id", "direction": text}]) == 400
    assert await server.rows(where=is_("id", "x", text)) == await server.rows(where=is_(text, "x")) == 400
    assert await server.rows(limit=text) == await server.rows(offset=text) == await server.rows(where=text) == 400
    key = f"properties.{text}"
    grouped = await server.rows(
        select=[COUNT, {"type": "aggregation", "aggregation": "countDistinct", "field": "properties", "path": [text]}],
        groupBy=[{"field": "properties", "path": [text]}], orderBy=[{"field": key, "direction": "asc"}], notes=text,
    )  # fmt: skip
    assert grouped == [{key: text, "count": 1, f"countDistinct_{key}": 1}, {"count": 1, f"countDistinct_{key}": 0}]
    assert await server.rows("semantic-threads", select=[COUNT]) == [{"count": 0}]
    assert (await server.post("/query/semantic-threads", {"query": text}))[0] == 200


async def test_names_searches_and_exports(server, text):
    """It is a key, a value, a search and a cell like any other; as a project it is one nobody has."""
    await server.post("/conversations", chat(text))
    views = ["conversations_view"]
    asked = {"field": "properties", "views": views}
    assert (await server.post("/query/property-keys", asked))[1] == {"results": sorted({text, "k"})}
    _, values = await server.post("/query/property-values", asked | {"key": text, "where": is_("id", text)})
    assert values == {"results": [text]}
    for name in ("field", "views", "where"):
        for path in ("property-keys", "property-values"):
            assert (await server.post(f"/query/{path}", asked | {"key": "k", name: text}))[0] == 400

    event = {"type": "x", "searchQuery": text, "projectId": text, "createdAt": MOMENT, "userProperties": {"id": text}}
    assert (await server.post("/events", event))[0] == 200
    _, top = await server.get("/query/top-search-queries", project_id=text)
    assert top["data"] == {"result": [{"search_query": text, "count": "1"}], "total": 1}
    _, weeks = await server.get("/query/weekly-search-users", project_id=text)
    assert weeks["data"]["total"] == 1
    assert (await server.get("/query/top-search-queries", project_id=f"{text}x"))[1]["data"]["total"] == 0

    select = [{"type": "field", "field": "id"}, {"type": "field", "field": "properties"}]
    status, (header, row) = await server.post(
        "/query/conversations/export", {"select": select, "where": is_("id", text)}
    )
    assert status == 200
    assert header == ["id", *sorted(f"properties.{key}" for key in ("k", text))]
    assert [cell in (text, f"'{text}") for cell in row] == [True] * 3
