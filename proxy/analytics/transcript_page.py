"""The page of one conversation: the transcript as it was held, with what was said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .frame import Page
from .request import path_id
from .views import transcript

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from aiohttp import web

    from .frame import Frame
    from .store import Store

_PATH = "/chats/{id:[^/]+}"


class TranscriptPage:
    """The page of one conversation."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def attach(self, app: web.Application, frame: Frame) -> None:
        """Adds the page."""
        frame.add(app, Page(_PATH, "chat.html", self._look, self._table, twin=f"{_PATH}/messages"))

    async def _look(self, request: web.Request) -> dict[str, Any]:
        return {"chat": transcript(await self._store.transcript(path_id(request, 2)))}

    async def _table(self, request: web.Request) -> AsyncIterator[Sequence[Any]]:
        yield ["id", "role"]
        for message in (await self._look(request))["chat"]["messages"]:
            yield [message["id"], message["role"]]
