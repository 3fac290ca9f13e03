"""The frame that every page stands in: who may see it, its twins, the navigation, the templates.

A page is added in `Pages.attach` (`pages.py`; `portal.py` knows with what paths begin), with one line:

    frame.add(app, Page("/insights", "insights.html", look, table, tab="Insights"))

`look(request)` is a coroutine that returns what the page shows: a dict of plain values (texts, whole numbers, times as
ISO texts in UTC). They are the answer of `/insights.json` as they are, and the template's variables (after `arrange`, if
the page has it; the template is rendered on a thread). `table(request)` is an async generator of rows, names first, that
`/insights.csv` sends; every cell is made safe for spreadsheets here (`sheet`, instead, returns a whole file). So the URL
is the query for all three, and the twins have the page's data whatever it looks like. Twins may also be asked with an api
key (`Authorization: Bearer`). `ApiError` out of any of them becomes a page, or a problem for the twins.

The template extends `base.html` and fills the blocks `title`, `main` and, where it has styles or scripts of its own,
`head`: `<script src="{{ asset('plots.js') }}" defer></script>` for a file in `static/`. Content security policy: no
inline script or style, no `style` or `on…` attributes, nothing from elsewhere. `bars.html` has the macros of the filter
bar (`period`, `choice`, `field`, `each`, `hidden`, `twins`); `charts` in `teelog.css` names what a chart stands in. Filters:
`|when` a time for its reader, `|whole` a number in groups of three, `|segment` an id in a path, `|query` the request's
query, some of it changed, as a query string. Forms that change something are added with `frame.add_form`, which checks
where they came from.
"""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

import orjson
from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from ..core.cells import cell, csv_lines
from ..core.period import RANGES
from ..errors import ApiError
from .assets import Assets
from .auth import API
from .marks import FILTERS
from .origin import check_same_origin
from .sending import send_csv

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from .auth import Keys, Sessions

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

COOKIE = "teelog_session"
#: Exports at once: each may have a file.
EXPORTS = 4
#: Who reads an export this slowly has gone.
SEND_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Page:
    """A page with its twins."""

    path: str
    template: str
    look: Callable[[web.Request], Awaitable[dict[str, Any]]]
    table: Callable[[web.Request], AsyncIterator[Sequence[Any]]] | None = None
    #: The CSV as a file, instead of `table`: where there are too many rows for memory.
    sheet: Callable[[web.Request], Awaitable[IO[bytes]]] | None = None
    #: What the template gets, made of what `look` returned, where it is not the same.
    arrange: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]] | None = None
    #: What it is called in the navigation; empty: not there.
    tab: str = ""
    #: What the twins' paths have before `.json` and `.csv`, where it is not the page's own.
    twin: str = ""


class Frame:
    """What pages share."""

    def __init__(self, keys: Keys, sessions: Sessions) -> None:
        self._keys = keys
        self._sessions = sessions
        self._assets = Assets()
        self._tabs: list[tuple[str, str]] = []
        self._sections: set[str] = set()
        self._exports = 0
        self._templates = Environment(
            loader=PackageLoader(__package__),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters.update(FILTERS)
        self._templates.globals.update(asset=self._assets.address, tabs=self._tabs, ranges=RANGES)

    def attach(self, app: web.Application) -> None:
        """Adds the routes of the files that pages are made of."""
        self._assets.attach(app)

    def add(self, app: web.Application, page: Page) -> None:
        """Adds a page's routes, and its name to the navigation."""
        if page.tab:
            self._tabs.append((page.path, page.tab))
        self._sections.add(page.path.split("/")[1])
        twin = page.twin or page.path

        async def show(request: web.Request) -> web.Response:
            told = await page.look(request)
            values = await page.arrange(told) if page.arrange else told
            return await asyncio.to_thread(self.render, page.template, request, **values)

        async def tell(request: web.Request) -> web.Response:
            return web.Response(body=orjson.dumps(await page.look(request)), content_type="application/json")

        async def list_rows(request: web.Request) -> web.StreamResponse:
            return await self._send_table(request, page)

        app.router.add_get(f"{twin}.json", self._readable(tell), allow_head=False)
        app.router.add_get(f"{twin}.csv", self._readable(list_rows), allow_head=False)
        app.router.add_get(page.path, self.signed_in(show))

    def add_form(self, app: web.Application, path: str, handler: Handler, *, signed_in: bool = True) -> None:
        """Adds what a form is sent to; one that another site's page has sent is refused."""

        async def take(request: web.Request) -> web.StreamResponse:
            check_same_origin(request)
            return await handler(request)

        app.router.add_post(path, self.signed_in(take) if signed_in else self.for_people(take))

    def has(self, path: str) -> bool:
        """Whether a path is in a section of the pages that were added."""
        return path.split("/")[1].partition("?")[0] in self._sections

    def signed_in(self, handler: Handler) -> Handler:
        """A handler for people who are signed in; others are asked to, and come back to what they wanted to see."""
        answer = self.for_people(handler)

        async def handle(request: web.Request) -> web.StreamResponse:
            if self._is_signed_in(request):
                return await answer(request)
            wanted = request.raw_path if request.method in ("GET", "HEAD") else "/chats"
            location = f"/sign-in?next={quote(wanted, safe='')}"
            # A list that looks for what is new would otherwise show the sign-in in its place.
            is_polled = "HX-Request" in request.headers
            return web.Response(status=204, headers={"HX-Redirect": location}) if is_polled else redirect(location)

        return handle

    def for_people(self, handler: Handler) -> Handler:
        """A handler whose errors are pages."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except ApiError as error:
                return self.render("problem.html", request, error.status, detail=error.detail)

        return handle

    def render(self, template: str, request: web.Request, status: int = 200, **values: Any) -> web.Response:
        """A page made of a template; `path`, the request's query (`asked`) and whether it is signed in are known there."""
        known = {"path": request.path, "asked": request.query, "is_signed_in": self._is_signed_in(request)}
        text = self._templates.get_template(template).render(known | values)
        return web.Response(status=status, text=text, content_type="text/html")

    async def _send_table(self, request: web.Request, page: Page) -> web.StreamResponse:
        """A page's rows as CSV; what is wrong with the question is said before the answer begins."""
        if self._exports >= EXPORTS:
            raise ApiError(429, "too many exports are under way already: ask again later")
        self._exports += 1
        try:
            with await (page.sheet or partial(self._written, page))(request) as file:
                return await send_csv(request, file, request.path.rpartition("/")[2], SEND_SECONDS)
        finally:
            self._exports -= 1

    async def _written(self, page: Page, request: web.Request) -> IO[bytes]:
        assert page.table is not None, page.path
        rows = [[cell(value) for value in row] async for row in page.table(request)]
        return io.BytesIO(csv_lines(rows))

    def _is_signed_in(self, request: web.Request) -> bool:
        return self._sessions.is_open(request.cookies.get(COOKIE))

    def _readable(self, handler: Handler) -> Handler:
        """A handler for people who are signed in, and for programs with an api key."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if not self._is_signed_in(request):
                self._keys.check(request.headers.get("Authorization"), (API,))
            return await handler(request)

        return handle


def redirect(location: str) -> web.Response:
    """Leads a browser to another page, with GET."""
    return web.Response(status=303, headers={"Location": location})
