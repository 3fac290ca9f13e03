"""Slow clients, hundreds in a process of their own: `python -m tests.e2e.attackers <port> <kind> <count>`.

Each sends, or takes, a few bytes every `DRIP_SECONDS`, for as long as it is let. "ready" is printed once all have begun.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import suppress

DRIP_SECONDS = 5.0
_POST = b"POST /v1/%b HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
STARTS = {
    "headers": b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nX-Slow: ",
    "bodies": _POST % (b"chat/completions", 1_000_000, b'{"model": "m", "messages": [{"role": "user", "content": "'),
    "uploads": _POST % (b"files", 1_000_000, b"begin"),
    "reading": _POST % (b"chat/completions?endless", 15, b'{"stream":true}'),
}


async def attack(port: int, kind: str, begun: list[int]) -> None:
    loop = asyncio.get_running_loop()
    with socket.socket() as client, suppress(ConnectionError):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(client, STARTS[kind])
        begun.append(1)
        while True:
            await asyncio.sleep(DRIP_SECONDS)
            if kind == "reading":
                await loop.sock_recv(client, 16)
            else:
                await loop.sock_sendall(client, b"x" * 16)


async def main(port: int, kind: str, count: int) -> None:
    begun: list[int] = []
    attacks = [asyncio.ensure_future(attack(port, kind, begun)) for _ in range(count)]
    while len(begun) < count:
        await asyncio.sleep(0.05)
    print("ready", flush=True)
    await asyncio.gather(*attacks)
    await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
