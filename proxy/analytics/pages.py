"""The pages: a sign-in, the list of conversations, one conversation as it was held.

They are forms and links, without a script. An api key signs in; the browser then has a session cookie that no script
can read and no other site can use. Everything that was logged is hostile: it is escaped on the way into the page, and
the content security policy would stop what slipped through.
"""

from __future__ import annotations

import hashlib
import re
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, quote

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from ..errors import ApiError
from .auth import API, SESSION_SECONDS, Brake, Sessions
from .request import path_id, read_body
from .views import days, transcript

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .auth import Keys
    from .store import Store

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

COOKIE = "teelog_session"
CHATS_ON_A_PAGE = 50
#: A sign-in form has a key and an address, nothing of this size.
_FORM_LIMIT = 16 * 1024
_PAGE_NUMBER = re.compile(r"[1-9][0-9]{0,8}")
#: Where signing in may lead: the list, a page of it, a conversation.
_OWN_PAGE = re.compile(r"/chats(?:\?page=[0-9]{1,9}|/[A-Za-z0-9%._~!$&()*+,;=:@-]+)?")
_DAY_SECONDS = 24 * 3600


class Pages:
    """Everything a person sees."""

    def __init__(self, store: Store, keys: Keys, clock: Callable[[], float]) -> None:
        self._store = store
        self._keys = keys
        self._sessions = Sessions(clock)
        self._brake = Brake(clock)
        self._style = resources.files(__package__).joinpath("static", "teelog.css").read_bytes()
        self._templates = Environment(
            loader=PackageLoader(__package__),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters["segment"] = _segment
        self._templates.globals["style"] = f"/static/teelog.css?v={hashlib.sha256(self._style).hexdigest()[:12]}"

    def attach(self, app: web.Application) -> None:
        """Adds the routes."""
        app.router.add_routes(
            [
                web.get("/", _to_chats),
                web.get("/sign-in", self._sign_in_form),
                web.post("/sign-in", self._for_people(self._sign_in)),
                web.post("/sign-out", self._for_people(self._sign_out)),
                web.get("/chats", self._signed_in(self._chats)),
                web.get("/chats/{id:[^/]+}", self._signed_in(self._chat)),
                web.get("/static/teelog.css", self._stylesheet),
            ]
        )

    # ── signing in and out ──────────────────────────────────────────────────────────────────────────────────────────

    async def _sign_in_form(self, request: web.Request) -> web.Response:
        return self._page("sign_in.html", next=_wanted(request.query.get("next")), fault="")

    async def _sign_in(self, request: web.Request) -> web.Response:
        """A session for an api key; a wait for those who guess."""
        _check_same_origin(request)
        form = parse_qs((await read_body(request, _FORM_LIMIT)).decode("utf-8", "replace"))
        key, wanted = form.get("key", [""])[0].strip(), _wanted(form.get("next", [""])[0])
        address = request.remote or ""
        if wait := self._brake.wait_for(address):
            page = self._page(
                "sign_in.html", 429, next=wanted, fault=f"Too many failures: try again in {wait} seconds."
            )
            page.headers["Retry-After"] = str(wait)
            return page
        if self._keys.kind_of(key) != API:
            self._brake.failed(address)
            return self._page("sign_in.html", 401, next=wanted, fault="That is not an API key of this server.")
        response = _redirect(wanted)
        response.set_cookie(
            COOKIE,
            self._sessions.open(),
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="Strict",
            secure=_is_https(request),
        )
        return response

    async def _sign_out(self, request: web.Request) -> web.Response:
        _check_same_origin(request)
        self._sessions.close(request.cookies.get(COOKIE))
        response = _redirect("/sign-in")
        response.del_cookie(COOKIE)
        return response

    def _signed_in(self, handler: Handler) -> Handler:
        """A page for people who are signed in; others are asked to, and come back to it."""
        answer = self._for_people(handler)

        async def handle(request: web.Request) -> web.StreamResponse:
            if self._sessions.is_open(request.cookies.get(COOKIE)):
                return await answer(request)
            return _redirect(f"/sign-in?next={quote(request.raw_path, safe='')}")

        return handle

    def _for_people(self, handler: Handler) -> Handler:
        """A handler whose errors are pages."""

        async def handle(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except ApiError as error:
                return self._page("problem.html", error.status, detail=error.detail)

        return handle

    # ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _chats(self, request: web.Request) -> web.Response:
        text = request.query.get("page", "")
        number = int(text) if _PAGE_NUMBER.fullmatch(text) else 1
        chats, total = await self._store.chats(CHATS_ON_A_PAGE, (number - 1) * CHATS_ON_A_PAGE)
        last = max(1, -(-total // CHATS_ON_A_PAGE))
        return self._page("chats.html", days=days(chats), total=total, page=number, last=last)

    async def _chat(self, request: web.Request) -> web.Response:
        told = await self._store.transcript(path_id(request))
        return self._page("chat.html", chat=transcript(told))

    async def _stylesheet(self, _request: web.Request) -> web.Response:
        return web.Response(
            body=self._style,
            content_type="text/css",
            charset="utf-8",
            headers={"Cache-Control": f"public, max-age={_DAY_SECONDS}"},
        )

    def _page(self, template: str, status: int = 200, **values: Any) -> web.Response:
        text = self._templates.get_template(template).render(**values)
        return web.Response(status=status, text=text, content_type="text/html")


async def _to_chats(_request: web.Request) -> web.Response:
    return _redirect("/chats")


def _redirect(location: str) -> web.Response:
    return web.Response(status=303, headers={"Location": location})


def _wanted(path: str | None) -> str:
    """The page of ours that somebody wanted before signing in; any other address becomes the list."""
    return path if path and _OWN_PAGE.fullmatch(path) else "/chats"


def _segment(name: str) -> str:
    """An id as one segment of a path."""
    return quote(name, safe="")


def _check_same_origin(request: web.Request) -> None:
    """Refuses a form that another site's page has sent; browsers say where it stood."""
    origin = request.headers.get("Origin", "null")
    if origin == "null":
        same = request.headers.get("Sec-Fetch-Site") == "same-origin"
    else:
        same = origin.partition("://")[2].lower() == request.headers.get("Host", "").lower()
    if not same:
        raise ApiError(403, "this form was not sent from a page of this server")


def _is_https(request: web.Request) -> bool:
    """Whether the browser speaks TLS, with us or with what stands before us; a lie only harms who tells it."""
    return request.secure or request.headers.get("X-Forwarded-Proto") == "https"
