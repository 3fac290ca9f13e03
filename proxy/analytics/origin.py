"""Where a form was sent from: browsers say it, and only our own pages may.

A form of another site could otherwise act in the name of who is signed in (CSRF). The session's cookie, SameSite=Strict,
is the first guard; this is the second, and the only one of the sign-in, which has no cookie yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import ApiError

if TYPE_CHECKING:
    from aiohttp import web


def check_same_origin(request: web.Request) -> None:
    """Refuses a form that another site's page has sent: `ApiError` 403."""
    origin = request.headers.get("Origin", "null")
    if origin == "null":
        same = request.headers.get("Sec-Fetch-Site") == "same-origin"
    else:
        same = origin.partition("://")[2].lower() == request.headers.get("Host", "").lower()
    if not same:
        raise ApiError(403, "this form was not sent from a page of this server")


def is_https(request: web.Request) -> bool:
    """Whether the browser speaks TLS, with us or with what stands before us; a lie only harms who tells it."""
    return request.secure or request.headers.get("X-Forwarded-Proto") == "https"
