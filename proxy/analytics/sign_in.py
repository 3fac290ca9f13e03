"""Signing in and out: an api key opens a session, whose cookie no script can read and no other site can use.

Who guesses has to wait (`Brake`). After signing in one lands on the page that was wanted, and never elsewhere.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .auth import API, SESSION_SECONDS, Brake, Sessions
from .frame import COOKIE, Frame, redirect
from .origin import is_https
from .request import read_form

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from .auth import Keys

#: Where signing in may lead: a path of this server's with its query. A second slash or a backslash would be elsewhere.
_OWN_PAGE = re.compile(r"/[a-z][A-Za-z0-9%._~!$&()*+,;=:@/?-]*")
_FIRST = "/chats"


class SignIn:
    """The form, what it is sent to, and the way out."""

    def __init__(self, frame: Frame, keys: Keys, sessions: Sessions, clock: Callable[[], float]) -> None:
        self._frame = frame
        self._keys = keys
        self._sessions = sessions
        self._brake = Brake(clock)

    def attach(self, app: web.Application) -> None:
        """Adds the routes."""
        app.router.add_get("/sign-in", self._form)
        self._frame.add_form(app, "/sign-in", self._sign_in, signed_in=False)
        self._frame.add_form(app, "/sign-out", self._sign_out, signed_in=False)

    async def _form(self, request: web.Request) -> web.Response:
        return self._again(request, 200, request.query.get("next"))

    async def _sign_in(self, request: web.Request) -> web.Response:
        """A session for an api key; a wait for those who guess."""
        form = await read_form(request)
        key, wanted = form.get("key", "").strip(), form.get("next", "")
        address = request.remote or ""
        if wait := self._brake.wait_for(address):
            page = self._again(request, 429, wanted, f"Too many failures: try again in {wait} seconds.")
            page.headers["Retry-After"] = str(wait)
            return page
        if self._keys.kind_of(key) != API:
            self._brake.failed(address)
            return self._again(request, 401, wanted, "That is not an API key of this server.")
        response = redirect(self._wanted(wanted))
        response.set_cookie(
            COOKIE,
            self._sessions.open(),
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="Strict",
            secure=is_https(request),
        )
        return response

    async def _sign_out(self, request: web.Request) -> web.Response:
        self._sessions.close(request.cookies.get(COOKIE))
        response = redirect("/sign-in")
        response.del_cookie(COOKIE)
        return response

    def _again(self, request: web.Request, status: int, wanted: str | None, fault: str = "") -> web.Response:
        return self._frame.render("sign_in.html", request, status, next=self._wanted(wanted), fault=fault)

    def _wanted(self, path: str | None) -> str:
        """The page of ours that somebody wanted before signing in; any other address becomes the list."""
        return path if path and _OWN_PAGE.fullmatch(path) and self._frame.has(path) else _FIRST
