"""Whatever is fatal to the official SDK comes back harmless, wherever it comes back."""

import csv
import io

import orjson
import pytest

from tests.analytics import hostile
from tests.sdk_query_rules import NAMES, QUERIES, export_faults
from tests.sdk_rules import (
    CONVERSATION,
    CONVERSATION_LIST,
    DELETED,
    EVENT,
    FEEDBACK,
    FEEDBACK_LIST,
    FEEDBACK_WITH_MESSAGE,
    faults_of,
    problem_faults,
)

API = {"Authorization": "Bearer key-api"}
RULES = {"/conversations": CONVERSATION, "/feedback": FEEDBACK, "/events": EVENT}


async def posted(client, path, body):
    answer = await client.post(path, data=orjson.dumps(body), headers=API)
    return answer, orjson.loads(await answer.read())


@pytest.fixture
async def logged(client):
    """All of it, logged; each answer parses."""
    for path, body in hostile.logged():
        answer, told = await posted(client, path, body)
        assert answer.status == 200, (body, told)
        assert faults_of(RULES[path], told) == [], body
    return client


async def told(client, path):
    answer = await client.get(path, headers=API)
    assert answer.status == 200
    return orjson.loads(await answer.read())


async def test_lists_and_single_answers_parse(logged):
    """Lists of all that is hostile parse, and each conversation and each feedback on its own."""
    listed = await told(logged, "/conversations?limit=100")
    rated = await told(logged, "/feedback?limit=100")

    assert faults_of(CONVERSATION_LIST, listed) == []
    assert listed["count"] == len(hostile.CONVERSATIONS) + 1
    assert faults_of(FEEDBACK_LIST, rated) == []
    assert rated["negativeFeedbackCount"] == len(hostile.FEEDBACK)
    for one in rated["negativeFeedback"]:
        assert faults_of(FEEDBACK_WITH_MESSAGE, await told(logged, f"/feedback/{one['id']}")) == []


async def test_what_was_answered_is_taken_again(logged):
    """A client may send back every conversation as it was answered, and nothing of it changes but its time."""
    for one in (await told(logged, "/conversations?limit=100"))["conversations"]:
        answer, again = await posted(logged, "/conversations", one)

        assert answer.status == 200
        assert {**again, "updatedAt": ""} == {**one, "updatedAt": ""}


@pytest.mark.parametrize("view", QUERIES)
async def test_queries_parse(logged, view):
    """Rows of every view parse, with all fields, and grouped by all that can be."""
    grouped = [{"field": name, "path": [key]} for name in ("properties", "userProperties") for key in ("userId", "n")]
    for body in ({}, {"select": [{"type": "aggregation", "aggregation": "count"}], "groupBy": grouped}):
        answer, rows = await posted(logged, f"/query/{view}", body)

        assert answer.status == 200
        assert faults_of(QUERIES[view], rows) == []


@pytest.mark.parametrize("mode", ["unpack", "json"])
@pytest.mark.parametrize("view", QUERIES)
async def test_exports_are_files(logged, view, mode):
    """Every view is exported with a row for each of its rows, and no cell that a spreadsheet would run."""
    fields = ("id", "type", "properties", "userProperties") if view != "semantic-threads" else ("id", "properties")
    select = [{"type": "field", "field": name} | ({"mode": mode} if name != "id" else {}) for name in fields]
    _, rows = await posted(logged, f"/query/{view}", {"select": select})

    answer = await logged.post(f"/query/{view}/export", data=orjson.dumps({"select": select}), headers=API)
    body = await answer.read()

    assert answer.status == 200
    assert export_faults(answer.headers["Content-Type"], body) == []
    assert len(list(csv.reader(io.StringIO(body.decode(), newline="")))) == rows["data"]["total"] + 1


async def test_feedback_is_deleted(logged):
    """Each piece of feedback can be deleted, and is then gone from its list, and from queries."""
    for one in (await told(logged, "/feedback?limit=100"))["negativeFeedback"]:
        answer = await logged.delete(f"/feedback/{one['id']}", headers=API)
        assert answer.status == 200
        assert faults_of(DELETED, orjson.loads(await answer.read())) == []

    assert (await told(logged, "/feedback"))["negativeFeedbackCount"] == 0
    assert (await posted(logged, "/query/feedback", {}))[1]["data"]["total"] == 0


async def test_names_and_values_parse(logged):
    """Keys and values of properties are texts, whatever they were."""
    for name in ("properties", "userProperties"):
        _, keys = await posted(logged, "/query/property-keys", {"field": name})
        assert faults_of(NAMES, keys) == []
        for key in keys["results"]:
            _, values = await posted(logged, "/query/property-values", {"field": name, "key": key})
            assert faults_of(NAMES, values) == []


@pytest.mark.parametrize("body", hostile.REFUSED.values(), ids=hostile.REFUSED)
async def test_what_cannot_be_told_is_refused(client, body):
    """What could not be given back is a 400, and nothing of it is logged."""
    answer, problem = await posted(client, "/conversations", body)

    assert answer.status == 400
    assert problem_faults(400, answer.content_type, problem) == []
    assert (await told(client, "/conversations"))["total"] == 0
