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
    return url_at(host, port)


def reached_at(host: str) -> str:
    """The host by which a listener is reached from this machine: one on every address is on loopback too."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def url_at(host: str, port: int) -> str:
    """The URL of what listens on a host and port, as this machine reaches it."""
    here = reached_at(host)
    return f"http://[{here}]:{port}" if ":" in here else f"http://{here}:{port}"
