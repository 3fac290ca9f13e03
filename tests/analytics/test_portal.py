"""The pages' place in the application, before and after somebody has looked."""

import asyncio
import re

import pytest
from aiohttp import web

from proxy.analytics.api import make_app
from proxy.analytics.auth import Keys
from proxy.analytics.pages import Pages
from proxy.analytics.portal import SECTIONS

KEY = {"Authorization": "Bearer key-api"}


@pytest.fixture
async def client(store, aiohttp_client):
    return await aiohttp_client(make_app(store, api_keys=["key-api"]))


def test_every_page_has_its_place(store):
    """The paths of all pages begin with the sections that the portal leads to, and each section has a page."""
    app = web.Application()
    Pages(store, Keys(["key-api"], []), lambda: 0.0).attach(app)
    paths = {resource.canonical for resource in app.router.resources()} - {"/"}

    assert {re.split("[./]", path[1:])[0] for path in paths} == set(SECTIONS)


async def test_two_may_come_first(client):
    """Two who look at once before anybody has are both shown what they asked for."""
    answers = await asyncio.gather(*(client.get(path, headers=KEY) for path in ("/chats.json", "/sign-in")))

    assert [answer.status for answer in answers] == [200, 200]
    assert (await answers[0].json())["sessions"] == []
    assert "<form" in await answers[1].text()


async def test_a_session_lasts_from_page_to_page(client):
    """Who has signed in at the first page is known at the next."""
    signed = await client.post(
        "/sign-in", data={"key": "key-api", "next": "/delivery"}, headers={"Sec-Fetch-Site": "same-origin"}
    )

    assert (signed.status, signed.url.path) == (200, "/delivery")


NOT_THERE = {
    "a form's path, read": ("GET", "/sign-out"),
    "a page, written": ("POST", "/chats"),
    "a page, deleted": ("DELETE", "/chats/a"),
    "below a page": ("GET", "/delivery/more"),
    "a twin that a page has not": ("GET", "/shared.json"),
    "a file that is not there": ("GET", "/static/none.js"),
    "beside a page": ("GET", "/chatsx"),
    "an operation with another method": ("PUT", "/feedback"),
}


@pytest.mark.parametrize(("method", "path"), NOT_THERE.values(), ids=NOT_THERE)
async def test_what_is_not_there(client, method, path):
    """A path or method that is no page's and no operation's is a 404 in the shape of all errors, on the first request too."""
    answer = await client.request(method, path, headers=KEY)

    assert (answer.status, answer.content_type) == (404, "application/problem+json")
    assert (await answer.json())["detail"] == f"there is no {method} {path} here"


async def test_an_id_of_any_characters(client):
    """An id in a page's path may hold what no file name would: the page says that there is no such conversation."""
    answer = await client.get("/chats/a%0Ab%2Fc/messages.json", headers=KEY)

    assert answer.status == 404
    assert "there is no GET" not in (await answer.json())["detail"]
