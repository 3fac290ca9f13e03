"""An upstream in a process of its own that answers with more than anybody wants: `python -m tests.e2e.flood`.

Prints its port. What `/v1/<name>` answers is in `ANSWERS`; anything else is `{}`. Bodies of any size are read, and their
length and SHA-256 are the answer of `/v1/files`.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EVENT = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n'
DONE = b"data: [DONE]\n\n"


def events(count: int, text: bytes = b"word ") -> Iterator[bytes]:
    """An answer of so many events, one to a piece."""
    for _ in range(count):
        yield EVENT % text
    yield DONE


def line(size: int) -> Iterator[bytes]:
    """One event, whose only line is so long."""
    yield b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"delta":{"content":"'
    for _ in range(size // 100_000):
        yield b"a" * 100_000
    yield b'"}}]}\n\n' + DONE


def bomb(size: int) -> Iterator[bytes]:
    """A gzip body that becomes a thousand times its size."""
    text = b'{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"'
    yield gzip.compress(text + b"a" * size + b'"}}]}', mtime=0)


#: name -> header fields, the pieces of the body.
ANSWERS: dict[str, tuple[bytes, Callable[[], Iterator[bytes]]]] = {
    "endless": (b"Content-Type: text/event-stream\r\n", lambda: events(100_000)),
    "events": (b"Content-Type: text/event-stream\r\n", lambda: events(1_000_000)),
    "short": (b"Content-Type: text/event-stream\r\n", lambda: (b"data: {}\n\n" for _ in range(1_000_000))),
    "line": (b"Content-Type: text/event-stream\r\n", lambda: line(100_000_000)),
    "tiny": (b"Content-Type: text/event-stream\r\n", lambda: (bytes([byte]) for one in events(800) for byte in one)),
    "gzip": (b"Content-Type: application/json\r\nContent-Encoding: gzip\r\n", lambda: bomb(200_000_000)),
}


def framed(name: str) -> Iterator[bytes]:
    """An answer's body as it is written: each piece a chunk, many chunks to a write."""
    waiting: list[bytes] = []
    for number, piece in enumerate(ANSWERS[name][1]()):
        waiting.append(b"%x\r\n%b\r\n" % (len(piece), piece))
        if number % 100 == 0 or len(piece) > 10_000:
            yield b"".join(waiting)
            waiting.clear()
    yield b"".join(waiting) + b"0\r\n\r\n"


async def answer(writer: asyncio.StreamWriter, name: str) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n" + ANSWERS[name][0] + b"Transfer-Encoding: chunked\r\n\r\n")
    for part in framed(name):
        writer.write(part)
        await writer.drain()


async def body_of(reader: asyncio.StreamReader, head: bytes) -> tuple[int, str]:
    """The length and the digest of a request's body."""
    digest, size = hashlib.sha256(), 0
    lower = head.lower()
    if b"transfer-encoding: chunked" in lower:
        while length := int(await reader.readuntil(b"\r\n"), 16):
            digest.update((await reader.readexactly(length + 2))[:-2])
            size += length
        await reader.readexactly(2)
        return size, digest.hexdigest()
    at = lower.find(b"\r\ncontent-length:")
    left = int(lower[at + 17 :].split(b"\r\n")[0]) if at >= 0 else 0
    while left:
        part = await reader.read(min(left, 1 << 18))
        if not part:
            raise ConnectionResetError
        digest.update(part)
        size += len(part)
        left -= len(part)
    return size, digest.hexdigest()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            size, digest = await body_of(reader, head)
            name = head.split(b" ", 2)[1].decode().rpartition("?")[2]
            if name in ANSWERS:
                await answer(writer, name)
                continue
            body = b'{"size":%d,"sha256":"%b"}' % (size, digest.encode())
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            )
    writer.close()


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 18, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
