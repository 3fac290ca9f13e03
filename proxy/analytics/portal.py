"""The pages' place in the application: they are loaded, with all they are made of, when somebody first asks for one.

Most servers are asked by programs alone, and the pages are 3 MB of a process's memory at rest. Loading takes less than a
tenth of a second, in one go: whoever asks meanwhile waits, and nobody sees half of it. What fails then is said as any
failure behind the door, and tried again with the next request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

    from .auth import Keys
    from .delivery_page import Delivery
    from .store import Store

#: With what the paths of pages begin, besides the empty one.
SECTIONS = ("chats", "insights", "analytics", "delivery", "shared", "sign-in", "sign-out", "static")


class Portal:
    """As `Pages`, later."""

    def __init__(self, store: Store, keys: Keys, clock: Callable[[], float], delivery: Delivery | None = None) -> None:
        self._given = (store, keys, clock, delivery)
        self._pages: web.UrlDispatcher | None = None

    def attach(self, app: web.Application) -> None:
        """Adds the route of them all."""
        app.router.add_route("*", rf"/{{page:(?:(?:{'|'.join(SECTIONS)})(?:[./](?s:.*))?)?}}", self._answer)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self._pages is None:
            self._pages = self._loaded()
        found = await self._pages.resolve(request)
        if found.http_exception is not None:
            raise found.http_exception
        request.match_info.clear()
        request.match_info.update(found)
        return await found.handler(request)

    def _loaded(self) -> web.UrlDispatcher:
        from .pages import Pages  # noqa: PLC0415 - see above

        app = web.Application()
        Pages(*self._given).attach(app)
        return app.router
