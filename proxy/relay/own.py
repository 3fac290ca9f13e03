"""The proxy's own endpoints, on the chat clients' port, at paths that no OpenAI-compatible API has.

    GET  /livez, /readyz        the process runs; it is ready (503 only while starting or draining)
    GET  /status, /metrics      what became of exchanges; for callers on this machine, or with the admin key. What a reverse
                                proxy has forwarded, or a page's own name brought here (DNS rebinding), is not from here
    POST /feedback, /events     a thumb or an event, on disk before the 200; delivered after its message

Feedback and events are answered with Inkeep's objects and its errors (problem+json), so that a client of the Analytics
API can be pointed here: the thumb then survives an outage of analytics. Everything else is a 404 in OpenAI's shape.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, cast

from ..core.capture import blanked_note
from ..core.exchange import ANYBODY, Note, encode_note
from ..core.hosts import host_name, is_local_name, is_local_origin
from ..core.ids import uuid7
from ..core.problem import problem
from ..core.tenant import tenant_in
from ..errors import ApiError, RequestRefused
from .answers import CLOSE, json_body, write_answer
from .keys import TOO_MANY_WRONG
from .limits import is_on_this_machine
from .pace import Body, body_too_large

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Mapping
    from typing import TypeAlias

    from aiohttp import web

    from ..config import Listen
    from ..core.capture_rules import CaptureRules
    from .client import ClientConnection
    from .headers import RequestHead
    from .keys import Guard, KeyRing
    from .recording import Record

    #: A page, and the header fields that belong to it.
    Page: TypeAlias = tuple[bytes, Mapping[str, str]]

#: Feedback is a few words; an event may hold a page's worth of properties.
NOTE_LIMIT = 256 * 1024

#: They tell nothing; probes reach them by whatever name their platform uses.
OPEN_PATHS = frozenset(("/livez", "/readyz"))
#: They judge the name themselves: with the admin key any will do.
ADMIN_PATHS = frozenset(("/status", "/metrics"))

NO_FIELDS: Mapping[str, str] = {}
_KINDS = {"/feedback": "feedback", "/events": "event"}


class OwnEndpoints:
    """Answers what is not forwarded."""

    def __init__(
        self,
        listen: Listen,
        record: Record,
        rules: CaptureRules,
        *,
        client_keys: KeyRing,
        admin_keys: KeyRing,
        guard: Guard,
        analytics_keys: KeyRing,
        ready: Callable[[], bool],
        status: Callable[[], Awaitable[dict[str, Any]]],
        status_page: Callable[[dict[str, Any]], Awaitable[Page]],
        metrics: Callable[[], Awaitable[tuple[str, bytes]]],
    ) -> None:
        self._record = record
        self._rules = rules
        self._origins = frozenset(listen.cors_origins)
        self._hosts = frozenset(map(host_name, listen.allowed_hosts))
        self._body_idle = listen.body_idle_seconds
        self._client_keys = client_keys
        self._admin_keys = admin_keys
        self._guard = guard
        self._analytics_keys = analytics_keys
        self._ready = ready
        self._status = status
        self._status_page = status_page
        #: Content type and body.
        self._metrics = metrics

    async def handle(self, request: web.BaseRequest, head: RequestHead, *, keep_alive: bool) -> web.StreamResponse:
        """Answer a request for one of our own paths; `RequestRefused` for anything else."""
        path = head.target.partition("?")[0]
        if path in _KINDS:
            return await self._note(request, path, head, keep_alive=keep_alive)
        if path == "*" and request.transport is not None:  # OPTIONS asks what the server can do (RFC 9110 §9.3.7)
            return write_answer(request.transport, 204, b"", headers={"Allow": "GET, HEAD, POST, OPTIONS"},
                                keep_alive=keep_alive and request.content.is_eof())  # fmt: skip
        if path not in OPEN_PATHS and path not in ADMIN_PATHS:
            raise RequestRefused(404, _unknown(path), "unknown_url")
        if request.method not in ("GET", "HEAD"):
            raise RequestRefused(405, f"{path} is read with GET", "method_not_allowed")
        transport = request.transport
        if transport is None:
            return CLOSE
        status, kind, body, more = 200, "text/plain; charset=utf-8", b"ok\n", NO_FIELDS
        if path in ADMIN_PATHS:
            self._check_admin(request, transport, path, head)
        if path == "/readyz" and not self._ready():
            status, body = 503, b"starting or draining\n"
        elif path == "/status":
            kind, body, more = await self._told(await self._status(), wants_html(request.headers.get("Accept", "")))
        elif path == "/metrics":
            kind, body = await self._metrics()
        return write_answer(
            transport, status, body, keep_alive=keep_alive and request.content.is_eof(), content_type=kind,
            headers={"Cache-Control": "no-store", **more}, with_body=request.method == "GET",
        )  # fmt: skip

    async def _told(self, told: dict[str, Any], html: bool) -> tuple[str, bytes, Mapping[str, str]]:
        """Content type, body and more fields of `/status`: a page for browsers, JSON for all others."""
        if not html:
            return "application/json", json_body(told), {"Vary": "Accept"}
        body, fields = await self._status_page(told)
        return "text/html; charset=utf-8", body, {"Vary": "Accept", **fields}

    def _check_admin(
        self, request: web.BaseRequest, transport: asyncio.Transport, path: str, head: RequestHead
    ) -> None:
        """401 (421 by a foreign name) for who neither is on this machine, for all we can see, nor has the admin key."""
        name = host_name(head.host)
        foreign = not (is_local_name(name) or name in self._hosts)
        if not (head.was_forwarded or foreign) and is_on_this_machine(transport):
            return
        headers, who = request.raw_headers, cast("ClientConnection", request.protocol).who
        if fields := self._admin_keys.fields_of(headers):
            self._guard.admit(headers, fields, who)
        elif self._guard.refuse(headers, who):
            raise RequestRefused(429, TOO_MANY_WRONG, "rate_limit_exceeded")
        else:
            raise RequestRefused(
                421 if foreign else 401,
                f"{path} is for callers on this machine; whoever comes from elsewhere, through another proxy or by a name "
                "that is not in listen.allowed_hosts sends listen.admin_key as Authorization: Bearer <key>",
                "misdirected_request" if foreign else "unauthorized",
            )

    # --- feedback and events

    async def _note(
        self, request: web.BaseRequest, path: str, head: RequestHead, *, keep_alive: bool
    ) -> web.StreamResponse:
        headers = {"Cache-Control": "no-store", **self._cors(request)}
        status, body = 204, b""
        if request.method != "OPTIONS":
            try:
                status, body = 200, json_body(await self._take(request, path, head))
            except ApiError as error:
                status = error.status
                headers |= {"Retry-After": "60"} if status == 429 else {}
                body = json_body(problem(status, error.detail, errors=error.errors, instance=path))
        if request.transport is None:
            return CLOSE
        kind = "application/json" if status == 200 else "application/problem+json"
        return write_answer(
            request.transport, status, body, headers=headers, content_type=kind,
            keep_alive=keep_alive and request.content.is_eof(), with_body=request.method != "HEAD",
        )  # fmt: skip

    async def _take(self, request: web.BaseRequest, path: str, head: RequestHead) -> dict[str, Any]:
        """Check, complete and store one note; what Inkeep would answer comes back."""
        if request.method != "POST":
            raise ApiError(405, f"{path} takes POST")
        tenant = self._tenant(request)
        if (head.content_length or 0) > NOTE_LIMIT:
            raise ApiError(413, body_too_large(NOTE_LIMIT).message)
        read, emit = _format(kind := _KINDS[path])
        record = read(await self._body(request))
        now = time.time_ns() // 1_000_000
        # the time is the one at which it came, unless the caller knows better
        record = {"id": uuid7(now, os.urandom(10)), "createdAt": now, "updatedAt": now} | {
            name: value for name, value in record.items() if value is not None
        }
        answer = emit(record)
        note = Note(id=str(record["id"]), kind=kind, tenant=tenant, body=answer, started=now)
        if not await self._record.note(blanked_note(encode_note(note), request.raw_headers, head.target)):
            raise ApiError(503, "it could not be stored; try again")
        return answer

    async def _body(self, request: web.BaseRequest) -> bytes:
        body, raw = Body(request.content, self._body_idle, NOTE_LIMIT), b""
        while not body.ended:
            try:
                raw += await body.part()
            except RequestRefused as error:
                if error.status == 413:
                    raise ApiError(413, error.message) from error
                raise
        return raw

    def _tenant(self, request: web.BaseRequest) -> str:
        """The caller's tenant; with an analytics key one may speak of anybody's messages."""
        headers, who = request.raw_headers, cast("ClientConnection", request.protocol).who
        for keys, whose in ((self._analytics_keys, ANYBODY), (self._client_keys, None)):
            if fields := keys.fields_of(headers):
                self._guard.admit(headers, fields, who)
                return tenant_in(headers, self._rules) if whose is None else whose
        if self._guard.refuse(headers, who):
            raise ApiError(429, TOO_MANY_WRONG)
        raise ApiError(401, "a client key of the proxy or a key of the analytics server is needed")

    def _cors(self, request: web.BaseRequest) -> dict[str, str]:
        origin = next((v.decode("latin-1") for n, v in request.raw_headers if n.lower() == b"origin"), "")
        if origin not in self._origins and not is_local_origin(origin):
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": "POST, OPTIONS",
            "Access-Control-Allow-Headers": "authorization, content-type",
            "Vary": "Origin",
        }


def _format(kind: str) -> tuple[Callable[[bytes], dict[str, Any]], Callable[[dict[str, Any]], dict[str, Any]]]:
    """What reads a note of a kind, and what makes the answer of it; `ApiError` 400."""
    from ..core import fields, notes  # noqa: PLC0415 - most proxies are never sent a note, and load nothing for it

    read, emit = {
        "feedback": (notes.read_feedback, notes.emit_feedback),
        "event": (notes.read_event, notes.emit_event),
    }[kind]
    return lambda raw: read(fields.read_json(raw)), emit


def _unknown(path: str) -> str:
    """What is likely wrong with a path that is nobody's."""
    name, below, _ = path[1:].partition("/")
    if below:
        return (
            f"no upstream named {name} is configured: the base URL of this proxy ends with /v1, or with the name of a "
            "section [upstreams.<name>]"
        )
    return f"there is no {path} here: the base URL of this proxy ends with /v1"


def wants_html(accept: str) -> bool:
    """Whether an `Accept` field (RFC 9110 §12.5.1) asks for HTML by its name, and not for JSON before it."""
    wanted = {"text/html": 0.0, "application/json": 0.0}
    for one in accept.lower().split(","):
        kind, *parameters = (part.strip() for part in one.split(";"))
        if kind in wanted:
            wanted[kind] = next((_quality(part[2:]) for part in parameters if part.startswith("q=")), 1.0)
    return wanted["text/html"] > wanted["application/json"]


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
