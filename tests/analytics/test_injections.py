"""Texts that other languages would obey, in every field, path and parameter: each is taken for itself, and nothing else happens."""

import orjson
import pytest
from yarl import URL

from tests.analytics.injections import API, beside_a_bystander, chat, each, encoded, is_
from tests.analytics.looking import page_of, send
from tests.sdk_query_rules import export_faults

COUNT = {"type": "aggregation", "aggregation": "count"}

pytestmark = each


@pytest.fixture
async def server(client):
    async with beside_a_bystander(client) as server:
        yield server


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


async def test_pages(browser, text):
    """Pages show it as text and add nothing to what they are made of; files for spreadsheets run nothing of it."""
    answer = await browser.post("/conversations", data=orjson.dumps(chat(text)), headers=API)
    assert answer.status == 200
    path = f"/chats/{encoded(text)}"
    has_nul = "\x00" in text

    shown = folded(text)
    assert shown in folded((await page_of(browser, "/chats")).text)
    assert shown in folded((await page_of(browser, path)).text)
    await page_of(browser, "/insights")
    await page_of(browser, "/analytics")
    await page_of(browser, f"/chats?user={encoded(text)}&tag={encoded(text)}", 400 if has_nul else 200)
    await page_of(browser, f"/chats?from={encoded(text)}", 400)
    await page_of(browser, f"{path}x", 404)
    for file in ("/chats.csv", f"{path}/messages.csv"):
        answer = await browser.get(URL(file, encoded=True))
        assert export_faults(answer.headers["Content-Type"], await answer.read()) == []

    assert (await send(browser, f"{path}/share", public="true")).status == 303
    told = orjson.loads(await (await browser.get(URL(f"{path}/messages.json", encoded=True))).read())
    assert shown in folded((await page_of(browser, f"/shared/{told['share']}")).text)
    assert (await send(browser, f"{path}/fork", messageId=text)).status in (303, 404)


def folded(words):
    """A text as a page shows it: blanks folded, and what HTML cannot hold left out."""
    return "".join(one for one in "".join(words.split()) if one.isprintable())
