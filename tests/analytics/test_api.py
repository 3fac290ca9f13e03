"""The operations, as the official SDK and its look-alikes use them; every answer is checked by the SDK's rules."""

import asyncio

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.analytics.api import make_app, make_runner
from tests.core.sayings import JSON, MESSAGES
from tests.sdk_rules import (
    CONVERSATION,
    CONVERSATION_LIST,
    EVENT,
    FEEDBACK,
    FEEDBACK_LIST,
    FEEDBACK_WITH_MESSAGE,
    faults_of,
    problem_faults,
)

OPENAI = {"type": "openai", "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}
DAY_MS = 24 * 3600 * 1000


class Api:
    """A client with a key; every answer follows the SDK's rules, or is a problem."""

    def __init__(self, client, key="key-api"):
        self._client = client
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    async def post(self, path, body):
        check = {"/conversations": CONVERSATION, "/feedback": FEEDBACK, "/events": EVENT}[path]
        return await self._checked(await self._client.post(path, data=body_of(body), headers=self._headers), check)

    async def get(self, path, **query):
        check = {
            ("conversations",): CONVERSATION_LIST,
            ("feedback",): FEEDBACK_LIST,
            ("conversations", "one"): CONVERSATION,
            ("feedback", "one"): FEEDBACK_WITH_MESSAGE,
        }[(path.split("/")[1], *("one" for _ in path.split("/")[2:]))]
        return await self._checked(await self._client.get(path, params=query, headers=self._headers), check)

    async def _checked(self, answer, check):
        body = orjson.loads(await answer.read())
        if answer.status == 200:
            assert answer.content_type == "application/json"
            assert faults_of(check, body) == []
        else:
            assert problem_faults(answer.status, answer.content_type, body) == []
        return answer.status, body


def body_of(body):
    return body if isinstance(body, bytes) else orjson.dumps(body)


@pytest.fixture
def api(client):
    return Api(client)


@pytest.mark.parametrize(
    ("key", "statuses"),
    [
        pytest.param("key-api", [200, 200, 200, 200, 200, 200, 200], id="api"),
        pytest.param("key-api-2", [200, 200, 200, 200, 200, 200, 200], id="another api key"),
        pytest.param("key-web", [200, 403, 200, 200, 403, 403, 200], id="web"),
        pytest.param("key-none", [401] * 7, id="unknown"),
        pytest.param("", [401] * 7, id="none"),
    ],
)
async def test_what_keys_may_do(client, key, statuses):
    """Api keys may do all; web keys log, and read a conversation whose id they know; other keys nothing."""
    first = Api(client)
    await first.post("/conversations", OPENAI | {"id": "c1", "messages": [OPENAI["messages"][0] | {"id": "m1"}]})
    await first.post("/feedback", {"type": "positive", "messageId": "m1", "id": "f1"})
    api = Api(client, key)

    answers = [
        await api.post("/conversations", OPENAI),
        await api.get("/conversations"),
        await api.get("/conversations/c1"),
        await api.post("/feedback", {"type": "positive", "messageId": "m1"}),
        await api.get("/feedback"),
        await api.get("/feedback/f1"),
        await api.post("/events", {"type": "message:copied", "messageId": "m1"}),
    ]

    assert [status for status, _ in answers] == statuses


async def test_a_refused_key_learns_how(client):
    """A 401 says which scheme is wanted."""
    answer = await client.get("/conversations")

    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_the_round_of_a_chat(api):
    """A chat is logged after each turn under its id, read, rated by the id of its answer, and found in the lists."""
    _, first = await api.post("/conversations", OPENAI | {"userProperties": {"userId": "u1"}})
    turns = [*first["messages"], {"role": "user", "content": "thanks"}]
    _, second = await api.post("/conversations", {"type": "openai", "id": first["id"], "messages": turns})

    assert [message["content"] for message in second["messages"]] == ["hi", "hello", "thanks"]
    assert [message["id"] for message in second["messages"][:2]] == [message["id"] for message in first["messages"]]
    assert second["userProperties"] == {"userId": "u1"}
    assert await api.get(f"/conversations/{first['id']}") == (200, second)

    _, thumb = await api.post("/feedback", {"type": "negative", "messageId": second["messages"][1]["id"]})
    _, told = await api.get(f"/feedback/{thumb['id']}")
    assert (told["message"], told["conversation"]) == (second["messages"][1], second)
    _, listed = await api.get("/feedback")
    assert (listed["positiveFeedbackCount"], listed["negativeFeedback"]) == (0, [told])
    assert (await api.get("/conversations"))[1] == {
        "conversations": [second],
        "total": 1,
        "pageSize": 20,
        "count": 1,
    }


@pytest.mark.parametrize(
    ("query", "status", "size"),
    [
        pytest.param({}, 200, 20, id="defaults"),
        pytest.param({"limit": "0", "offset": "0"}, 200, 0, id="none"),
        pytest.param({"limit": "100", "offset": "5"}, 200, 100, id="most"),
        pytest.param({"limit": "101"}, 400, None, id="more than most"),
        pytest.param({"limit": "-1"}, 400, None, id="negative"),
        pytest.param({"limit": "ten"}, 400, None, id="a word"),
        pytest.param({"limit": ""}, 400, None, id="empty"),
        pytest.param({"limit": "1.5"}, 400, None, id="a fraction"),
        pytest.param({"limit": "١"}, 400, None, id="another script's digit"),
        pytest.param({"offset": "9" * 400}, 400, None, id="too large"),
    ],
)
async def test_paging(api, query, status, size):
    """Pages have 0 to 100 items, 20 unless said otherwise; anything else is a 400."""
    answered, body = await api.get("/conversations", **query)

    assert answered == status
    assert body.get("pageSize") == size
    assert (await api.get("/feedback", **query))[0] == status


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("/conversations", b"", 400, id="nothing"),
        pytest.param("/conversations", b"{", 400, id="not JSON"),
        pytest.param("/conversations", b"\xff\xfe", 400, id="not text"),
        pytest.param(
            "/conversations", b'{"type":"openai","messages":[{"role":"user","content":"\\ud800"}]}', 400, id="lone"
        ),
        pytest.param("/conversations", b'{"a":' * 2000 + b"1" + b"}" * 2000, 400, id="deep"),
        pytest.param("/conversations", [], 400, id="an array"),
        pytest.param("/conversations", {"type": "openai", "messages": []}, 400, id="no messages"),
        pytest.param("/conversations", OPENAI | {"id": 7}, 400, id="numeric id"),
        pytest.param(
            "/conversations", OPENAI | {"messages": [{"role": "user", "content": "x", "id": "a"}] * 2}, 422, id="twice"
        ),
        pytest.param("/feedback", {"type": "positive"}, 400, id="feedback on nothing"),
        pytest.param("/feedback", {"type": "meh", "messageId": "m"}, 400, id="neither thumb"),
        pytest.param("/events", {"type": "x"}, 400, id="event about nothing"),
        pytest.param("/events", "x", 400, id="event is a string"),
    ],
)
async def test_wrong_bodies(api, path, body, status):
    """A wrong body is a problem of 400 or 422 with pointers, never a 5xx."""
    answered, problem = await api.post(path, body)

    assert answered == status
    assert isinstance(body, bytes) or problem["errors"][0]["pointer"] is not None


