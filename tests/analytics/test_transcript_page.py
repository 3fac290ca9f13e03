"""One conversation's page in a browser without scripts: what it shows, and what a reader does there."""

from urllib.parse import quote

import pytest

from proxy.core.wire import read_conversation, read_event, read_feedback
from tests.analytics.looking import HOSTILE, log, page_of, send


async def test_a_transcript(browser, store):
    """A conversation shows who said what, calls with their results, reasoning, links, feedback and small print."""
    call = {"id": "t1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Rome"}'}}
    logged = await log(
        store,
        {"role": "developer", "content": "be kind"},
        {"role": "user", "content": "rain?"},
        {"role": "assistant", "content": None, "tool_calls": [call], "properties": {"reasoning": "let me look"}},
        {"role": "tool", "tool_call_id": "t1", "content": "dry"},
        {
            "role": "assistant",
            "content": "No rain, but",
            "links": [{"url": "https://example.com", "title": "Forecast"}],
            "properties": {"interrupted": "upstream", "model": "gpt-x", "latencyMs": 1500},
        },
        id="c1",
    )
    answer = logged["messages"][-1]["id"]
    await store.log_feedback(read_feedback({"type": "negative", "messageId": answer, "details": "cut"}))

    page = await page_of(browser, "/chats/c1")

    words = " ".join(page.text.split())
    for expected in (
        "Developer 2025-11-22 07:46 UTC Copy #Link to this message Instructions be kind",
        "User 2025-11-22 07:46 UTC Copy #Link to this message rain?",
        'Reasoning let me look weather answered Asked { "city": "Rome" } Result dry',
        "No rain, but interrupted This answer is not whole: the upstream broke off. Forecast ▼ Not helpful cut",
        "gpt-x 1.5 s",
    ):
        assert expected in words
    assert "https://example.com" in page.links


async def test_replaced_answers_are_shown_apart(browser, store):
    """An answer that was regenerated can still be read, folded away below."""
    question = {"role": "user", "content": "q"}
    await log(store, question, {"role": "assistant", "content": "first try", "id": "x1"}, id="c1")
    await log(store, question, {"role": "assistant", "content": "second try", "id": "x2"}, id="c1")

    words = (await page_of(browser, "/chats/c1")).text

    assert words.index("second try") < words.index("1 earlier answer, since replaced") < words.index("first try")


async def test_a_transcript_leads_to_its_like(browser, store):
    """User and model lead to all their sessions, in side requests to side requests too; sharing is a click away."""
    said = {"role": "user", "content": "hi"}
    await log(store, said, id="c1", userProperties={"userId": "a&b"}, properties={"model": "m/1"})
    await log(store, said, id="c2", userProperties={"id": HOSTILE}, properties={"kind": "title"})

    links = (await page_of(browser, "/chats/c1")).links
    assert {"/chats?user=a%26b", "/chats?model=m%2F1", "#sharing"} <= set(links)
    (alike,) = [link for link in (await page_of(browser, "/chats/c2")).links if link.startswith("/chats?")]
    assert "/chats/c2" in (await page_of(browser, alike)).links
    assert "&side=true" in alike


async def test_a_chat_that_is_not_there(browser):
    """An unknown id makes a page that says so."""
    assert "there is no conversation" in (await page_of(browser, "/chats/none", 404)).text


async def test_hostile_chats_stay_text(browser, store):
    """Whatever a chat holds, in every field, the page is made of our elements only and shows it as text."""
    call = {"id": HOSTILE, "type": "function", "function": {"name": HOSTILE, "arguments": f'{{"a":"{HOSTILE}"}}'}}
    items = [
        {"type": "text", "text": HOSTILE},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{HOSTILE}"}},
        {"type": "image_url", "image_url": {"url": f"javascript:{HOSTILE}"}},
        {"type": HOSTILE},
    ]
    properties = dict.fromkeys(
        ("reasoning", "model", "finishReason", "interrupted", "originalRole", "source", HOSTILE), HOSTILE
    )
    links = [{"url": f"https://x/{HOSTILE}", "title": HOSTILE, "label": HOSTILE}, {"url": f"javascript:{HOSTILE}"}]
    await log(
        store,
        {"role": "user", "content": items, "name": HOSTILE, "id": HOSTILE},
        {"role": "assistant", "content": HOSTILE, "tool_calls": [call], "properties": properties, "links": links},
        {"role": "tool", "tool_call_id": HOSTILE, "content": HOSTILE},
        {"role": "tool", "tool_call_id": "none", "content": HOSTILE, "name": HOSTILE},
        {"role": HOSTILE, "content": HOSTILE},
        id=HOSTILE,
        properties=properties,
        userProperties={"userId": HOSTILE},
        tags=[HOSTILE],
    )
    await store.log_feedback(
        read_feedback({"type": "negative", "messageId": HOSTILE, "details": HOSTILE, "reasons": [HOSTILE]})
    )

    chats = await page_of(browser, "/chats")
    chat = await page_of(browser, f"/chats/{quote(HOSTILE, safe='')}")
    missing = await page_of(browser, f"/chats/{quote(HOSTILE + 'x', safe='')}", 404)

    assert HOSTILE in chats.text
    assert chat.text.count(HOSTILE) > 12
    assert "<script>" in missing.text
    assert not [link for link in chat.links if link.startswith("javascript:")]


