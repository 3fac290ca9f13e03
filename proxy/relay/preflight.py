"""Preflights of browsers, which show no key: answered here where a key is asked for, and forwarded like all else where none is.

A browser asks first whether a page may send what it wants to (Fetch standard, "CORS-preflight fetch"), without the fields that
it asks for. The page's origin has been judged by then; whether the page may read the answer, the upstream says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .answers import CLOSE, write_answer

if TYPE_CHECKING:
    from aiohttp import web

    from .headers import RequestHead

_ASKS = b"access-control-request-"
#: Seconds for which a browser need not ask again.
_MAX_AGE = "600"


def is_preflight(head: RequestHead) -> bool:
    """Whether a request asks if another may be sent."""
    return head.method == "OPTIONS" and bool(head.origin) and "method" in _asked(head)


def answer_preflight(request: web.BaseRequest, head: RequestHead, *, keep_alive: bool) -> web.StreamResponse:
    """Yes, to all that is asked for."""
    if request.transport is None:
        return CLOSE
    asked = _asked(head)
    headers = {
        "Access-Control-Allow-Origin": head.origin,
        "Access-Control-Allow-Methods": asked["method"],
        "Access-Control-Allow-Headers": asked.get("headers", ""),
        "Access-Control-Max-Age": _MAX_AGE,
        "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
    }
    return write_answer(
        request.transport, 204, b"", headers=headers, keep_alive=keep_alive and request.content.is_eof()
    )


def _asked(head: RequestHead) -> dict[str, str]:
    return {
        lower.removeprefix(_ASKS).decode("latin-1"): value.decode("latin-1")
        for name, value in head.headers
        if (lower := name.lower()).startswith(_ASKS)
    }
