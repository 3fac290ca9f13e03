"""The local analytics server: Inkeep's Analytics API, as far as it is served here, with the pages beside it.

    POST /conversations        web, api      GET /conversations?limit&offset   api
    GET  /conversations/{id}   web, api      GET /conversations/external/{id}  api
    DELETE /conversations/{id}      api (*)  POST /events                      web, api
    POST /feedback             web, api      GET /feedback?limit&offset        api
    GET  /feedback/{id}             api      DELETE /feedback/{id}             api
    /query/… (see `asking`)         api      GET /livez, /openapi.json         anybody

(*) and web, when the configuration says so: such a key is published, and deleting is for good.

Success is exactly 200 with JSON; everything else is a problem (`door.py`), operations that are not served 404, since the
official SDK repeats 5xx for an hour. Ids in paths are taken from the raw segment: `a%2Fb` is one id.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

import orjson
import structlog
from aiohttp import web

from ..core.buckets import DAY_MS
from ..core.fields import fault
from ..core.session_filter import LIST_LIMIT, read_sessions
from ..core.wire import read_conversation, read_event, read_feedback
from ..errors import ApiError, DatabaseError
from .asking import Asking
from .auth import API, WEB, Keys
from .connection import Runner
from .door import Door
from .keeper import keeping
from .portal import Portal
from .request import path_id, read_checked

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence

    from .delivery_page import Delivery
    from .store import Store

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = structlog.get_logger("analytics")

#: A conversation has 2 MB (Inkeep's limit for a POST), in a spelling that may be longer than ours.
BODY_LIMIT = 4 * 1024 * 1024
#: The newest revision of a conversation that a teelog erases; older snapshots may still be on their way.
REV_HEADER = "x-teelog-rev"
FORGET_EVERY_SECONDS = 24 * 3600


def make_app(
    store: Store,
    *,
    api_keys: Sequence[str],
    web_keys: Sequence[str] = (),
    web_delete: bool = False,
    cors_origins: Collection[str] = (),
    hosts: Collection[str] = (),
    pages: bool = True,
    retention_days: int = 0,
    delivery: Delivery | None = None,
    monotonic: Callable[[], float] = time.monotonic,
) -> web.Application:
    """The server as an application; run it with `make_runner`.

    Args:
        store: What it serves; the caller closes its database.
        api_keys: Keys that read and write everything.
        web_keys: Keys that browsers may know.
        web_delete: Whether those may delete a conversation.
        cors_origins: Origins whose pages may call the API.
        hosts: Names that it is reached by, besides localhost and addresses.
        pages: Whether people may look, too.
        retention_days: Conversations not changed for so long are forgotten; 0: never.
        delivery: How the proxy beside it is asked what it delivers; None: it runs alone.
        monotonic: Seconds that never go back, for sessions.

    """
    app = web.Application(client_max_size=BODY_LIMIT)
    keys = Keys(api_keys, web_keys)
    Door(hosts, cors_origins, keys.knows, monotonic).attach(app)
    Api(store, keys, web_delete=web_delete).attach(app)
    Asking(store, keys).attach(app)
    if pages:
        Portal(store, keys, monotonic, delivery).attach(app)
    app.cleanup_ctx.append(keeping(store))
    if retention_days:
        app.cleanup_ctx.append(_forgetting(store, retention_days))
    return app


def make_runner(app: web.Application) -> web.AppRunner:
    """Runs the application."""
    return Runner(app)


async def serve_on(app: web.Application, listening: socket.socket) -> web.AppRunner:
    """Serve the application on a listening socket until the runner is cleaned up."""
    runner = make_runner(app)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    return runner


class Api:
    """The operations."""

    def __init__(self, store: Store, keys: Keys, *, web_delete: bool) -> None:
        self._store = store
        self._keys = keys
        self._deleting = (API, WEB) if web_delete else (API,)
        self._web_delete = web_delete

    def attach(self, app: web.Application) -> None:
        """Adds the routes; a segment is matched before it is decoded."""
        app.router.add_routes(
            [
                web.get("/livez", _live),
                web.get("/openapi.json", self._describe),
                web.post("/conversations", self._for(self._log_conversation, API, WEB)),
                web.get("/conversations", self._for(self._list_conversations, API)),
                web.get("/conversations/{id:[^/]+}", self._for(self._get_conversation, API, WEB)),
                web.delete("/conversations/{id:[^/]+}", self._for(self._delete_conversation, *self._deleting)),
                web.get("/conversations/external/{id:[^/]+}", self._for(self._get_external, API)),
                web.post("/feedback", self._for(self._log_feedback, API, WEB)),
                web.get("/feedback", self._for(self._list_feedback, API)),
                web.get("/feedback/{id:[^/]+}", self._for(self._get_feedback, API)),
                web.delete("/feedback/{id:[^/]+}", self._for(self._delete_feedback, API)),
                web.post("/events", self._for(self._log_event, API, WEB)),
            ]
        )

    def _for(self, answer: Callable[[web.Request], Awaitable[dict[str, Any]]], *kinds: str) -> Handler:
        """A handler of an operation that keys of some kinds may use."""

        async def handle(request: web.Request) -> web.StreamResponse:
            self._keys.check(request.headers.get("Authorization"), kinds)
            return web.Response(body=orjson.dumps(await answer(request)), content_type="application/json")

        return handle

    async def _describe(self, _request: web.Request) -> web.Response:
        return web.Response(body=self._description, content_type="application/json")

    @cached_property
    def _description(self) -> bytes:
        from .openapi import describe  # noqa: PLC0415 - few ask for it

        return describe(web_delete=self._web_delete)

    async def _log_conversation(self, request: web.Request) -> dict[str, Any]:
        return await self._store.log_conversation(await _posted(request, read_conversation))

    async def _list_conversations(self, request: web.Request) -> dict[str, Any]:
        asked, page = read_sessions(request.query.items(), limit=20, highest=LIST_LIMIT)
        return await self._store.conversations(page.limit, page.offset, asked=asked, after=page.after)

    async def _get_conversation(self, request: web.Request) -> dict[str, Any]:
        return await self._store.conversation(path_id(request))

    async def _delete_conversation(self, request: web.Request) -> dict[str, Any]:
        return await self._store.delete_conversation(path_id(request), self._newest_rev(request))

    def _newest_rev(self, request: web.Request) -> int:
        """Up to which of its revisions a teelog deletes; 0 where nobody says, or a browser does."""
        rev = request.headers.get(REV_HEADER, "")
        is_number = rev.isascii() and rev.isdigit() and len(rev) < 17
        return (
            int(rev) if is_number and self._keys.check(request.headers.get("Authorization"), (API, WEB)) == API else 0
        )

    async def _get_external(self, request: web.Request) -> dict[str, Any]:
        return await self._store.external_conversation(path_id(request))

    async def _log_feedback(self, request: web.Request) -> dict[str, Any]:
        return await self._store.log_feedback(await _posted(request, read_feedback))

    async def _list_feedback(self, request: web.Request) -> dict[str, Any]:
        return await self._store.feedbacks(
            _number(request, "limit", 10, LIST_LIMIT), _number(request, "offset", 0, 2**53)
        )

    async def _get_feedback(self, request: web.Request) -> dict[str, Any]:
        return await self._store.feedback(path_id(request))

    async def _delete_feedback(self, request: web.Request) -> dict[str, Any]:
        return await self._store.delete_feedback(path_id(request))

    async def _log_event(self, request: web.Request) -> dict[str, Any]:
        return await self._store.log_event(await _posted(request, read_event))


async def _live(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _posted(request: web.Request, read: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    return await read_checked(request, BODY_LIMIT, read)


def _number(request: web.Request, name: str, default: int, highest: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 17 and int(text) <= highest):
        raise ApiError(
            400, f"{name} must be a whole number from 0 to {highest}", [fault(f"/{name}", "is out of range")]
        )
    return int(text)


def _forgetting(store: Store, retention_days: int) -> Callable[[web.Application], AsyncIterator[None]]:
    """Forgets what is too old, at the start and every day, while the application runs."""

    async def forget() -> None:
        while True:
            try:
                forgotten = await store.forget_before(store.now() - retention_days * DAY_MS)
                _log.info("analytics.forgotten", conversations=forgotten, retention_days=retention_days)
            except DatabaseError as error:
                _log.error("analytics.forgetting_failed", error=str(error))
            await asyncio.sleep(FORGET_EVERY_SECONDS)

    async def context(_app: web.Application) -> AsyncIterator[None]:
        task = asyncio.get_running_loop().create_task(forget())
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    return context