async def test_support_conversations_have_pages(browser, store):
    """Conversations without OpenAI's roles and content are shown as well."""
    messages = [{"role": "agent", "content": None}, {"role": "customer", "content": "help"}]
    await store.log_conversation(read_conversation({"type": "support_ticket", "id": "t", "messages": messages}))

    assert "customer" in (await page_of(browser, "/chats/t")).text
    assert "help" in (await page_of(browser, "/chats")).text


async def test_markdown_is_shown_as_it_is_meant(browser, store):
    """What an assistant wrote in Markdown is rendered, in its other choices too; what a user wrote stays as it is."""
    other = {"role": "assistant", "content": "or **so**"}
    await log(
        store,
        {"role": "user", "content": "**why?**"},
        {"role": "assistant", "content": "# Because\n\n| a |\n|-|\n| ~~b~~ |", "properties": {"alternatives": [other]}},
        id="c1",
    )

    html = await (await browser.get("/chats/c1")).text()

    assert "<h3>Because</h3>" in html
    assert "<td><s>b</s></td>" in html
    assert "or <strong>so</strong>" in html
    assert "**why?**" in html


async def test_a_megabyte_is_text(browser, store):
    """A message of a megabyte is shown as the text it is, at once."""
    await log(store, {"role": "assistant", "content": "*a " * 350_000}, id="c1")

    page = await page_of(browser, "/chats/c1")

    assert page.text.count("*a ") == 350_000


async def test_regenerated_answers_stand_in_their_place(browser, store):
    """What stood there before an answer was asked for again stands folded below the new one."""
    logged = await log(
        store, {"role": "user", "content": "q"}, {"role": "assistant", "content": "second", "id": "a2"}, id="c1"
    )
    lost = {"id": "a1", "role": "assistant", "content": "the **first**"}
    event = {
        "type": "message:regenerated",
        "messageId": logged["messages"][1]["id"],
        "properties": {"messages": [lost]},
    }
    await store.log_event(read_event(event))

    words = " ".join((await page_of(browser, "/chats/c1")).text.split())

    assert words.index("second") < words.index("Another answer was asked for") < words.index("the first")


async def test_a_reader_judges(browser, store):
    """A reader's thumb is feedback in its place; a second one replaces it, with a reason; it can be withdrawn."""
    await log(store, {"role": "assistant", "content": "hi", "id": "a/1"}, id="c/1")

    answer = await send(browser, "/chats/c%2F1/feedback", messageId="a/1", type="positive")

    assert (answer.status, answer.headers["Location"]) == (303, "/chats/c%2F1#m-a%2F1")
    assert "▲ Helpful 2025" in " ".join((await page_of(browser, "/chats/c%2F1")).text.split())

    await send(browser, "/chats/c%2F1/feedback", messageId="a/1", type="negative", details="too short")

    words = " ".join((await page_of(browser, "/chats/c%2F1")).text.split())
    assert "▼ Not helpful too short" in words
    assert "▲ Helpful 2025" not in words
    (feedback,) = (await store.feedbacks(10, 0))["negativeFeedback"]
    assert feedback["userProperties"] == {"id": "portal"}

    await send(browser, "/chats/c%2F1/feedback", messageId="a/1", type="none", id=feedback["id"])

    assert (await store.feedbacks(10, 0))["negativeFeedbackCount"] == 0


async def test_what_others_said_stays(browser, store):
    """A reader cannot withdraw a user's feedback, and a thumb is one of two."""
    logged = await log(store, {"role": "assistant", "content": "hi"}, id="c1")
    name = logged["messages"][0]["id"]
    feedback = await store.log_feedback(read_feedback({"type": "negative", "messageId": name}))

    assert (await send(browser, "/chats/c1/feedback", type="none", id=feedback["id"])).status == 403
    assert (await send(browser, "/chats/c1/feedback", type="both", messageId=name)).status == 400
    assert (await store.feedbacks(10, 0))["negativeFeedbackCount"] == 1


