"""Answers of our own, written straight to a client's transport.

Errors towards chat clients have OpenAI's shape, `{"error": {message, type, param, code}}`, and carry the exchange's id,
so that a person can find it. No `Server` field tells what runs here.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Mapping

    from aiohttp.abc import AbstractStreamWriter

#: RFC 9110 has no phrase for what HTTPStatus does not know; the phrase is optional.
_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}


class Sent(web.StreamResponse):
    """Tells aiohttp that an answer has gone out on the transport already."""

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:  # noqa: ARG002 - aiohttp's contract
        """Do nothing: the head has gone out."""
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Do nothing: the body has gone out."""


def _sent(*, keep_alive: bool) -> Sent:
    sent = Sent()
    sent._keep_alive = keep_alive  # noqa: SLF001 - what `prepare` would have set
    return sent


#: aiohttp asks them only whether the connection goes on, so two serve for every request.
KEEP, CLOSE = _sent(keep_alive=True), _sent(keep_alive=False)


def write_answer(
    transport: asyncio.Transport,
    status: int,
    body: bytes,
    *,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
    keep_alive: bool = True,
    with_body: bool = True,
) -> Sent:
    """Write one whole answer; what aiohttp must be told comes back. `with_body` is false for HEAD."""
    fields = {
        # RFC 9110 §8.6: no length for 204
        **({} if status == 204 else {"Content-Type": content_type, "Content-Length": str(len(body))}),
        **({} if keep_alive else {"Connection": "close"}),
        **(headers or {}),
    }
    head = f"HTTP/1.1 {status} {_PHRASES.get(status, '')}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in fields.items())
    transport.write(head.encode("latin-1", "replace") + b"\r\n" + (body if with_body else b""))
    return KEEP if keep_alive else CLOSE


def openai_error(status: int, message: str, code: str) -> bytes:
    """The body of an error that is ours, in OpenAI's shape (platform.openai.com, error codes)."""
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    return orjson.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}})


def json_body(value: Any) -> bytes:
    """JSON as our own endpoints answer it."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2)
