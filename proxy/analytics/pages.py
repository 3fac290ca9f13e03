"""The pages: a sign-in, the list of conversations, one conversation as it was held, and what is made of them all.

They are forms and links and work without a script. An api key signs in. Everything that was logged is hostile: it is
escaped on the way into the page, and the content security policy would stop what slipped through. How a page is added
is told in `frame.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .auth import Sessions
from .chats_page import ChatsPage
from .delivery_page import DeliveryPage
from .figures_page import FiguresPage
from .frame import Frame, redirect
from .insights_page import InsightsPage
from .sign_in import SignIn
from .transcript_page import TranscriptPage

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from .auth import Keys
    from .delivery_page import Delivery
    from .store import Store


class Pages:
    """Everything a person sees."""

    def __init__(self, store: Store, keys: Keys, clock: Callable[[], float], delivery: Delivery | None = None) -> None:
        self._store = store
        self._delivery = delivery
        self._frame = Frame(keys, sessions := Sessions(clock))
        self._sign_in = SignIn(self._frame, keys, sessions, clock)

    def attach(self, app: web.Application) -> None:
        """Adds the routes; the navigation has the pages in this order."""
        app.router.add_get("/", _to_chats)
        self._frame.attach(app)
        self._sign_in.attach(app)
        ChatsPage(self._store).attach(app, self._frame)
        TranscriptPage(self._store).attach(app, self._frame)
        InsightsPage(self._store).attach(app, self._frame)
        FiguresPage(self._store).attach(app, self._frame)
        DeliveryPage(self._delivery).attach(app, self._frame)


async def _to_chats(_request: web.Request) -> web.Response:
    return redirect("/chats")
