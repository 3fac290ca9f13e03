"""An HTTP proxy on a socket: `CONNECT` and nothing else, unless a test wants another answer."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Self


class ConnectProxy:
    """
    Connects whoever asks, to where `target` says whatever was asked for; keeps what it was asked.

    Args:
        target: Host and port.
        answer: Sent instead of connecting; empty: hang up.

    """

    def __init__(self, target: tuple[str, int], answer: bytes | None = None) -> None:
        self.heads: list[bytes] = []
        self._target = target
        self._answer = answer
        self._tasks: set[asyncio.Task] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                if self._answer is None:
                    await self._join(reader, writer)
                else:
                    writer.write(self._answer)
                    await writer.drain()
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, away = await asyncio.open_connection(*self._target)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            await asyncio.gather(_pump(reader, away), _pump(there, writer))
        finally:
            away.close()
            with suppress(OSError, asyncio.CancelledError):
                await away.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