async def test_twenty_at_once_leave_one(api):
    """Concurrent upserts of one id leave one conversation, at its newest revision."""

    def snapshot(rev):
        properties = {"source": "teelog", "teelogRev": rev}
        return OPENAI | {"id": "c1", "properties": properties, "messages": OPENAI["messages"] * rev}

    answers = await asyncio.gather(*(api.post("/conversations", snapshot(rev % 20 + 1)) for rev in range(7, 27)))

    assert {status for status, _ in answers} == {200}
    (told,) = (await api.get("/conversations"))[1]["conversations"]
    assert (told["properties"]["teelogRev"], len(told["messages"])) == (20, 40)


async def test_whatever_is_logged_the_lists_parse(api):
    """Conversations of any content are refused or logged, and no list ever breaks on them."""

    @settings(
        max_examples=60,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
    @given(
        st.sampled_from(["openai", "support_ticket", "support_copilot"]),
        st.lists(MESSAGES, min_size=1, max_size=3),
        st.dictionaries(
            st.sampled_from(["id", "properties", "userProperties", "tags", "visibility"]), JSON, max_size=3
        ),
    )
    def collect(kind, messages, fields):
        bodies.append({"type": kind, "messages": messages} | fields)

    bodies = []
    collect()
    statuses = [(await api.post("/conversations", body))[0] for body in bodies]

    assert set(statuses) <= {200, 400, 422}
    for offset in range(0, len(bodies), 100):
        assert (await api.get("/conversations", limit="100", offset=str(offset)))[0] == 200


async def test_old_conversations_are_forgotten_at_the_start(store, clock):
    """With retention, what has not changed for so many days is gone soon after the start; what is newer stays."""
    for name in ("old", "new"):
        await store.log_conversation({"type": "openai", "id": name, "messages": [{"role": "user", "content": "x"}]})
        clock.now += 20 * DAY_MS
    clock.now -= 15 * DAY_MS
    runner = make_runner(make_app(store, api_keys=["k"], retention_days=20))

    await runner.setup()
    try:
        async with asyncio.timeout(10):
            while (page := await store.conversations(20, 0))["total"] > 1:
                pass
    finally:
        await runner.cleanup()

    assert [one["id"] for one in page["conversations"]] == ["new"]


async def test_starting_and_stopping_leaves_nothing(store):
    """A server started and stopped many times leaves no task behind."""
    before = len(asyncio.all_tasks())

    for _ in range(20):
        runner = make_runner(make_app(store, api_keys=["k"], retention_days=1))
        await runner.setup()
        await runner.cleanup()

    assert len(asyncio.all_tasks()) == before
