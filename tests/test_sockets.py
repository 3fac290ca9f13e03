"""Listening sockets: what stops a start, and how an address is told."""

import contextlib
import errno
import socket

import pytest

from proxy.errors import StartError
from proxy.sockets import listen, url_of


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


V6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("127.0.0.1", "http://127.0.0.1:"),
        ("0.0.0.0", "http://127.0.0.1:"),
        pytest.param("::1", "http://[::1]:", marks=V6),
        pytest.param("::", "http://[::1]:", marks=V6),
    ],
)
def test_an_address_is_told_as_it_is_reached_from_here(host, told):
    """The URL can be used on this machine as it stands: a wildcard is told as loopback, IPv6 in brackets."""
    with contextlib.closing(listen(host, 0, "listen.port", "choose another")) as listening:
        url = url_of(listening)

        assert url == f"{told}{listening.getsockname()[1]}"
        socket.create_connection((host.replace("0.0.0.0", "127.0.0.1"), listening.getsockname()[1]), 5).close()


def test_a_port_in_use_names_key_and_cure():
    """A port that another program has is a `StartError` with the key, the port and what to do."""
    with contextlib.closing(listen("127.0.0.1", 0, "listen.port", "-")) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartError) as refused:
            listen("127.0.0.1", port, "analytics.port", "choose another with X")

    assert str(refused.value).startswith(f"analytics.port {port} on 127.0.0.1 cannot be listened on")
    assert str(refused.value).endswith("or choose another with X")


def test_a_host_without_an_address_is_said_so(monkeypatch):
    """A name that nobody knows is a `StartError` that names it, not a traceback."""

    def unknown(*_args, **_named):
        raise socket.gaierror(errno.ENOENT, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    with pytest.raises(StartError, match=r"listen\.port: nowhere is no address of this machine \(Name or service"):
        listen("nowhere", 0, "listen.port", "-")
