"""Listening sockets: bound before anything else happens, so that a port in use stops the start with a clear word."""

from __future__ import annotations

import socket

from .errors import StartError

#: How many connections may wait to be accepted: a burst of clients, or the second in which a process is restarted.
BACKLOG = 4096


def listen(host: str, port: int, key: str, cure: str) -> socket.socket:
    """A listening socket; `StartError` names the configuration key and what to do."""
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StartError(f"{key}: {host} is no address of this machine ({error.strerror})") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise StartError(
            f"{key} {port} on {host} cannot be listened on ({error.strerror}): end the program that has it, or {cure}"
        ) from error
    return listening


def url_of(listening: socket.socket) -> str:
    """Where a socket is reached from this machine."""
    host, port = listening.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
