"""The page of one conversation: the transcript as it was held, with what was said of it, and what a reader may do.

A reader's thumb is feedback as any other, from the user `portal`: a second one replaces the first. A conversation can be
shared by a link that anybody may read without signing in (what was said, and nothing else), and copied up to a message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ..core.wire import read_feedback
from ..errors import ApiError
from .frame import Page, redirect
from .marks import segment
from .message_view import READER
from .prose import Prose
from .request import path_id, read_form
from .views import said, texts, transcript

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from aiohttp import web

    from .frame import Frame
    from .store import Store

_PATH = "/chats/{id:[^/]+}"
#: Why somebody liked an answer or not, in a few words.
_DETAILS_LIMIT = 2000
_COLUMNS = ("id", "role", "createdAt", "content", "name", "tool_calls", "links", "properties")


class TranscriptPage:
    """The page of one conversation, and the one that a link leads to."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._prose = Prose()

    def attach(self, app: web.Application, frame: Frame) -> None:
        """Adds the pages, and what their forms are sent to."""
        self._frame = frame
        frame.add(
            app, Page(_PATH, "chat.html", self._look, self._table, arrange=self._arrange, twin=f"{_PATH}/messages")
        )
        frame.add_form(app, f"{_PATH}/feedback", self._judge)
        frame.add_form(app, f"{_PATH}/share", self._share)
        frame.add_form(app, f"{_PATH}/fork", self._fork)
        app.router.add_get("/shared/{token:[^/]+}", frame.for_people(self._shared))

    async def _look(self, request: web.Request) -> dict[str, Any]:
        return await self._store.transcript(path_id(request, 2))

    async def _arrange(self, told: dict[str, Any]) -> dict[str, Any]:
        chat = transcript(told)
        return {"chat": chat, "prose": await self._prose.rendered(texts(chat))}

    async def _table(self, request: web.Request) -> AsyncIterator[Sequence[Any]]:
        told = await self._look(request)
        yield _COLUMNS
        for message in told["messages"]:
            yield [message.get(name) for name in _COLUMNS]

    async def _shared(self, request: web.Request) -> web.Response:
        chat = said(await self._store.shared(path_id(request)))
        return self._frame.render("shared.html", request, chat=chat, prose=await self._prose.rendered(texts(chat)))

    async def _judge(self, request: web.Request) -> web.Response:
        name, form = path_id(request, 2), await read_form(request)
        message, kind = form.get("messageId", ""), form.get("type", "")
        if kind == "none":
            await self._withdraw(form.get("id", ""))
        else:
            posted = {"type": kind, "messageId": message, "details": form.get("details", "")[:_DETAILS_LIMIT]}
            user = {"userProperties": {"id": READER}, "properties": {"source": READER}}
            await self._store.log_feedback(read_feedback(posted | user))
        return redirect(f"/chats/{segment(name)}#m-{quote(message, safe='')}")

    async def _withdraw(self, feedback: str) -> None:
        told = await self._store.feedback(feedback)
        if (told.get("userProperties") or {}).get("id") != READER:
            raise ApiError(403, "this was said by somebody else: it cannot be taken back here")
        await self._store.delete_feedback(feedback)

    async def _share(self, request: web.Request) -> web.Response:
        name, form = path_id(request, 2), await read_form(request)
        await self._store.share(name, public=form.get("public") == "true")
        return redirect(f"/chats/{segment(name)}#sharing")

    async def _fork(self, request: web.Request) -> web.Response:
        form = await read_form(request)
        copy = await self._store.fork(path_id(request, 2), form.get("messageId", ""))
        return redirect(f"/chats/{segment(copy['id'])}")
