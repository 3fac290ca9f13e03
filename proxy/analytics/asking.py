"""The operations that ask: queries, their exports, property keys and values, and what was searched for.

    POST /query/{view}            POST /query/property-keys      GET /query/top-search-queries?after&project_id
    POST /query/{view}/export     POST /query/property-values    GET /query/weekly-search-users?after&project_id

All are for api keys. A view is conversations, events, feedback or semantic-threads. Only so many are answered at once,
so that pages and lists always find a reader; the others wait their turn, and when too many wait, 429.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

from ..core.fields import fault, parse_time
from ..core.query import read_query
from ..core.query_fields import VIEWS
from ..core.query_properties import read_property_keys, read_property_values
from ..errors import ApiError
from . import questions
from .auth import API
from .questions import Limits
from .request import read_checked
from .sending import send_csv
from .sheets import sheet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from ..core.query_fields import View
    from .auth import Keys
    from .store import Store

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

#: Inkeep's limit of every POST.
BODY_LIMIT = 2 * 1024 * 1024
#: Half of the database's readers.
AT_ONCE = 2


class Asking:
    """The operations."""

    def __init__(self, store: Store, keys: Keys, limits: Limits | None = None) -> None:
        self._store = store
        self._limits = limits or Limits()
        self._keys = keys
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._exports = 0

    def attach(self, app: web.Application) -> None:
        """Adds the routes."""
        for name, view in VIEWS.items():
            app.router.add_post(f"/query/{name}", self._for(self._query(view)))
            app.router.add_post(f"/query/{name}/export", self._for(self._export(view)))
        app.router.add_post("/query/property-keys", self._for(self._property_keys))
        app.router.add_post("/query/property-values", self._for(self._property_values))
        app.router.add_get("/query/top-search-queries", self._for(self._top_searches), allow_head=False)
        app.router.add_get("/query/weekly-search-users", self._for(self._weekly_searchers), allow_head=False)

    def _for(self, answer: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            self._keys.check(request.headers.get("Authorization"), (API,))
            return await answer(request)

        return handle

    def _query(self, view: View) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            query = await read_checked(request, BODY_LIMIT, lambda body: read_query(body, view))
            async with self._turn():
                told = await self._store.read(lambda tx: questions.answer(tx, query, self._limits))
            return web.Response(body=told, content_type="application/json")

        return answer

    def _export(self, view: View) -> Handler:
        async def answer(request: web.Request) -> web.StreamResponse:
            query = await read_checked(request, BODY_LIMIT, lambda body: read_query(body, view))
            if self._exports >= self._limits.exports:
                raise ApiError(429, "too many exports are under way already: ask again later")
            self._exports += 1
            try:
                async with self._turn():
                    file = await self._store.read(lambda tx: sheet(tx, query, self._store.folder, self._limits))
                with file:
                    return await send_csv(request, file, f"{view.name}.csv", self._limits.send_seconds)
            finally:
                self._exports -= 1

        return answer

    async def _property_keys(self, request: web.Request) -> web.StreamResponse:
        asked = await read_checked(request, BODY_LIMIT, read_property_keys)
        async with self._turn():
            return _json(
                {"results": await self._store.read(lambda tx: questions.property_keys(tx, asked, self._limits))}
            )

    async def _property_values(self, request: web.Request) -> web.StreamResponse:
        asked = await read_checked(request, BODY_LIMIT, read_property_values)
        async with self._turn():
            return _json(
                {"results": await self._store.read(lambda tx: questions.property_values(tx, asked, self._limits))}
            )

    async def _top_searches(self, request: web.Request) -> web.StreamResponse:
        after, project = _after(request), _text(request, "project_id")
        async with self._turn():
            return _json(await self._store.read(lambda tx: questions.top_searches(tx, after, project, self._limits)))

    async def _weekly_searchers(self, request: web.Request) -> web.StreamResponse:
        after, project = _after(request), _text(request, "project_id")
        async with self._turn():
            return _json(
                await self._store.read(lambda tx: questions.weekly_searchers(tx, after, project, self._limits))
            )

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Waits until fewer than so many are answered; `ApiError` 429."""
        if self._waiting >= self._limits.waiting:
            raise ApiError(429, "too many queries wait already: ask again later")
        self._waiting += 1
        try:
            async with self._turns:
                yield
        finally:
            self._waiting -= 1


def _json(answer: dict[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(answer), content_type="application/json")


def _after(request: web.Request) -> int | None:
    text = _text(request, "after")
    try:
        return parse_time(text) if text else None
    except (ValueError, OverflowError) as error:
        raise ApiError(400, "after must be an ISO-8601 time", [fault("/after", "must be an ISO-8601 time")]) from error


def _text(request: web.Request, name: str) -> str | None:
    """A parameter of the query string, empty as absent; it must be UTF-8 to be looked for."""
    text = request.query.get(name)
    try:
        (text or "").encode()
    except UnicodeEncodeError as error:
        raise ApiError(400, f"{name} is not UTF-8", [fault(f"/{name}", "is not UTF-8")]) from error
    return text or None
