"""The operations that ask, over HTTP: who may, what comes back, what is refused, and what bounds them."""

import asyncio
import csv
import io

import orjson
import pytest
from aiohttp import web

from proxy.analytics.asking import Asking
from proxy.analytics.auth import Keys
from proxy.analytics.door import Door
from proxy.analytics.questions import Limits
from tests.analytics.wrong_bodies import BROKEN, COUNT, WRONG
from tests.sdk_query_rules import NAMES, QUERIES, TOP_SEARCHES, WEEKLY_SEARCHERS, export_faults
from tests.sdk_rules import faults_of, problem_faults

VIEWS = ("conversations", "events", "feedback", "semantic-threads")
POSTS = [
    *(f"/query/{view}" for view in VIEWS),
    *(f"/query/{view}/export" for view in VIEWS),
    "/query/property-keys",
    "/query/property-values",
]
GETS = ["/query/top-search-queries", "/query/weekly-search-users"]
RULES = {f"/query/{view}": rules for view, rules in QUERIES.items()}
RULES |= dict.fromkeys(("/query/property-keys", "/query/property-values"), NAMES)
RULES |= dict(zip(GETS, (TOP_SEARCHES, WEEKLY_SEARCHERS), strict=True))
DAY = 24 * 3600 * 1000


async def asked(client, path, body=None, key="key-api", **query):
    """The status and body of an answer, which must follow the SDK's rules; a problem too."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if body is None:
        answer = await client.get(path, params=query, headers=headers)
    else:
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        answer = await client.post(path, data=data, headers=headers)
    raw = await answer.read()
    if answer.status != 200:
        problem = orjson.loads(raw)
        assert problem_faults(answer.status, answer.content_type, problem) == []
        return answer.status, problem
    if path.endswith("/export"):
        assert export_faults(answer.headers["Content-Type"], raw) == []
        return 200, list(csv.reader(io.StringIO(raw.decode(), newline="")))
    assert answer.content_type == "application/json"
    told = orjson.loads(raw)
    assert faults_of(RULES[path], told) == []
    return 200, told


@pytest.fixture
async def logged(client, clock):
    """Two chats of two days, thumbs on one, searches in two weeks."""
    headers = {"Authorization": "Bearer key-api"}

    async def post(path, body):
        answer = await client.post(path, data=orjson.dumps(body), headers=headers)
        assert answer.status == 200

    for name, day, source in (("c1", "2026-11-01", "docs"), ("c2", "2026-11-02", "=cmd()")):
        messages = [
            {"role": "user", "content": "q", "createdAt": f"{day}T10:00:00Z", "id": f"{name}u"},
            {"role": "assistant", "content": "a", "createdAt": f"{day}T10:00:05Z", "id": f"{name}a"},
        ]
        chat = {"type": "openai", "id": name, "messages": messages, "userProperties": {"userId": 7}}
        await post("/conversations", chat | {"properties": {"source": source, "n": -5, "in": {"a": None}}})
    for name, kind in (("f1", "positive"), ("f2", "negative")):
        thumb = {"id": name, "type": kind, "messageId": "c1a", "createdAt": "2026-11-03T00:00:00Z"}
        await post(
            "/feedback", thumb | {"reasons": [{"label": "wrong", "details": "@x"}], "updatedAt": thumb["createdAt"]}
        )
    for number, (text, day, user) in enumerate(
        [("sso", "2026-11-01", "u1"), ("sso", "2026-11-02", "u1"), ("api", "2026-11-03", "u2")]
    ):
        event = {"id": f"e{number}", "type": "search_query_submitted", "entityType": "search", "searchQuery": text}
        more = {"createdAt": f"{day}T23:00:00Z", "userProperties": {"id": user}, "properties": {"hits": 3, "of": [1]}}
        await post("/events", event | more | {"projectId": "p1" if number else "p2"})
    return client


@pytest.mark.parametrize("path", [*POSTS, *GETS])
async def test_only_api_keys_ask(client, path):
    """Web keys may not ask, others are not known; a browser of an allowed origin may try."""
    body = {"field": "properties", "key": "k"} if path in POSTS else None

    statuses = [(await asked(client, path, body, key))[0] for key in ("key-api", "key-web", "other", "")]
    assert statuses == [200, 403, 401, 401]

    preflight = await client.options(path, headers={"Origin": "https://docs.example.com"})
    assert preflight.headers["Access-Control-Allow-Origin"] == "https://docs.example.com"


@pytest.mark.parametrize(
    ("view", "body", "rows"),
    [
        pytest.param("conversations", {"select": [COUNT]}, [{"count": 2}], id="count"),
        pytest.param(
            "conversations",
            {
                "select": [
                    {"type": "time", "timeUnit": "day", "field": "firstMessageTime"},
                    COUNT | {"field": "id"},
                    {"type": "aggregation", "aggregation": "sum", "field": "userMessageCount"},
                ],
                "orderBy": [{"field": "firstMessageTime_day", "direction": "asc"}],
            },
            [
                {"firstMessageTime_day": "2026-11-01T00:00:00.000Z", "count_id": 1, "sum_userMessageCount": 1},
                {"firstMessageTime_day": "2026-11-02T00:00:00.000Z", "count_id": 1, "sum_userMessageCount": 1},
            ],
            id="day by day",
        ),
        pytest.param(
            "conversations",
            {"select": [COUNT], "groupBy": [{"field": "properties", "path": ["source"]}]},
            [{"properties.source": "=cmd()", "count": 1}, {"properties.source": "docs", "count": 1}],
            id="by a property",
        ),
        pytest.param(
            "conversations",
            {
                "select": [
                    {
                        "type": "aggregation",
                        "aggregation": "countDistinct",
                        "field": "userProperties",
                        "path": ["userId"],
                    }
                ]
            },
            [{"countDistinct_userProperties.userId": 1}],
            id="distinct users",
        ),
        pytest.param(
            "events",
            {
                "select": [COUNT],
                "groupBy": [{"field": "type"}],
                "where": {
                    "and": [
                        {"condition": {"field": "createdAt", "operator": "gte", "value": "2026-11-02T00:00:00Z"}},
                        {
                            "or": [
                                {"condition": {"field": "messageId", "operator": "isNotNull"}},
                                {
                                    "condition": {
                                        "field": "properties",
                                        "operator": "eq",
                                        "value": {"path": ["hits"], "value": 3},
                                    }
                                },
                            ]
                        },
                    ]
                },
            },
            [{"type": "search_query_submitted", "count": 2}],
            id="events by type",
        ),
        pytest.param(
            "conversations",
            {
                "groupBy": [{"field": "integrationId", "includeInSelect": False}],
                "select": [{"type": "aggregation", "aggregation": "avg", "field": "userMessageCount"}],
            },
            [{"avg_userMessageCount": 1}],
            id="a group that is not shown",
        ),
        pytest.param(
            "events",
            {"select": [{"type": "field", "field": "properties"}], "limit": 1},
            [{"properties": {"hits": "3", "of": "[1]"}}],
            id="properties of events are maps of texts",
        ),
        pytest.param(
            "conversations",
            {"select": [{"type": "field", "field": "userProperties", "path": ["userId"]}], "limit": 1},
            [{"userProperties.userId": "7"}],
            id="what stands at a path is a text",
        ),
        pytest.param("semantic-threads", {}, [], id="nobody annotates threads"),
        pytest.param("semantic-threads", {"select": [COUNT], "query": "sso"}, [{"count": 0}], id="no threads"),
    ],
)
async def test_examples(logged, view, body, rows):
    """What the format's examples ask is answered under its keys."""
    status, answer = await asked(logged, f"/query/{view}", body)

    assert status == 200
    assert answer["data"]["result"] == rows
    assert answer["status"] == "ok"


