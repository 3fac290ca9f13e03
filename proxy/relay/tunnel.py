"""The way to an upstream through an HTTP proxy: a socket on which the upstream itself can be spoken to.

`CONNECT host:port` (RFC 9110 §9.3.6), for `http://` upstreams too: the proxy then sees and changes nothing, and the
connection is as any other. `OSError` names the proxy and says what stood in the way, never with its credentials.
"""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from ..config import Proxy

#: The longest head of a proxy's answer.
_MAX_HEAD = 16 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})\b")


async def tunnel(proxy: Proxy, host: str, port: int, loop: asyncio.AbstractEventLoop) -> socket.socket:
    """A connected socket; the caller owns it. Waits as long as it is let: the caller has the clock."""
    try:
        sock = await _connected(proxy, loop)
        try:
            await _ask(sock, proxy, host, port, loop)
        except BaseException:
            sock.close()
            raise
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise OSError(f"the proxy {proxy.authority} of {proxy.variable}: {reason}") from error
    return sock


async def _connected(proxy: Proxy, loop: asyncio.AbstractEventLoop) -> socket.socket:
    """A socket to the proxy, at the first of its addresses that answers."""
    failure = OSError("its name has no address")
    for family, kind, protocol, _, address in await loop.getaddrinfo(proxy.host, proxy.port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


async def _ask(sock: socket.socket, proxy: Proxy, host: str, port: int, loop: asyncio.AbstractEventLoop) -> None:
    """Have the proxy connect us."""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
    lines += [f"{name}: {value}" for name, value in proxy.headers().items()]
    await loop.sock_sendall(sock, ("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
    head = b""
    while b"\r\n\r\n" not in head:
        data = await loop.sock_recv(sock, 4096)
        head += data
        if not data or len(head) > _MAX_HEAD:
            raise OSError("it gave no HTTP answer" if head else "it closed the connection")
    status = _STATUS.match(head)
    if status is None or not 200 <= int(status[1]) < 300:
        raise OSError(f"it answered {status[1].decode()} to CONNECT" if status else "it gave no HTTP answer")
    if head.index(b"\r\n\r\n") + 4 != len(head):  # the upstream speaks only when it was asked
        raise OSError("it sent more than it was asked for")
