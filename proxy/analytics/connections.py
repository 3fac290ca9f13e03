"""A client's connection to the local analytics server: what is no HTTP at all is answered as a problem, too.

What cannot be read as a request never reaches the application, so neither its routes nor its door see it. The connection
ends with the answer: where the next request would begin, nobody can say.
"""

from __future__ import annotations

import orjson
from aiohttp import web
from aiohttp.web_protocol import RequestHandler

from ..core.wire import problem
from .door import HEADERS

#: Bytes of a request's first line: each parameter of a list may have a thousand characters.
MAX_LINE = 64 * 1024


class _Connection(RequestHandler):
    """aiohttp's, with our errors."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,  # noqa: ARG002 - aiohttp's contract
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP, or a fault of ours."""
        if status >= 500:
            self.log_exception("a request could not be handled", exc_info=exc)
            told = "something failed here; the log says more"
        else:
            told = f"this is not an HTTP/1.1 request: {(message or '').partition(chr(10))[0][:200]}"
        response = web.Response(
            status=status,
            body=orjson.dumps(problem(status, told)),
            content_type="application/problem+json",
            headers=HEADERS,
        )
        response.force_close()
        return response


class _Server(web.Server):
    def __call__(self) -> RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Runner(web.AppRunner):
    """aiohttp's, with our connections."""

    __slots__ = ()

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _Server(made.request_handler, request_factory=made.request_factory, **made._kwargs)  # noqa: SLF001 - aiohttp has no way to hand in a connection's class


def make_runner(app: web.Application) -> web.AppRunner:
    """Runs the application: bodies as they came (no zip bombs), idle connections closed, no second access log."""
    return _Runner(app, auto_decompress=False, keepalive_timeout=75.0, access_log=None, max_line_size=MAX_LINE)