async def test_pages_tell_how_many_there_are(logged):
    """`total` counts all rows, `count` those of the page, whichever page is asked for."""
    for offset, count in ((0, 2), (2, 1), (3, 0), (9, 0)):
        _, answer = await asked(logged, "/query/events", {"limit": 2, "offset": offset})
        told = answer["data"]
        assert (told["total"], told["count"], told["pageSize"], len(told["result"])) == (3, count, 2, count)


async def test_feedback_tells_its_conversation(logged):
    """Feedback without its message is none yet; what there is knows its conversation."""
    await logged.post(
        "/feedback",
        data=orjson.dumps({"type": "positive", "messageId": "never"}),
        headers={"Authorization": "Bearer key-api"},
    )

    _, answer = await asked(logged, "/query/feedback", {})
    assert [(row["id"], row["conversationId"]) for row in answer["data"]["result"]] == [("f1", "c1"), ("f2", "c1")]


async def test_an_export_unpacks_objects_and_runs_nothing(logged):
    """An export has a column for each key, numbers as they are, and no cell that a spreadsheet would run."""
    select = [{"type": "field", "field": name} for name in ("id", "properties")]
    _, rows = await asked(logged, "/query/conversations/export", {"select": select})

    assert rows == [
        ["id", "properties.in", "properties.n", "properties.source"],
        ["c2", '{"a":null}', "-5", "'=cmd()"],
        ["c1", '{"a":null}', "-5", "docs"],
    ]


