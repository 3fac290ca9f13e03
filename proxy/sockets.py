"""Listening sockets: bound before anything else happens, so that a port in use stops the start with a clear word."""

from __future__ import annotations

import socket

from .errors import StartError

#: How many connections may wait to be accepted: a burst of clients, or the second in which a process is restarted.
BACKLOG = 4096
#: What is done about a port in use, by the section of its key.
CURES = {"listen": "choose another with --port", "analytics": "choose another with TEELOG_ANALYTICS__PORT"}


def listen(host: str, port: int, key: str, cure: str) -> socket.socket:
    """A listening socket; `StartError` names the configuration key and what to do."""
    bound = _bound(host, port, key, cure, listening=True)
    bound.setblocking(False)
    return bound


def demand_free(host: str, port: int, key: str, cure: str) -> None:
    """`StartError`, as `listen` would raise it, when an address cannot be had; nobody can connect meanwhile."""
    _bound(host, port, key, cure, listening=False).close()


def _bound(host: str, port: int, key: str, cure: str, *, listening: bool) -> socket.socket:
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise StartError(f"{key}: {host} is no address of this machine ({error.strerror})") from error
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        if listening:
            bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise StartError(
            f"{key} {port} on {host} cannot be listened on ({error.strerror}): end the program that has it, or {cure}"
        ) from error
    return bound


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
