"""The list of conversations in a browser without scripts, its twins, and what narrows it."""

import csv
import io

import pytest

from proxy.analytics import conversations
from proxy.core.wire import read_feedback
from tests.analytics.looking import log, page_of


async def test_an_empty_list_says_what_to_do(browser):
    """Before anything was logged the list says how to begin; where nothing fits, how to find more."""
    assert "Nothing has been logged yet" in (await page_of(browser, "/chats")).text
    assert "No session fits" in (await page_of(browser, "/chats?user=ann")).text


@pytest.fixture
async def filled(store, clock):
    """Three sessions, and a title that a program asked for."""
    logged = await log(
        store,
        {"role": "user", "content": "first question"},
        {
            "role": "assistant",
            "content": "ans",
            "properties": {"interrupted": "client", "usage": {"total_tokens": 1200}},
        },
        {
            "role": "assistant",
            "content": "no",
            "properties": {"refusal": True, "usage": {"input_tokens": 30, "output_tokens": 4}},
        },
        id="a/b",
        properties={"model": "gpt-x", "env": "prod"},
        userProperties={"userId": "ann"},
        tags=["vip"],
    )
    await store.log_feedback(read_feedback({"type": "positive", "messageId": logged["messages"][1]["id"]}))
    clock.now += 3_600_000
    await log(store, {"role": "user", "content": "second question"}, id="c2", tags=["vip", "eu"])
    clock.now += 48 * 3_600_000
    await log(store, {"role": "user", "content": "=3+3"}, id="c3")
    await log(store, {"role": "user", "content": "make a title"}, id="t1", properties={"kind": "title"})


async def test_the_list(browser, filled):
    """The list shows each session's question, turns, user, model, tokens, feedback and state, newest first."""
    page = await page_of(browser, "/chats")

    words = " ".join(page.text.split())
    assert (
        "3 sessions, last changed first Export as CSV or JSON =3+3 2025-11-24 08:46 UTC 1 turn second question 2025-11-22 08:46 UTC 1 turn vip eu first"
        in words
    )
    assert "1 turn ann gpt-x 1,234 tokens ▲ 1 helpful interrupted refused vip" in words
    assert "/chats/a%2Fb" in page.links
    assert "title" not in words


async def test_the_list_says_why_a_thumb_went_down(browser, filled, store):
    """What was said with a thumb down stands in the list, and in its CSV, where no spreadsheet runs it."""
    for name, details in (("one", "=1+1"), ("two", "too late")):
        logged = await log(store, {"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}, id=name)
        said = {"type": "negative", "messageId": logged["messages"][1]["id"], "details": details}
        await store.log_feedback(read_feedback(said))

    assert "▼ 1 not helpful =1+1" in " ".join((await page_of(browser, "/chats?feedback=negative")).text.split())
    sheet = await (await browser.get("/chats.csv?feedback=negative")).text()
    assert {row["why"] for row in csv.DictReader(io.StringIO(sheet))} == {"'=1+1", "too late"}


async def test_the_list_is_no_longer_for_long_feedback(browser, store):
    """However long and often people say why, the list has some of it, and the page a line."""
    await log(store, {"role": "user", "content": "q"}, {"role": "assistant", "content": "a", "id": "m"})
    for number in range(9):
        said = {"type": "negative", "messageId": "m", "userProperties": {"id": f"u{number}"}, "details": "x" * 90_000}
        await store.log_feedback(read_feedback(said | {"reasons": [{"label": "other", "details": "y" * 90_000}]}))

    assert len(await (await browser.get("/chats")).text()) < 10_000
    (told,) = (await (await browser.get("/chats.json")).json())["sessions"]
    assert (told["negative"], 4000 < len(told["why"]) < 6000) == (9, True)


async def test_what_was_chosen_is_shown(browser, filled):
    """The filter bar shows what the address asks for: dates before a range, and every way in which answers fail."""
    chosen = {
        "from=2025-11-22&range=7d": '<option value="" selected>The dates below</option>',
        "range=7d": '<option value="7d" selected>',
        "failed=refused": '<option value="refused" selected>',
        "failed=interrupted:client": '<option value="interrupted:client" selected>interrupted, by client</option>',
        "interrupted=false": '<option value="false" selected>whole</option>',
    }
    for query, option in chosen.items():
        text = await (await browser.get(f"/chats?{query}")).text()
        assert option in text, query
        assert 'name="failed" value=' not in text, query
    page = await page_of(browser, "/chats?began=2025-11-22T07:00:00.000Z")
    assert "began at or after 2025-11-22 07:00 UTC" in " ".join(page.text.split())


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        pytest.param("", ["c3", "c2", "a/b"], id="nothing"),
        pytest.param("side=true", ["c3", "t1", "c2", "a/b"], id="side requests too"),
        pytest.param("q=second", ["c2"], id="words"),
        pytest.param("q=title&side=true", ["t1"], id="words of a side request"),
        pytest.param("user=ann", ["a/b"], id="user"),
        pytest.param("model=gpt-x", ["a/b"], id="model"),
        pytest.param("tag=vip", ["c2", "a/b"], id="tag"),
        pytest.param("tag=vip&tag=eu", ["c2"], id="two tags"),
        pytest.param("property=env%3Dprod", ["a/b"], id="property"),
        pytest.param("feedback=positive", ["a/b"], id="feedback"),
        pytest.param("feedback=negative", [], id="other feedback"),
        pytest.param("interrupted=true", ["a/b"], id="interrupted"),
        pytest.param("interrupted=false", ["c3", "c2"], id="whole"),
        pytest.param("failed=any", ["a/b"], id="help failed"),
        pytest.param("failed=refused", ["a/b"], id="refused"),
        pytest.param("failed=interrupted:upstream", [], id="interrupted by somebody else"),
        pytest.param("range=24h", ["c3"], id="the last day"),
        pytest.param("from=2025-11-22&to=2025-11-22", ["c2", "a/b"], id="a day"),
        pytest.param("from=2025-11-22T08:00:00Z", ["c3", "c2"], id="from a time"),
        pytest.param("q=&user=&tag=&from=&to=&feedback=", ["c3", "c2", "a/b"], id="an empty form"),
    ],
)
async def test_filters(browser, filled, query, ids):
    """The address says which sessions are shown, and its twins tell the same ones."""
    page = await page_of(browser, f"/chats?{query}")
    told = await (await browser.get(f"/chats.json?{query}")).json()
    rows = list(csv.DictReader(io.StringIO(await (await browser.get(f"/chats.csv?{query}")).text())))

    shown = [link.removeprefix("/chats/").replace("%2F", "/") for link in page.links if link.startswith("/chats/")]
    assert [one["id"] for one in told["sessions"]] == ids
    assert shown == ids
    assert [row["id"] for row in rows] == ids
    assert told["total"] == len(ids)