async def test_an_export_can_keep_json(logged):
    """With the mode json, and where it is no object, JSON stays in one cell."""
    select = [{"type": "field", "field": "userProperties", "mode": "json"}]
    _, chats = await asked(logged, "/query/conversations/export", {"select": select})
    _, thumbs = await asked(logged, "/query/feedback/export", {"select": [{"type": "field", "field": "reasons"}]})

    assert chats == [["userProperties"], ['{"userId":7}'], ['{"userId":7}']]
    assert thumbs == [["reasons"], *[['[{"label":"wrong","details":"@x"}]']] * 2]


async def test_an_export_has_no_page(logged, store):
    """More rows than a page has are exported, all of them."""
    for number in range(1100):
        await store.log_event({"type": "x", "entityType": "search", "searchQuery": str(number), "createdAt": number})

    _, rows = await asked(logged, "/query/events/export", {"select": [{"type": "field", "field": "searchQuery"}]})
    _, answer = await asked(logged, "/query/events", {"select": [{"type": "field", "field": "searchQuery"}]})

    assert len(rows) == 1 + 1103
    assert (answer["data"]["count"], answer["data"]["total"]) == (1000, 1103)


async def test_keys_and_values_of_properties(logged):
    """The keys of all views or some, and the texts of one, sorted and cut to the limit."""

    async def results(path, **body):
        return (await asked(logged, f"/query/property-{path}", body))[1]["results"]

    a_chat = {"condition": {"field": "id", "operator": "eq", "value": "c1"}}
    only_chats = {"condition": {"field": "userMessageCount", "operator": "gte", "value": 0}}
    assert await results("keys", field="properties") == ["hits", "in", "n", "of", "source"]
    assert await results("keys", field="properties", views=["events_view"]) == ["hits", "of"]
    assert await results("keys", field="userProperties", where=only_chats) == ["userId"]
    assert await results("values", field="properties", key="source") == ["=cmd()", "docs"]
    assert await results("values", field="properties", key="source", limit=1) == ["=cmd()"]
    assert await results("values", field="properties", key="source", where=a_chat) == ["docs"]
    assert await results("values", field="properties", key="in") == ['{"a":null}']
    assert await results("values", field="userProperties", key="userId", views=[]) == []


async def test_searches(logged):
    """The most frequent searches, and each week's users, since a time and of a project; counts are texts."""
    _, top = await asked(logged, "/query/top-search-queries")
    _, since = await asked(logged, "/query/top-search-queries", after="2026-11-03", project_id="p1")
    _, weeks = await asked(logged, "/query/weekly-search-users")

    assert top["data"] == {
        "result": [{"search_query": "sso", "count": "2"}, {"search_query": "api", "count": "1"}],
        "total": 2,
    }
    assert since["data"]["result"] == [{"search_query": "api", "count": "1"}]
    assert weeks["data"]["result"] == [
        {"week": "2026-10-26T00:00:00.000Z", "unique_users": "1"},
        {"week": "2026-11-02T00:00:00.000Z", "unique_users": "2"},
    ]
    assert (await asked(logged, "/query/weekly-search-users", after="yesterday"))[0] == 400


@pytest.mark.parametrize("path", ["/query/conversations", "/query/conversations/export"])
async def test_wrong_bodies(logged, path):
    """What is wrong in a body is a 400, with a pointer where it is JSON, and nothing else happens."""
    for name, body in WRONG.items():
        status, problem = await asked(logged, path, body if body is not None else b"null")
        assert status == 400, name
        assert problem["errors"], name
        assert all(one["pointer"] == "" or one["pointer"].startswith("/") for one in problem["errors"]), name
    for name, body in BROKEN.items():
        status, problem = await asked(logged, path, body)
        assert status == 400, name
        assert problem["errors"], name

    assert (await asked(logged, "/query/conversations", {"select": [COUNT]}))[1]["data"]["result"] == [{"count": 2}]


