"""The one shape of an error in the Analytics format (`application/problem+json`), as the official SDK reads it.

It stands by itself, since whatever answers may have to refuse; what reads and makes the format's objects is `wire`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Status → title and code; the official SDK refuses a problem whose code is not the status's own.
_PROBLEMS = {
    400: ("Bad Request", "bad_request"),
    401: ("Unauthorized", "unauthorized"),
    403: ("Forbidden", "forbidden"),
    404: ("Not Found", "not_found"),
    405: ("Method Not Allowed", "method_not_allowed"),
    408: ("Request Timeout", "request_timeout"),
    409: ("Conflict", "conflict"),
    413: ("Content Too Large", "content_too_large"),
    415: ("Unsupported Media Type", "unsupported_media_type"),
    422: ("Unprocessable Entity", "unprocessable_entity"),
    429: ("Too Many Requests", "too_many_requests"),
    500: ("Internal Server Error", "internal_server_error"),
}


def problem(
    status: int,
    detail: str,
    *,
    errors: Iterable[Mapping[str, str]] = (),
    instance: str | None = None,
    request_id: str | None = None,
) -> dict[str, Any]:
    """The body of an error, with every field that the official SDK needs."""
    title, code = _PROBLEMS.get(status, ("Error", "error"))
    body: dict[str, Any] = {
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "error": {"code": code, "message": detail[:100]},
    }
    more = {"instance": instance, "requestId": request_id, "errors": [dict(error) for error in errors]}
    return body | {name: value for name, value in more.items() if value}
