"""Connections of the local analytics server: aiohttp's, which also answer as a problem what never became a request.

What is not HTTP/1.1, or has a line or a field that is too long, does not reach the application and its door. It is
answered 400 in the same shape, and the connection ends. Nothing of it is logged or told again: it may hold a key.
"""

from __future__ import annotations

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from aiohttp.web_protocol import RequestHandler

from .door import unread

#: An id of thousands of letters, percent-encoded, is still an id.
LINE_LIMIT = 64 * 1024


class Connection(RequestHandler):
    """One client's connection."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - aiohttp's contract
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes what came
    ) -> web.StreamResponse:
        """Answer what could not be read, or a fault of ours; the connection ends."""
        if status >= 500:
            self.log_exception("a request could not be handled", exc_info=exc)
            response = unread(500, "something failed here; the log says more")
        elif isinstance(exc, LineTooLong):
            response = unread(400, "the request's first line or one of its fields is too long")
        else:
            response = unread(400, "this is not an HTTP/1.1 request")
        response.force_close()
        return response


class Server(web.Server):
    """aiohttp's server of an application, with our connections."""

    def __init__(self, made: web.Server) -> None:
        settings = made._kwargs  # noqa: SLF001 - what the runner was given, and the application added
        super().__init__(made.request_handler, request_factory=made.request_factory, **settings)

    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """aiohttp's runner: bodies as they come (no zip bombs), idle connections closed, no second access log."""

    def __init__(self, app: web.Application) -> None:
        super().__init__(app, auto_decompress=False, keepalive_timeout=75.0, access_log=None, max_line_size=LINE_LIMIT)

    async def _make_server(self) -> Server:
        return Server(await super()._make_server())
