"""Analytics in a browser without scripts, and its twins; what figures lead to is what they counted."""

import csv
import io
from urllib.parse import parse_qsl, urlsplit

import pytest

from proxy.analytics.keeper import Keeper
from proxy.core.wire import read_feedback
from tests.analytics.looking import HOSTILE, log, page_of

HOUR = 3_600_000


@pytest.fixture
async def filled(store, clock):
    """Four sessions of three users and two models over two days, and a title."""
    for number, (user, model, hours) in enumerate(
        [("ann", "gpt-x", 30), ("ann", "gpt-x", 3), ("bob", "gpt-y", 2), (HOSTILE, "gpt-x", 1)]
    ):
        at = clock.now - hours * HOUR
        answer = {"role": "assistant", "content": "so", "id": f"m{number}", "createdAt": iso(at + 9)} | {
            "properties": {"model": model, "usage": {"prompt_tokens": 10, "completion_tokens": 5}, "latencyMs": 1234}
        }
        await log(
            store,
            {"role": "user", "content": f"what {HOSTILE}", "createdAt": iso(at)},
            answer,
            id=f"c{number}",
            properties={"model": model, "endpoint": "chat", "source": HOSTILE if number else "docs"},
            userProperties={"userId": user},
        )
    await store.log_feedback(read_feedback({"type": "negative", "messageId": "m1"}))
    await log(
        store, {"role": "user", "content": "a title", "createdAt": iso(clock.now - HOUR)}, properties={"kind": "title"}
    )


def iso(at):
    from proxy.core.fields import time_text

    return time_text(at)


async def told(browser, path):
    answer = await browser.get(path)
    assert (answer.status, answer.content_type) == (200, "application/json")
    return await answer.json()


async def test_an_empty_page_says_what_to_do(browser):
    """Before anything was logged the page says how figures come."""
    assert "No session began in this period" in (await page_of(browser, "/analytics")).text
    assert "No session began" in (await page_of(browser, "/analytics?range=all")).text


async def test_the_page(browser, filled):
    """The page tells the figures, what changed, the charts with their tables, and the groups, and adds nothing foreign."""
    text = " ".join((await page_of(browser, "/analytics?range=24h&by=property:source")).text.split())

    assert "Sessions 3 +200 %, was 1" in text
    assert "Users 3 +200 %" in text
    assert "Answers with feedback 33.3 % none before" in text
    assert "Duration, p95 1.2 s as before" in text
    assert "Cost unknown" in text
    assert "Sessions by hour" in text
    assert "3 of 3 answers told their tokens, 0 have a known price" in text
    assert HOSTILE in text


async def test_the_twin(browser, filled):
    """The JSON has what the page shows: in all, before, by time and by group."""
    answer = await told(browser, "/analytics.json?range=24h")

    assert {name: answer["total"][name] for name in ("sessions", "users", "newUsers", "negative", "tokensIn")} == {
        "sessions": 3, "users": 3, "newUsers": 2, "negative": 1, "tokensIn": 30,
    }  # fmt: skip
    assert answer["before"]["sessions"] == 1
    assert sum(one["sessions"] for one in answer["series"]) == 3
    assert {one["name"]: one["sessions"] for one in answer["groups"]} == {"gpt-x": 2, "gpt-y": 1}
    assert {one["name"]: one["before"] and one["before"]["sessions"] for one in answer["groups"]} == {
        "gpt-x": 1, "gpt-y": None,
    }  # fmt: skip
    with_side = await told(browser, "/analytics.json?range=24h&side=true")
    assert with_side["total"]["sessions"] == 4


async def test_groups_stand_beside_what_they_were(browser, filled):
    """By model the page tells what each figure was before, so that it shows which model got worse."""
    text = " ".join((await page_of(browser, "/analytics?range=24h")).text.split())

    assert "gpt-x 2 was 1 4 was 2 2 was 1" in text
    assert "gpt-y 1 2 1" in text
    assert "“Was” is the period of the same length before." in text
    assert "“Was”" not in (await page_of(browser, "/analytics?range=all")).text


async def test_the_sheet(browser, filled):
    """The CSV has a row for each of them, under the same names."""
    text = await (await browser.get("/analytics.csv?range=24h&by=property:source")).text()
    rows = list(csv.DictReader(io.StringIO(text)))

    assert [row["row"] for row in rows[:3]] == ["total", "before", "hour"]
    assert rows[0]["sessions"] == "3"
    assert rows[-1]["row"] == "property:source"


@pytest.mark.parametrize(
    "query",
    [
        "range=24h",
        "range=7d&by=endpoint",
        "range=all&unit=week",
        "user=ann&range=7d",
        "by=property:source",
        "feedback=negative",
    ],
)
async def test_what_is_counted_is_what_the_list_shows(browser, filled, query):
    """Every bucket and every group leads to as many sessions as it counts."""
    answer = await told(browser, f"/analytics.json?{query}")

    counted = [answer["total"], *answer["series"], *answer["groups"]]
    assert sum(one["sessions"] for one in answer["series"]) == answer["total"]["sessions"] > 0
    for one in counted:
        shown = await (await browser.get("/chats.json", params=one["narrow"])).json()
        assert shown["total"] == one["sessions"], one


async def test_bars_lead_where_their_rows_do(browser, filled):
    """The links of the charts are lists of sessions, narrowed to a time."""
    page = await page_of(browser, "/analytics?range=24h&user=ann")

    bars = [dict(parse_qsl(urlsplit(link).query)) for link in page.links if link.startswith("/chats?")]
    assert len(bars) > 24
    assert all({"began", "before", "user"} <= bar.keys() for bar in bars)


@pytest.mark.parametrize(
    "query",
    [
        *("unit=year", "by=user", "colour=red", "range=1y", "unit=hour&range=30d"),
        *("from=0001-01-01", "from=9999-12-30&to=9999-12-31", "from=2025-11-22&to=2025-11-20"),
    ],
)
async def test_what_is_wrong_is_told(browser, query):
    """A question that means nothing is refused with its reason, on the page as in the twins."""
    refused = await browser.get(f"/analytics.json?{query}")
    page = await browser.get(f"/analytics?{query}")

    assert (refused.status, refused.content_type) == (400, "application/problem+json")
    assert (page.status, page.content_type) == (400, "text/html")


async def test_figures_need_somebody_who_may_see_them(client, filled):
    """Without a key or a session there are no figures."""
    for path in ("/analytics.json", "/insights.json", "/delivery.json", "/analytics.csv"):
        assert (await client.get(path)).status == 401
    assert (await client.get("/analytics", allow_redirects=False)).status == 303


@pytest.mark.parametrize(
    "at", [-62_135_596_800_000, 0, 253_402_300_799_999], ids=["the year 1", "1970", "the year 9999"]
)
async def test_a_clock_that_is_wrong_spoils_nothing(browser, store, clock, at):
    """A session of another age is kept, and the figures of all time are told all the same."""
    await log(store, {"role": "user", "content": "when?", "createdAt": iso(at)})
    await log(store, {"role": "user", "content": "now", "createdAt": iso(clock.now - HOUR)})
    while await Keeper(store).do_some():
        pass
    answer = await told(browser, "/analytics.json?range=all")

    assert answer["total"]["sessions"] == (2 if at == 0 else 1)
    assert (await browser.get("/analytics?range=all")).status == 200
    assert (await browser.get("/insights?range=all")).status == 200
