"""Upstreams behind TLS: only trusted ones are spoken to, and everything else is as without."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import trustme

from proxy.config import Upstream as UpstreamConfig
from proxy.errors import StartError
from proxy.relay.upstream import Upstream
from tests.raw import Pieces, chunked, post, send
from tests.relay.conftest import relay

EVENT = b'data: {"choices":[]}\n\n'
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
WHOLE = STREAM + chunked(EVENT, b"data: [DONE]\n\n")


@pytest.fixture
def authority(tmp_path):
    """A maker of certificates, and its own in a file."""
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "maker.pem")
    return made


def served(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


async def test_a_maker_of_ours_is_trusted(authority, tmp_path):
    """With `ca_file` the upstream is reached, its stream comes byte for byte, and its connection is used again."""
    options = {"ca_file": tmp_path / "maker.pem"}
    async with relay([Pieces([WHOLE])], upstream=options, tls=served(authority)) as world:
        for _ in range(3):
            got = await send(world.port, post(b"{}"))
            assert got.body == chunked(EVENT, b"data: [DONE]\n\n")

        assert world.upstream.connections == 1
        assert [exchange.interrupted for exchange in world.journal.exchanges] == ["", "", ""]


@pytest.mark.parametrize("name", ["unknown-maker", "other-name"])
async def test_an_upstream_that_is_not_trusted_gets_nothing(authority, tmp_path, name):
    """An unknown maker or another name is a 502 that says why; not a byte of the request is sent."""
    options = {} if name == "unknown-maker" else {"ca_file": tmp_path / "maker.pem"}
    tls = served(authority, "127.0.0.1" if name == "unknown-maker" else "other.example")
    async with relay([Pieces([WHOLE])], upstream=options, tls=tls) as world:
        got = await send(world.port, post(b"{}"))

        assert got.status == 502
        assert b"certificate is not trusted" in got.body
        assert world.upstream.seen == []


async def test_a_cut_behind_tls_is_a_cut(authority, tmp_path):
    """A stream that breaks off behind TLS has no clean end for the client either."""
    gate = asyncio.Event()
    script = Pieces([STREAM + chunked(EVENT)[:-5], b""], cut="reset", gate=gate)
    async with relay([script], upstream={"ca_file": tmp_path / "maker.pem"}, tls=served(authority)) as world:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(post(b"{}"))
        await reader.readuntil(EVENT)
        gate.set()
        rest = await reader.read()
        writer.close()

        assert not rest.endswith(b"0\r\n\r\n")
        assert world.journal.exchanges[0].interrupted == "upstream"


async def test_a_certificate_file_that_is_none_stops_the_start(tmp_path):
    """A `ca_file` that holds no certificate is named before anything is served."""
    (tmp_path / "none.pem").write_text("nothing\n")
    config = UpstreamConfig(base_url="https://127.0.0.1:1/v1", ca_file=tmp_path / "none.pem")

    with pytest.raises(StartError, match=r"upstream.ca_file .*none.pem cannot be used"):
        Upstream("", config, asyncio.get_running_loop())
