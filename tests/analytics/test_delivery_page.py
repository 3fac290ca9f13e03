"""Delivery: the proxy's status in the portal's look."""

import pytest

from proxy.analytics.api import make_app
from proxy.health import health
from tests.analytics.looking import HOSTILE, page_of, sign_in
from tests.test_status_page import FRESH, RECORDER, told


async def looking(aiohttp_client, store, delivery):
    client = await aiohttp_client(make_app(store, api_keys=["key"], delivery=delivery))
    await sign_in(client, "key")
    return client


def answering(status):
    async def delivery():
        return status

    return delivery


async def test_alone_there_is_no_queue(browser):
    """A server without a proxy beside it says that there is no queue here."""
    assert "There is no queue here" in (await page_of(browser, "/delivery")).text
    assert await (await browser.get("/delivery.json")).json() == {"has_queue": False, "told": None}


async def test_the_page(aiohttp_client, store):
    """Health with its reasons, each sink, dead letters, the ledger and the counters stand on the page."""
    status = told(RECORDER, {"disk_full": 7})
    browser = await looking(aiohttp_client, store, answering(status))
    text = " ".join((await page_of(browser, "/delivery")).text.split())

    for part in ("teelog is red", "7 exchanges of the last 15 min were not recorded", "To deliver 3 about 12 KB",
                 "The oldest waits for 2 h", "41 h at the present rate", "it answered 503", "refused 2", "disk full 7",
                 "4 exchanges could not be read, 9.0 KB", "5,000 requests", "recorded 1,234", "5.0 GB free"):  # fmt: skip
        assert part in text, part
    assert (await (await browser.get("/delivery.json")).json())["told"]["health"] == "red"
    assert "recorder.sinks.analytics.depth,3" in await (await browser.get("/delivery.csv")).text()


@pytest.mark.parametrize("recorder", [FRESH, {}, {"error": "disk I/O error"}], ids=["fresh", "no recorder", "no store"])
async def test_every_state_has_a_page(aiohttp_client, store, recorder):
    """Whatever the proxy says of the recorder, there is a page."""
    browser = await looking(aiohttp_client, store, answering(told(recorder)))

    assert f"teelog is {health({}, recorder)['health']}" in " ".join((await page_of(browser, "/delivery")).text.split())


async def test_a_proxy_that_does_not_answer_is_told_of(aiohttp_client, store):
    """When the proxy says nothing, the page says that."""
    browser = await looking(aiohttp_client, store, answering({}))

    assert "The proxy does not answer" in (await page_of(browser, "/delivery")).text


async def test_what_strangers_said_is_text(aiohttp_client, store):
    """An error that quotes a sink is text on the page."""
    sink = RECORDER["sinks"]["analytics"] | {"last_error": HOSTILE, "dead": {HOSTILE: 1}}
    browser = await looking(aiohttp_client, store, answering(told(RECORDER | {"sinks": {"analytics": sink}})))

    assert HOSTILE in (await page_of(browser, "/delivery")).text
