"""Sockets without manners: an upstream that sends exactly the bytes it is told to, and a client that keeps them all."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass, field

RESET = struct.pack("ii", 1, 0)


@dataclass
class Seen:
    """One request as the upstream saw it."""

    head: bytes
    body: bytes
    connection: int

    @property
    def target(self) -> str:
        return self.head.split(b" ", 2)[1].decode()

    def fields(self) -> list[tuple[str, str]]:
        lines = self.head.decode("latin-1").split("\r\n")[1:-2]
        return [tuple(line.split(": ", 1)) for line in lines]


@dataclass
class Pieces:
    """An answer sent in these writes; `cut`: None keeps the connection, "close" ends it, "reset" resets it."""

    pieces: list[bytes]
    cut: str | None = None
    #: Waited for before each piece but the first.
    gate: asyncio.Event | None = None


@dataclass
class RawUpstream:
    """Answers each request with the next of `script` (the last one again and again)."""

    script: list = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    port: int = 0
    connections: int = 0
    #: Set whenever a connection that was being answered is ended by the other side.
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def start(self, tls=None) -> RawUpstream:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self._tasks: set[asyncio.Task] = set()
        return self

    async def stop(self) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        number = self.connections
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            while await self._one(reader, writer, number):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone.set()
        except asyncio.CancelledError:
            pass
        finally:
            self._tasks.discard(task)
            writer.close()
            with suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _one(self, reader, writer, number: int) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        body = await read_body(reader, head)
        self.seen.append(Seen(head, body, number))
        answer = self.script[min(len(self.seen), len(self.script)) - 1]
        self.arrived.set()
        watching = asyncio.ensure_future(reader.read(1))
        try:
            for index, piece in enumerate(answer.pieces):
                if index and answer.gate is not None:
                    waiting = asyncio.ensure_future(answer.gate.wait())
                    await asyncio.wait((waiting, watching), return_when=asyncio.FIRST_COMPLETED)
                    waiting.cancel()
                    if watching.done():
                        raise ConnectionResetError
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
            if answer.cut is None and answer.gate is not None and not answer.gate.is_set():
                await watching
                raise ConnectionResetError
        finally:
            if not watching.done():
                watching.cancel()
                with suppress(asyncio.CancelledError):
                    await watching
        if answer.cut == "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()
        if answer.cut is not None:
            return False
        return True


async def read_body(reader: asyncio.StreamReader, head: bytes) -> bytes:
    """The body of a request, framing undone."""
    lower = head.lower()
    if b"\r\ntransfer-encoding: chunked" in lower:
        out = []
        while True:
            size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
            data = await reader.readexactly(size + 2)
            if size == 0:
                return b"".join(out)
            out.append(data[:-2])
    at = lower.find(b"\r\ncontent-length:")
    if at < 0:
        return b""
    return await reader.readexactly(int(lower[at + 17 : lower.index(b"\r\n", at + 2)]))


@dataclass
class Got:
    """What a raw client received until the connection ended."""

    data: bytes
    reset: bool

    @property
    def head(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

    @property
    def body(self) -> bytes:
        return self.data.partition(b"\r\n\r\n")[2]

    @property
    def status(self) -> int:
        return int(self.data.split(b" ", 2)[1])

    def field(self, name: str) -> str | None:
        for line in self.head.decode("latin-1").split("\r\n")[1:]:
            key, _, value = line.partition(": ")
            if key.lower() == name.lower():
                return value
        return None


async def send(port: int, data: bytes, *, timeout: float = 10) -> Got:
    """Send bytes, and take all that comes until the connection ends."""
    out, reset = [], False
    async with asyncio.timeout(timeout):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(data)
            while part := await reader.read(65536):
                out.append(part)
        except ConnectionResetError:
            reset = True
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
    return Got(b"".join(out), reset)


def post(
    body: bytes, path: str = "/v1/chat/completions", *fields: str, version: str = "1.1", close: bool = True
) -> bytes:
    """A POST of JSON."""
    lines = [f"POST {path} HTTP/{version}", "Host: proxy.test", "Content-Type: application/json",
             f"Content-Length: {len(body)}", *fields]  # fmt: skip
    if close:
        lines.append("Connection: close")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def chunked(*pieces: bytes) -> bytes:
    """Pieces as chunks, with the end."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
