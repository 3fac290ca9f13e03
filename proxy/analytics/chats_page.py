"""Chat Sessions: the list of conversations, last changed first."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .frame import Page
from .views import chat_line

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from aiohttp import web

    from .frame import Frame
    from .store import Store

CHATS_ON_A_PAGE = 50
_PAGE_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


class ChatsPage:
    """The list."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def attach(self, app: web.Application, frame: Frame) -> None:
        """Adds the page."""
        frame.add(app, Page("/chats", "chats.html", self._look, self._table, tab="Chat Sessions"))

    async def _look(self, request: web.Request) -> dict[str, Any]:
        text = request.query.get("page", "")
        number = int(text) if _PAGE_NUMBER.fullmatch(text) else 1
        chats, total = await self._store.chats(CHATS_ON_A_PAGE, (number - 1) * CHATS_ON_A_PAGE)
        last = max(1, -(-total // CHATS_ON_A_PAGE))
        return {"chats": [chat_line(chat) for chat in chats], "total": total, "page": number, "last": last}

    async def _table(self, request: web.Request) -> AsyncIterator[Sequence[Any]]:
        yield ["id", "question"]
        for chat in (await self._look(request))["chats"]:
            yield [chat["id"], chat["question"]]
