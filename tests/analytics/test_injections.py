"""Texts that other languages would obey, in every field, path and parameter: each is taken for itself, and nothing else happens."""

import csv
import io
from urllib.parse import quote

import orjson
import pytest
from yarl import URL

from tests.analytics.injections import INJECTIONS, OFTEN
from tests.sdk_query_rules import export_faults
from tests.sdk_rules import problem_faults

API = {"Authorization": "Bearer key-api"}
COUNT = {"type": "aggregation", "aggregation": "count"}
MOMENT = "2026-11-02T10:00:00.000Z"

pytestmark = pytest.mark.parametrize(
    "text",
    [pytest.param(text, id=name, marks=[] if name in OFTEN else pytest.mark.slow) for name, text in INJECTIONS.items()],
)


def chat(text, **fields):
    """A conversation that says a text wherever one may stand."""
    call = {"id": text, "type": "function", "function": {"name": text, "arguments": text}}
    link = dict.fromkeys(("url", "title", "label", "description", "type"), text) | {"breadcrumbs": [text]}
    shared = {"externalId": text, "externalUrl": text, "properties": {text: text, "k": text}}
    person = dict.fromkeys(("id", "userId", "userType", "supportAgentName", text), text)
    said = shared | {"id": text, "name": text, "userProperties": person, "links": [link], "tool_calls": [call]}
    messages = [
        said | {"role": "user", "content": text},
        said | {"id": f"{text}2", "role": "assistant", "content": [{"type": "text", "text": text}]},
    ]
    more = {"projectId": text, "integrationId": text, "supportTicketConversationId": text, "tags": [text]}
    times = {"createdAt": MOMENT, "updatedAt": MOMENT}
    whole = {"type": "openai", "id": text, "userProperties": person, "visibility": "private"} | shared | more | times
    return whole | {"messages": [one | times for one in messages]} | fields


class Server:
    """Asked with an api key; what is no success must be a problem."""

    def __init__(self, client):
        self._client = client

    async def ask(self, method, path, body=None, **query):
        data = None if body is None else orjson.dumps(body)
        # encoded: the path goes out as it is, dots and all
        url = URL(f"http://{self._client.host}:{self._client.port}{path}", encoded=True)
        answer = await self._client.session.request(method, url.with_query(query or None), data=data, headers=API)
        told = await answer.read()
        if answer.content_type == "text/csv":
            assert export_faults(answer.headers["Content-Type"], told) == []
            return answer.status, list(csv.reader(io.StringIO(told.decode(), newline="")))
        if answer.status != 200:
            assert problem_faults(answer.status, answer.content_type, orjson.loads(told)) == []
        return answer.status, orjson.loads(told)

    async def get(self, path, **query):
        return await self.ask("GET", path, **query)

    async def post(self, path, body):
        return await self.ask("POST", path, body)

    async def rows(self, view="conversations", **body):
        """The rows of a query, or the status of its refusal."""
        status, told = await self.post(f"/query/{view}", body)
        return told["data"]["result"] if status == 200 else status


@pytest.fixture
async def server(client):
    """A server with a bystander, which everything that goes wrong would change."""
    server = Server(client)
    bystander = {"type": "openai", "id": "by", "messages": [{"role": "user", "content": "by", "id": "by-m"}]}
    more = {"projectId": "by", "properties": {"k": "by"}, "userProperties": {"id": "by"}}
    for path, body in (
        ("/conversations", bystander | more),
        ("/feedback", {"type": "positive", "messageId": "by-m", "id": "by-f", "details": "by"}),
        ("/events", {"type": "by", "searchQuery": "by", "id": "by-e"} | more),
    ):
        assert (await server.post(path, body))[0] == 200
    before = [await seen(server, "by"), await server.rows("events", where=is_("id", "by-e"))]

    yield server

    assert [await seen(server, "by"), await server.rows("events", where=is_("id", "by-e"))] == before


async def seen(server, name):
    return await server.get(f"/conversations/{name}"), await server.get(f"/feedback/{name}-f")


def is_(field, value, operator="eq"):
    return {"condition": {"field": field, "operator": operator, "value": value}}


def encoded(text):
    """A path segment; clients resolve dots of their own accord unless they are encoded."""
    return quote(text, safe="").replace(".", "%2E")


async def test_conversations(server, text):
    """A conversation made of it is told as it was logged, by its id, its external id and in the list, and deleted."""
    status, logged = await server.post("/conversations", chat(text))
    assert status == 200
    for name, value in chat(text).items():
        if name != "messages":
            assert logged[name] == value
    for message, said in zip(logged["messages"], chat(text)["messages"], strict=True):
        assert {name: message[name] for name in said} == said
        assert message["conversationId"] == text

    for path in (f"/conversations/{encoded(text)}", f"/conversations/external/{encoded(text)}"):
        assert await server.get(path) == (200, logged)
    _, listed = await server.get("/conversations", limit="2")
    assert logged in listed["conversations"]
    assert (await server.ask("DELETE", f"/conversations/{encoded(text)}"))[0] == 200
    assert (await server.get(f"/conversations/{encoded(text)}"))[0] == 404
    assert (await server.get("/conversations"))[1]["total"] == 1


