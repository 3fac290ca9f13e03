"""Through an HTTP proxy to the upstream: a tunnel that nobody looks into, and a plain word when there is none."""

from __future__ import annotations

import ssl

import pytest
import trustme

from proxy.config import Proxy, Secret
from tests.connect import ConnectProxy
from tests.raw import Pieces, chunked, post, send
from tests.relay.conftest import relay, until

WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(
    b'data: {"choices":[]}\n\n', b"data: [DONE]\n\n"
)
CREDENTIALS = "Basic dXNlcjpwbGFudGVk"
#: A port that the proxy is asked for, and at which nobody is.
ELSEWHERE = "llm.example:8443"


def proxy_at(port: int, *, authorization: Secret | None = None) -> Proxy:
    return Proxy("HTTPS_PROXY", "127.0.0.1", port, authorization)


@pytest.fixture
def authority(tmp_path):
    """A maker of certificates, and its own in a file."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "maker.pem")
    return made


async def through(tunnel: ConnectProxy, scheme: str, tmp_path, tls=None, *, requests: int = 1):
    """The answers to requests through a proxy to an upstream that is elsewhere; and the upstream."""
    options = {"base_url": f"{scheme}://{ELSEWHERE}/v1"} | ({"ca_file": tmp_path / "maker.pem"} if tls else {})
    way = proxy_at(tunnel.port, authorization=Secret(CREDENTIALS))
    async with relay([Pieces([WHOLE])], upstream=options, tls=tls, proxy=way) as world:
        tunnel._target = ("127.0.0.1", world.upstream.port)
        answers = [await send(world.port, post(b"{}")) for _ in range(requests)]
        return answers, world


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_tunnel_is_asked_for_once_and_used_again(authority, tmp_path, scheme):
    """CONNECT names the upstream and carries the credentials; the stream is byte for byte; the upstream sees none of it."""
    tls = None
    if scheme == "https":
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("llm.example").configure_cert(tls)
    async with ConnectProxy(("127.0.0.1", 1)) as tunnel:
        answers, world = await through(tunnel, scheme, tmp_path, tls, requests=3)

        assert [got.body for got in answers] == [WHOLE.partition(b"\r\n\r\n")[2]] * 3
        asked = f"CONNECT {ELSEWHERE} HTTP/1.1\r\nHost: {ELSEWHERE}\r\nProxy-Authorization: {CREDENTIALS}\r\n\r\n"
        assert tunnel.heads == [asked.encode()]
        assert world.upstream.connections == 1
        assert world.upstream.seen[0].target == "/v1/chat/completions"
        assert all(CREDENTIALS.encode() not in seen.head for seen in world.upstream.seen)
        assert CREDENTIALS.encode() not in b"".join(world.journal.entries)


REFUSALS = {
    "wants-credentials": (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", b"it answered 407 to CONNECT"),
    "refuses": (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", b"it answered 403 to CONNECT"),
    "hangs-up": (b"", b"it closed the connection"),
    "breaks-off": (b"HTTP/1.1 200 OK\r\n", b"it gave no HTTP answer"),
    "no-http": (b"220 mail.example ready\r\n\r\n", b"it gave no HTTP answer"),
    "endless": (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 5000, b"it gave no HTTP answer"),
    "too-much": (b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", b"it sent more than it was asked for"),
}


@pytest.mark.parametrize("name", REFUSALS)
async def test_without_a_tunnel_there_is_a_plain_word(tmp_path, name):
    """A proxy that does not connect is a 502 that names it and its variable, not its credentials; nothing is sent."""
    answer, why = REFUSALS[name]
    async with ConnectProxy(("127.0.0.1", 1), answer) as tunnel:
        (got,), world = await through(tunnel, "http", tmp_path)

        assert got.status == 502
        assert b"the proxy 127.0.0.1:%d of HTTPS_PROXY: %b" % (tunnel.port, why) in got.body
        assert CREDENTIALS.encode() not in got.data
        assert world.upstream.seen == []
        await until(lambda: not tunnel._tasks)


async def test_a_proxy_that_is_not_there(tmp_path):
    """Nobody at the proxy's port is a 502 that names the proxy, not the upstream alone."""
    async with relay([Pieces([WHOLE])], proxy=proxy_at(1)) as world:
        got = await send(world.port, post(b"{}"))

        assert got.status == 502
        assert b"the proxy 127.0.0.1:1 of HTTPS_PROXY: " in got.body
