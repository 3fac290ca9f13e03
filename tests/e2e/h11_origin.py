"""An origin that reads with h11, strictly, and answers each whole request with the `X-Front` that it brought."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

import h11


@dataclass
class Origin:
    """Counts what it gets."""

    #: The `X-Front` fields of each whole request, and its target.
    requests: list[tuple[list[bytes], bytes]] = field(default_factory=list)
    #: What h11 would not read, and why.
    refused: list[tuple[bytes, str]] = field(default_factory=list)
    port: int = 0

    async def __aenter__(self) -> Origin:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._tasks: set[asyncio.Task] = set()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        with suppress(ConnectionError, asyncio.CancelledError):
            await self._talk(reader, writer)
        self._tasks.discard(task)
        writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
        request, data = None, b""
        while True:
            try:
                event = server.next_event()
            except h11.RemoteProtocolError as error:
                if data:  # (an end in the middle of a request is a request that was given up)
                    self.refused.append((data, str(error)))
                return
            if event is h11.NEED_DATA:
                data = await reader.read(65536)
                server.receive_data(data)
            elif type(event) is h11.Request:
                request = event
            elif type(event) is h11.EndOfMessage:
                marks = [value for name, value in request.headers if name == b"x-front"]
                self.requests.append((marks, request.target))
                fields = [("content-length", "2"), ("x-origin", b",".join(marks) or b"none")]
                answer = server.send(h11.Response(status_code=200, headers=fields))
                body = b"" if request.method == b"HEAD" else b"{}"
                writer.write(answer + (server.send(h11.Data(data=body)) or b"") + server.send(h11.EndOfMessage()))
                if server.our_state is not h11.DONE or server.their_state is not h11.DONE:
                    return
                server.start_next_cycle()
            elif type(event) is h11.ConnectionClosed:
                return
