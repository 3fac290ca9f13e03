"""What pages share: who sees them, their twins, the navigation, and how much may be exported at once."""

import asyncio

import pytest
from aiohttp import web

from proxy.analytics.auth import Keys, Sessions
from proxy.analytics.door import Door
from proxy.analytics.frame import EXPORTS, Frame, Page
from proxy.errors import ApiError

KEY = {"Authorization": "Bearer key-api"}


@pytest.fixture
def held():
    """Lets exports go on."""
    return asyncio.Event()


@pytest.fixture
async def client(aiohttp_client, held):
    """A server with two pages: one whose export waits, and one that refuses."""

    async def look(request):
        if "odd" in request.query:
            raise ApiError(400, "that is odd")
        return {"detail": "<b>"}

    async def table(request):
        yield ["name", "value"]
        await held.wait()
        yield ["=x", {"a": None}]
        yield [None, -5]

    app = web.Application()
    keys = Keys(["key-api"], ["key-web"])
    Door((), (), keys.knows).attach(app)
    frame = Frame(keys, Sessions(lambda: 0.0))
    frame.add(app, Page("/one", "problem.html", look, table, tab="One"))
    frame.add(app, Page("/two/{id}", "problem.html", look, table, twin="/two/{id}/rows"))
    return await aiohttp_client(app)


async def test_twins_are_for_programs_too(client, held):
    """The data of a page is there for an api key, as JSON and as CSV in cells that are safe; for nobody else."""
    held.set()

    assert await (await client.get("/one.json", headers=KEY)).json() == {"detail": "<b>"}
    answer = await client.get("/two/x/rows.csv", headers=KEY)
    assert await answer.text() == 'name,value\r\n\'=x,"{""a"":null}"\r\n,-5\r\n'
    assert answer.headers["Content-Disposition"] == 'attachment; filename="rows.csv"'

    for path in ("/one.json", "/one.csv"):
        assert (await client.get(path)).status == 401
        assert (await client.get(path, headers={"Authorization": "Bearer key-web"})).status == 403
    assert (await client.get("/one", headers=KEY, allow_redirects=False)).status == 303


async def test_what_is_odd_is_said(client):
    """What a page refuses comes as a problem to who asked for its data."""
    answer = await client.get("/one.json?odd", headers=KEY)

    assert (answer.status, (await answer.json())["detail"]) == (400, "that is odd")


async def test_so_many_exports_at_once(client, held):
    """More exports than there may be at once are refused, and work again when others are done."""
    waiting = [asyncio.ensure_future(client.get("/one.csv", headers=KEY)) for _ in range(EXPORTS + 1)]
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    assert [one.result().status for one in done] == [429]

    held.set()

    assert sorted([(await one).status for one in waiting]) == [*[200] * EXPORTS, 429]
    assert (await client.get("/one.csv", headers=KEY)).status == 200
