"""What every request of the local analytics server passes: hosts, browsers' origins, errors in one shape, headers.

Only names on the list may stand in `Host`: a page on a hostile site cannot be made to point its own name here and read
along (DNS rebinding). Addresses may, since no name can be rebound to them. Whatever goes wrong behind the door comes out
as a problem (`application/problem+json`), with a request id that the log has too, and never with a traceback.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

import orjson
import structlog
from aiohttp import web

from ..core.brake import KeyBrake
from ..core.hosts import host_name, is_local_name, is_of_this_server
from ..core.problem import problem
from ..errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
    from typing import Any

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = structlog.get_logger("analytics")

REQUEST_ID = web.RequestKey("request_id", str)

#: Probes reach us by whatever name their platform uses, and learn nothing here.
OPEN_PATHS = frozenset(("/livez",))
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # For browsers that know no policies; of the others this one is ignored (the first), or said by the policy above.
    "X-XSS-Protection": "1; mode=block",
    "X-Frame-Options": "DENY",
    # Browsers heed it only where they came by TLS (RFC 6797 §8.1), through a proxy that has it; a day, since the name is its.
    "Strict-Transport-Security": "max-age=86400",
    # Not the name and version of the library, which is what would stand here.
    "Server": "teelog",
}
#: How long a browser remembers a preflight's answer.
_PREFLIGHT_SECONDS = 600


class Door:
    """The middleware of the whole application.

    Args:
        hosts: Names that may stand in `Host`, besides localhost and addresses.
        cors_origins: Origins whose pages may call the API; `*`: all.
        knows: Whether an `Authorization` field has a key of ours.
        clock: Seconds that never go back, for the brake on guessing.

    """

    def __init__(
        self,
        hosts: Iterable[str],
        cors_origins: Collection[str],
        knows: Callable[[str], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._knows = knows
        self._brake = KeyBrake(clock)
        self._hosts = frozenset(name for name in map(host_name, hosts) if name)
        self._origins = frozenset(origin.lower() for origin in cors_origins)

    def attach(self, app: web.Application) -> None:
        """Puts the door before all of an application's handlers."""
        app.middlewares.append(self._pass)
        app.on_response_prepare.append(self._add_headers)

    @web.middleware
    async def _pass(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        request[REQUEST_ID] = _new_request_id()
        try:
            self._check_host(request)
            self._check_origin(request)
            if request.method == "OPTIONS":
                return self._preflight(request)
            return await self._braked(request, handler)
        except ApiError as error:
            return _problem(request, error)
        except web.HTTPException as error:
            return _problem(request, _translated(request, error))
        except Exception as error:
            _log.exception("analytics.failed", request_id=request[REQUEST_ID], method=request.method)
            return _problem(
                request, ApiError(500, f"something failed here ({type(error).__name__}); the log says more")
            )

    async def _braked(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let who has shown too many wrong keys wait."""
        field = request.headers.get("Authorization", "")
        if not field:
            return await handler(request)
        address, shown = request.remote or "", field.encode("utf-8", "surrogateescape")
        if wait := self._brake.wait_for(address, shown):
            raise ApiError(429, f"too many wrong keys came from there: wait {wait} seconds", wait=wait)
        if self._knows(field):  # an answer tells nothing of it: some are for anybody, and a right key may ask wrongly
            self._brake.passed(address, shown)
        try:
            return await handler(request)
        except ApiError as error:
            if error.status == 401:
                self._brake.failed(address, shown)
            raise

    def _check_host(self, request: web.Request) -> None:
        name = host_name(request.headers.get("Host", ""))
        if request.path not in OPEN_PATHS and not is_local_name(name) and name not in self._hosts:
            raise ApiError(403, f"the host name {name!r} is not one of ours: add it to listen.allowed_hosts")

    def _check_origin(self, request: web.Request) -> None:
        """Refuse what another site's page sends: it could not read the answer, and shall not change anything either."""
        headers = request.headers
        origin = headers.get("Origin")
        if origin is None or self._is_allowed(origin):
            return
        if not is_of_this_server(origin, headers.get("Host", ""), headers.get("Sec-Fetch-Site", "")):
            raise ApiError(403, "this origin may not call the API: add it to analytics.cors_origins")

    def _preflight(self, _request: web.Request) -> web.Response:
        return web.Response(
            status=204,
            headers={
                "Access-Control-Allow-Methods": "GET, POST, DELETE",
                "Access-Control-Allow-Headers": "authorization, content-type",
                "Access-Control-Max-Age": str(_PREFLIGHT_SECONDS),
            },
        )

    def _is_allowed(self, origin: str) -> bool:
        return "*" in self._origins or origin.lower() in self._origins

    async def _add_headers(self, request: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(_HEADERS)
        response.headers.setdefault("Cache-Control", "no-store")
        if REQUEST_ID in request:
            response.headers["X-Request-ID"] = request[REQUEST_ID]
        if "Transfer-Encoding" in request.headers:
            # the parser (aiohttp 3.14.5) puts a chunked body's last trailer into the head of the next request, which may
            # be somebody else's where a server in front of us sends all on one connection
            response.force_close()
            response.headers["Connection"] = "close"
        response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin is not None and self._is_allowed(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = "X-Request-ID, Retry-After"


def _translated(request: web.Request, error: web.HTTPException) -> ApiError:
    """What the framework says, in our words; an operation that is not there is 404 whatever the method."""
    if error.status in (404, 405):
        return ApiError(404, f"there is no {request.method} {_path(request)} here")
    if error.status == 413:
        return ApiError(413, "the body is too large")
    return ApiError(error.status, error.reason)


def _path(request: web.Request) -> str:
    """The path as it came, without the query, no longer than anyone would read."""
    return request.raw_path.partition("?")[0][:200]


def unread(status: int, detail: str) -> web.Response:
    """The answer to what never became a request, with the headers of all others."""
    name = _new_request_id()
    return _as_problem(problem(status, detail, request_id=name), _HEADERS | {"X-Request-ID": name})


def _problem(request: web.Request, error: ApiError) -> web.Response:
    body = problem(
        error.status,
        error.detail,
        errors=error.errors,
        instance=_path(request),
        request_id=request[REQUEST_ID],
    )
    return _as_problem(body, _told_with(error))


def _told_with(error: ApiError) -> Mapping[str, str] | None:
    """What a status tells beside its problem: which scheme is wanted, or in how many seconds to ask again."""
    return {401: {"WWW-Authenticate": "Bearer"}, 429: {"Retry-After": str(error.wait)}}.get(error.status)


def _as_problem(body: dict[str, Any], headers: Mapping[str, str] | None) -> web.Response:
    return web.Response(
        status=body["status"], body=orjson.dumps(body), content_type="application/problem+json", headers=headers
    )


def _new_request_id() -> str:
    return f"req_{secrets.token_hex(12)}"