async def test_sharing(client, browser, store):
    """A link shows a stranger what was said and nothing else, until it is taken back; the next link is another."""
    await log(
        store,
        {"role": "system", "content": "SECRET"},
        {"role": "user", "content": "hello?"},
        {"role": "assistant", "content": "*hi*", "properties": {"reasoning": "SECRET"}},
        id="c1",
        userProperties={"userId": "SECRET"},
    )
    assert (await send(browser, "/chats/c1/share", public="true")).headers["Location"] == "/chats/c1#sharing"
    (link,) = [one for one in (await page_of(browser, "/chats/c1")).links if one.startswith("/shared/")]
    assert len(link) == len("/shared/") + 32
    await send(browser, "/chats/c1/share", public="true")
    assert link in (await page_of(browser, "/chats/c1")).links

    client.session.cookie_jar.clear()
    page = await page_of(client, link)

    assert "hello?" in page.text
    assert "SECRET" not in await (await client.get(link)).text()
    assert [one for one in page.links if one.startswith("/chats/")] == []

    await store.share("c1", public=False)
    assert "taken back" in (await page_of(client, link, 404)).text
    await store.share("c1", public=True)
    assert (await client.get(link)).status == 404


async def test_a_link_ends_with_what_is_private_or_gone(client, store):
    """A conversation that is posted as private, or deleted, is not read by link any more; a made-up link is none."""
    await log(store, {"role": "user", "content": "x"}, id="c1")
    await store.share("c1", public=True)
    link = f"/shared/{(await store.transcript('c1'))['share']}"
    assert (await client.get(link)).status == 200

    await log(store, {"role": "user", "content": "x"}, id="c1", visibility="private")
    assert (await client.get(link)).status == 404

    await store.share("c1", public=True)
    assert (await client.get(link)).status == 200
    await store.delete_conversation("c1")
    assert (await client.get(link)).status == 404
    assert (await client.get("/shared/%00")).status == 404


async def test_a_copy(browser, store):
    """A copy holds the conversation up to a message under ids of its own, names its origin, and is no session."""
    call = {"id": "t1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    origin = await log(
        store,
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": "a", "tool_calls": [call], "id": "m2"},
        {"role": "user", "content": "not this"},
        id="c1",
        userProperties={"userId": "ann"},
        properties={"model": "m", "teelogRev": 7, "source": "teelog"},
    )

    answer = await send(browser, "/chats/c1/fork", messageId="m2")

    copy = await store.conversation(answer.headers["Location"].removeprefix("/chats/"))
    assert [one["content"] for one in copy["messages"]] == ["q", "a"]
    assert not {one["id"] for one in copy["messages"]} & {one["id"] for one in origin["messages"]}
    assert copy["messages"][1]["tool_calls"] == [call]
    assert copy["properties"] == {"model": "m", "source": "portal", "kind": "fork", "forkedFrom": "c1"}
    assert copy["userProperties"] == {"userId": "ann"}
    assert "/chats/c1" in (await page_of(browser, answer.headers["Location"])).links

    assert (await send(browser, "/chats/c1/fork", messageId="m9")).status == 404
    assert (await send(browser, "/chats/none/fork")).status == 404


@pytest.mark.parametrize("doing", ["feedback", "share", "fork"])
async def test_strangers_do_nothing(client, browser, store, doing):
    """What a form does needs a session, and a page of ours that it was sent from."""
    await log(store, {"role": "assistant", "content": "x", "id": "m1"}, id="c1")
    fields = {"messageId": "m1", "type": "positive", "public": "true"}

    answer = await browser.post(f"/chats/c1/{doing}", data=fields, headers={"Origin": "https://evil.example.net"})
    assert answer.status == 403

    client.session.cookie_jar.clear()
    answer = await send(client, f"/chats/c1/{doing}", **fields)

    assert answer.headers["Location"].startswith("/sign-in")
    assert (await store.feedbacks(10, 0))["positiveFeedbackCount"] == 0
    assert (await store.transcript("c1"))["share"] == ""
    assert (await store.conversations(10))["total"] == 1


async def test_the_twins_of_a_transcript(browser, store):
    """A conversation's data is there as JSON, whole, and as CSV, a row for each message."""
    await log(store, {"role": "user", "content": "=1+1"}, {"role": "assistant", "content": "2"}, id="c/1")

    told = await (await browser.get("/chats/c%2F1/messages.json")).json()
    answer = await browser.get("/chats/c%2F1/messages.csv")

    assert [one["content"] for one in told["messages"]] == ["=1+1", "2"]
    assert answer.headers["Content-Disposition"] == 'attachment; filename="messages.csv"'
    assert [line.split(",")[3] for line in (await answer.text()).splitlines()] == ["content", "'=1+1", "2"]
