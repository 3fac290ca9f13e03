"""Insights in a browser without scripts, and its twins; each row leads to the sessions that it counts."""

import csv
import io

import pytest

from proxy.analytics.keeper import Keeper
from proxy.core.wire import read_event, read_feedback
from tests.analytics.looking import HOSTILE, log, page_of

AT = "2025-11-22T07:00:00.000Z"


@pytest.fixture
async def filled(store):
    """Sessions in which help failed in every way, and searches."""
    asked = {"role": "user", "content": f"How do I export {HOSTILE}?", "createdAt": AT}
    again = {"role": "user", "content": "export script alert how", "createdAt": AT}
    links = [{"url": "https://docs.example/x#y", "title": HOSTILE}]
    answers = [
        {"links": links},
        {"properties": {"refusal": True}},
        {"properties": {"interrupted": "client"}},
        {"properties": {"interrupted": "upstream"}},
    ]
    for number, more in enumerate(answers):
        answer = {"role": "assistant", "content": "so", "id": f"m{number}", "createdAt": AT} | more
        await log(store, asked, answer, *([again] if number == 0 else []), id=f"c{number}")
    reasons = [{"label": "inaccurate_statement", "details": ""}]
    await store.log_feedback(read_feedback({"type": "negative", "messageId": "m1", "reasons": reasons}))
    await store.log_feedback(read_feedback({"type": "negative", "messageId": "m2"}))
    for kind, said in (
        ("search_query_submitted", "SSO"),
        ("search_query_submitted", "found"),
        ("search_result_clicked", "found"),
    ):
        await store.log_event(read_event({"type": kind, "entityType": "search", "searchQuery": said, "createdAt": AT}))
    await store.log_event(
        read_event(
            {"type": "message:regenerated", "entityType": "conversation", "conversationId": "c3", "createdAt": AT}
        )
    )
    while await Keeper(store).do_some():
        pass


async def test_an_empty_page_says_what_to_do(browser):
    """Before anything was logged every list says why it is empty."""
    text = (await page_of(browser, "/insights")).text

    assert "Nobody asked anything in this period" in text
    assert "Searches come as events" in text


async def test_the_page(browser, filled):
    """The page tells what was asked and where help failed, and adds nothing foreign."""
    text = " ".join((await page_of(browser, "/insights")).text.split())

    assert f"How do I export {' '.join(HOSTILE.split())}?" in text
    for part in ("The model refused 1 1", "Cut off (the client left) 1 1", "Cut off (the upstream broke off) 1 1",
                 "Answered anew 1 1", "Asked again 1 1", "Thumbs down 2 2", "inaccurate statement 1 1",
                 "no reason was given 1 1", "https://docs.example/x 1 0", "SSO 1"):  # fmt: skip
        assert part in text, part
    assert "found" not in text.partition("Searches that led nowhere")[2]


async def test_each_row_leads_to_what_it_counts(browser, filled):
    """Every row of every list, but for searches, leads to as many sessions as it counts."""
    lists = (await (await browser.get("/insights.json")).json())["lists"]

    assert all(lists.values())
    for name, rows in lists.items():
        for row in rows:
            shown = await (await browser.get("/chats.json", params=row["narrow"])).json()
            assert name == "searches" or shown["total"] == row["sessions"], (name, row)


async def test_the_list_says_what_it_is_narrowed_to(browser, filled):
    """The list that a row leads to says so, and each part of it can be taken back."""
    rows = (await (await browser.get("/insights.json")).json())["lists"]["failures"]
    page = await browser.get("/chats", params=rows[0]["narrow"])
    text = await page.text()

    assert page.status == 200
    assert '<option value="refused" selected>' in text
    assert "Do not narrow by this" in text


async def test_the_sheet(browser, filled):
    """The CSV has every row of every list, safe for spreadsheets."""
    rows = list(csv.DictReader(io.StringIO(await (await browser.get("/insights.csv")).text())))

    assert {row["list"] for row in rows} == {
        "questions", "failures", "reasons", "again", "unhelped", "links", "searches",
    }  # fmt: skip
    assert [row["search"] for row in rows if row["list"] == "searches"] == ["SSO"]


@pytest.mark.parametrize("query", ["from=0001-01-01", "to=9999-12-31&from=9999-12-30", "from=2025-11-22&to=2025-11-20"])
async def test_a_period_of_no_age_is_refused(browser, query):
    """A period that no calendar has is told, not stumbled over."""
    assert (await browser.get(f"/insights?{query}")).status == 400
    assert (await browser.get(f"/insights.csv?{query}")).status == 400
