"""An analytics API in a thread, in a process of its own as far as teelog can tell; a test decides what it answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

import orjson
from aiohttp import web

from tests.e2e.threaded import Threaded

if TYPE_CHECKING:
    from collections.abc import Callable


class Says(NamedTuple):
    """An answer that is no acknowledgement; status 0: the connection is closed instead."""

    status: int
    retry_after: str = ""
    #: The body is taken all the same, after so many seconds; None: it is not.
    taken_after: float | None = None


class ThreadSink(Threaded):
    """
    Keeps of every conversation what it was sent last, until it is deleted.

    Args:
        decide: Called with a posted body; gives how to refuse it, or None to take it.

    """

    def __init__(self, decide: Callable[[dict], Says | None] = lambda told: None) -> None:
        super().__init__()
        self.decide = decide
        self.has: dict[str, dict] = {}
        self.posts = 0
        #: What a DELETE is answered with; 0: it is done.
        self.refuses = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def runner(self) -> web.ServerRunner:
        return web.ServerRunner(web.Server(self._answer), shutdown_timeout=0.1)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if request.method == "DELETE":
            if self.refuses:
                return web.json_response({}, status=self.refuses)
            gone = self.has.pop(unquote(request.raw_path.rpartition("/")[2]), None)
            return web.json_response({}, status=404 if gone is None else 200)
        told = orjson.loads(await request.content.read())
        self.posts += 1
        says = self.decide(told)
        if says is None:
            self.has[told["id"]] = told
            return web.json_response({"id": told["id"]})
        if says.taken_after is not None:
            await asyncio.sleep(says.taken_after)
            self.has[told["id"]] = told
        if not says.status:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        fields = {"Retry-After": says.retry_after} if says.retry_after else {}
        return web.json_response({"detail": "as the test decided"}, status=says.status, headers=fields)


def answers_in(told: dict) -> set[str]:
    """What the model said in a posted conversation."""
    return {one["content"] for one in told["messages"] if one["role"] == "assistant"}