@pytest.mark.parametrize("query", ["feedback=odd", "range=7", "from=yesterday", "cursor=x", "page=2", "limit=51"])
async def test_odd_questions(browser, query):
    """What cannot be asked is answered with a page that says so, and for its twins with a problem."""
    page = await page_of(browser, f"/chats?{query}", 400)
    assert "That did not work" in page.text
    assert "Chat Sessions without any filter" in page.text
    for twin in ("json", "csv"):
        answer = await browser.get(f"/chats.{twin}?{query}")
        assert (answer.status, answer.content_type) == (400, "application/problem+json")


async def test_paging(browser, store, clock):
    """Fifty sessions stand on a page; a link leads to the older ones, without a gap when newer ones come, and back."""
    for number in range(120):
        clock.now += 1000
        await log(store, {"role": "user", "content": f"question-{number:03d}."}, tags=["x", "y"])

    seen, path = [], "/chats?tag=x&tag=y"
    for _ in range(3):
        page = await page_of(browser, path)
        seen += [word for word in page.text.split() if word.startswith("question-")]
        (path,) = [one for one in page.links if "cursor=" in one and not one.startswith("/chats.")] or [""]
        await log(store, {"role": "user", "content": "new"}, tags=["x", "y"])

    assert seen == [f"question-{number:03d}." for number in range(119, -1, -1)]
    assert path == ""
    assert "/chats?tag=x&tag=y" in page.links


async def test_many_are_not_counted(browser, database):
    """Over a thousand sessions are called that: counting more would take the longer, the more there are."""

    def log_many(tx):
        for number in range(1001):
            messages = [{"role": "user", "content": "x", "id": "m"}]
            conversations.log(tx, {"type": "openai", "id": f"c{number}", "messages": messages}, 1, str)

    await database.awrite(log_many)

    assert "More than 1,000 sessions" in (await page_of(browser, "/chats")).text
    assert (await (await browser.get("/chats.json")).json())["total"] is None


async def test_the_export_is_whole(browser, filled):
    """The CSV has every session that the filter finds, not only a page, its length first and no formula in it."""
    answer = await browser.get("/chats.csv")

    body = await answer.read()
    assert int(answer.headers["Content-Length"]) == len(body)
    assert answer.headers["Content-Disposition"] == 'attachment; filename="chats.csv"'
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    assert [row["question"] for row in rows] == ["'=3+3", "second question", "first question"]
    assert (rows[2]["tokens"], rows[2]["tags"], rows[2]["interrupted"]) == ("1234", '["vip"]', "true")


async def test_the_live_view(browser, filled):
    """The live view asks for the same list again and again, with a script and without; the list itself does not."""
    still = await (await browser.get("/chats?user=ann")).text()
    live = await (await browser.get("/chats?user=ann&live=true")).text()

    assert "htmx.min.js" not in still
    assert 'hx-get="/chats?user=ann&amp;live=true" hx-trigger="every 3s"' in live
    assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in live