async def test_what_has_few_values(server, text):
    """Where only some words, times or numbers may stand it is refused, and nothing is logged."""
    for name in ("type", "visibility", "createdAt", "updatedAt", "messages", "tags", "properties", "userProperties"):
        assert (await server.post("/conversations", chat("x") | {name: text}))[0] == 400
    for name in ("createdAt", "updatedAt", "properties", "userProperties", "links", "tool_calls"):
        wrong = chat("x") | {"messages": [{"role": "user", "content": "x", name: text}]}
        assert (await server.post("/conversations", wrong))[0] == 400
    for name in ("type", "createdAt", "updatedAt", "reasons", "sources", "properties", "userProperties"):
        thumb = {"type": "positive", "messageId": "by-m"}
        assert (await server.post("/feedback", thumb | {name: text}))[0] == 400
    for name in ("entityType", "createdAt", "properties", "userProperties"):
        assert (await server.post("/events", {"type": "x", "searchQuery": "x", name: text}))[0] == 400
    for path in ("/conversations", "/feedback"):
        for name in ("limit", "offset"):
            assert (await server.get(path, **{name: text}))[0] == 400
    for path in ("top-search-queries", "weekly-search-users"):
        assert (await server.get(f"/query/{path}", after=text))[0] == 400
    assert (await server.get("/conversations"))[1]["total"] == 1
    assert (await server.get("/feedback"))[1]["positiveFeedbackCount"] == 1
    assert await server.rows("events", select=[COUNT]) == [{"count": 1}]


async def test_a_role(server, text):
    """A role that nobody knows is told as the system's, with the role it was; support conversations have any role."""
    for kind, role in (("openai", "system"), ("support_ticket", text)):
        body = {"type": kind, "id": kind, "messages": [{"role": text, "content": "x"}]}
        _, logged = await server.post("/conversations", body)
        assert logged["messages"][0]["role"] == role
        if kind == "openai":
            assert logged["messages"][0]["properties"] == {"originalRole": text}


async def test_feedback_and_events(server, text):
    """Feedback and events made of it are told as they were logged, found by their ids, and belong to their message."""
    await server.post("/conversations", chat(text))
    person = {"userProperties": {"id": text, text: text}, "properties": {text: [text]}}
    thumb = {"id": text, "type": "negative", "messageId": text, "details": text} | person
    thumb |= {"reasons": [{"label": text, "details": text}], "sources": [{"type": None, "title": text, "url": text}]}
    _, logged = await server.post("/feedback", thumb)
    assert {name: logged[name] for name in thumb} == thumb
    _, told = await server.get(f"/feedback/{encoded(text)}")
    assert (told["conversation"]["id"], told["message"]["content"]) == (text, text)
    assert (await server.get("/feedback", limit="1"))[1]["negativeFeedback"] == [told]

    event = {
        "id": text,
        "type": text,
        "entityType": "message",
        "messageId": text,
        "projectId": text,
        "integrationId": text,
    }
    assert (await server.post("/events", event | person))[1].items() >= (event | person).items()
    found = await server.rows("events", where=is_("conversationId", text))
    assert [(row["id"], row["type"]) for row in found] == [(text, text)]

    assert (await server.ask("DELETE", f"/feedback/{encoded(text)}"))[0] == 200
    assert (await server.get("/feedback"))[1]["negativeFeedbackCount"] == 0


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


async def test_lists(server, text):
    """A list filtered by it has the one conversation that says it, or is refused where only few values may stand."""
    await server.post("/conversations", chat(text))

    async def listed(**query):
        status, told = await server.get("/conversations", **query)
        return [one["id"] for one in told["conversations"]] if status == 200 else status

    has_nul, has_words = "\x00" in text, any(one.isalnum() for one in text)
    for name, value in (("user", text), ("tag", text), ("property", f"k={text}")):
        assert await listed(**{name: value}) == (400 if has_nul else [text])
    assert await listed(user=f"{text}x") == await listed(model=text) == (400 if has_nul else [])
    # every word of it is looked for, and is there
    assert await listed(q=text) == (400 if has_nul or not has_words else [text])
    assert await listed(q=f"{text} nowhere") == (400 if has_nul else [])
    for name in ("from", "to", "feedback", "interrupted", "cursor", "limit", "offset", text):
        assert await listed(**{name: text}) == 400


async def test_paths(server, text):
    """As an id that nobody has, and as an operation, it is not found; as the name of a parameter it changes nothing."""
    for method, path in (
        ("GET", "/conversations/{}"), ("DELETE", "/conversations/{}"), ("GET", "/conversations/external/{}"),
        ("GET", "/feedback/{}"), ("DELETE", "/feedback/{}"), ("GET", "/{}"), ("POST", "/query/{}"),
        ("POST", "/query/{}/export"), ("GET", "/query/{}"), ("GET", "/conversations/by/{}"),
    ):  # fmt: skip
        assert (await server.ask(method, path.format(encoded(text)), {} if method == "POST" else None))[0] == 404
    assert (await server.get("/feedback", **{text: text}))[0] == 200