def test_there_are_two_hundred_wrong_bodies():
    """Queries and exports together are asked more than 200 wrong bodies."""
    assert 2 * (len(WRONG) + len(BROKEN)) > 200


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        pytest.param("keys", {}, "/field", id="no field"),
        pytest.param("keys", {"field": "tags"}, "/field", id="another field"),
        pytest.param("keys", {"field": "properties", "views": ["events"]}, "/views", id="no view"),
        pytest.param("keys", {"field": "properties", "views": "events_view"}, "/views", id="views are a string"),
        pytest.param("keys", {"field": "properties", "where": {}}, "/where", id="no filter"),
        pytest.param("values", {"field": "properties"}, "/key", id="no key"),
        pytest.param("values", {"field": "properties", "key": 1}, "/key", id="key is a number"),
        pytest.param("values", {"field": "properties", "key": "a", "limit": -1}, "/limit", id="limit"),
    ],
)
async def test_wrong_questions_after_properties(client, path, body, pointer):
    """What is wrong in a question after keys or values is pointed at."""
    status, problem = await asked(client, f"/query/property-{path}", body)

    assert (status, problem["errors"][0]["pointer"]) == (400, pointer)


@pytest.fixture
def limited(aiohttp_client, store):
    """A server that gives its questions less."""

    async def start(**limits):
        app = web.Application()
        keys = Keys(["key-api"], [])
        Door([], [], keys.knows).attach(app)
        Asking(store, keys, Limits(**limits)).attach(app)
        return await aiohttp_client(app)

    return start


@pytest.mark.parametrize(
    ("limits", "path"),
    [
        pytest.param({"seconds": -1.0}, "/query/events", id="seconds"),
        pytest.param({"export_seconds": -1.0}, "/query/events/export", id="seconds of an export"),
        pytest.param({"bytes": 10}, "/query/events", id="size"),
        pytest.param({"export_bytes": 100}, "/query/events/export", id="size of an export"),
        pytest.param({"export_columns": 1}, "/query/events/export", id="columns"),
    ],
)
async def test_what_takes_too_much_is_refused(logged, limited, store, limits, path):
    """A question out of time or space is a 422, since the SDK repeats a 5xx; the database goes on answering."""
    for number in range(300):
        await store.log_event({"type": "x", "entityType": "search", "searchQuery": str(number)})

    assert (await asked(await limited(**limits), path, {}))[0] == 422
    assert (await asked(logged, "/query/events", {}))[1]["data"]["total"] == 303


async def test_too_many_waiting_are_turned_away(limited):
    """When too many queries wait already, one more is a 429 that says when to ask again."""
    client = await limited(waiting=0)

    answer = await client.post("/query/events", data=b"{}", headers={"Authorization": "Bearer key-api"})

    assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
    assert problem_faults(429, answer.content_type, orjson.loads(await answer.read())) == []


async def test_too_many_exports_are_turned_away(limited):
    """When too many exports are under way, one more is a 429; queries are answered."""
    client = await limited(exports=0)

    assert (await asked(client, "/query/events/export", {}))[0] == 429
    assert (await asked(client, "/query/events", {}))[0] == 200


async def test_a_client_that_does_not_read_is_left(limited, store):
    """A client that takes nothing of a long export is cut off in time, and its place is free again."""
    for number in range(40):
        await store.log_event({"type": "x" * 500_000, "entityType": "search", "searchQuery": str(number)})
    client = await limited(exports=1, send_seconds=0.5)
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port, limit=1024)
    head = b"POST /query/events/export HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key-api\r\n"

    writer.write(head + b"Content-Length: 2\r\n\r\n{}")
    assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        async with asyncio.timeout(30):
            await stalled(client)
            await reader.readexactly(20_000_000)
    writer.close()

    assert (await asked(client, "/query/events/export", {"where": {"or": []}}))[0] == 200


async def stalled(client):
    """Waits until another export may begin."""
    while (await asked(client, "/query/events/export", {"where": {"or": []}}))[0] == 429:
        pass
