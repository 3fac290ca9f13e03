"""The pages as a whole: what is true of each of them."""

from proxy.analytics.api import make_app


async def test_pages_are_not_kept(browser):
    """What is read on a page stays in no cache."""
    assert (await browser.get("/chats")).headers["Cache-Control"] == "no-store"


async def test_a_session_is_no_key(browser):
    """A browser's session opens the pages, never the API: another site could make a browser call it."""
    assert (await browser.get("/conversations")).status == 401


async def test_without_pages_there_are_none(aiohttp_client, store):
    """A server without pages answers the API only."""
    client = await aiohttp_client(make_app(store, api_keys=["k"], pages=False))

    assert [(await client.get(path)).status for path in ("/", "/chats", "/sign-in", "/livez")] == [404, 404, 404, 200]
