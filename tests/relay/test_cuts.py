"""What breaks: upstreams that cut, clients that leave, and what both sides and the record see of it."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

import pytest

from tests.raw import Pieces, chunked, post, send
from tests.relay.conftest import relay, until

pytestmark = pytest.mark.usefixtures("way")

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
EVENT = b'data: {"choices":[{"delta":{"content":"half"}}]}\n\n'
STARTS = {
    "chunked": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(EVENT)[:-5],
    "chunked-mid-chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nff\r\n" + EVENT,
    "length": HEAD + b"Content-Length: 500\r\n\r\n" + EVENT,
    "close": HEAD + b"\r\n" + EVENT,
}


# without a length, a close is the end of the answer: only a reset can be a cut
@pytest.mark.parametrize(
    ("framing", "how"), [(f, h) for f in STARTS for h in ("close", "reset") if (f, h) != ("close", "close")]
)
async def test_a_cut_upstream_is_a_cut_client(framing, how):
    """Whatever the framing, a cut answer never ends cleanly; what came is passed on and recorded as interrupted."""
    gate = asyncio.Event()
    async with relay([Pieces([STARTS[framing], b""], cut=how, gate=gate)]) as world:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(post(b"{}"))
        await reader.readuntil(EVENT)
        gate.set()
        rest, reset = b"", False
        try:
            rest = await reader.read()
        except ConnectionResetError:
            reset = True
        writer.close()

        assert not rest.endswith(b"0\r\n\r\n")
        assert reset == (framing == "close")
        (exchange,) = world.journal.exchanges
        assert exchange.interrupted == "upstream"
        assert exchange.answer.startswith(EVENT)


async def test_a_close_is_the_end_of_an_answer_without_length():
    """An answer that ends with its connection is complete."""
    async with relay([Pieces([STARTS["close"]], cut="close")]) as world:
        got = await send(world.port, post(b"{}"))

        assert (got.body, got.reset) == (EVENT, False)
        assert world.journal.exchanges[0].interrupted == ""


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}", id="two-lengths"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}", id="te-and-cl"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", id="other-coding"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\n{}", id="signed-length"),
        pytest.param(b"HTTP/2 200\r\n\r\n", id="http2"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX : y\r\nContent-Length: 0\r\n\r\n", id="space-before-colon"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: y\r\n folded\r\nContent-Length: 0\r\n\r\n", id="folded"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 0\r\n\r\n", id="nul"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: a\nb: c\r\nContent-Length: 0\r\n\r\n", id="bare-lf"),
        pytest.param(b"HTTP/1.1 101 Switching Protocols\r\n\r\n", id="unasked-upgrade"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", id="no-chunk-size"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000, id="endless-head"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n\r\n", id="not-http"),
    ],
)
async def test_an_answer_that_is_not_http_is_a_502(answer):
    """What two readers could take for two things is refused, and the connection is not used again."""
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    async with relay([Pieces([answer]), Pieces([ok])]) as world:
        got = await send(world.port, post(b"{}"))

        assert got.status == 502
        assert b'"code":"upstream_broken"' in got.body
        assert got.field("x-teelog-id") == world.journal.exchanges[0].id
        assert world.journal.exchanges[0].status == 502
        assert (await send(world.port, post(b"{}"))).status == 200
        assert world.upstream.connections == 2


async def test_bytes_behind_the_end_reach_nobody():
    """Bytes behind an answer's end are dropped, and so is the connection they came on."""
    first = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"
    second = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrue"
    async with relay([Pieces([first]), Pieces([second])]) as world:
        assert (await send(world.port, post(b"{}"))).body == b"{}"
        assert (await send(world.port, post(b"{}"))).body == b"true"
        assert world.upstream.connections == 2


async def test_interim_answers_pass():
    """103 goes on to a client of HTTP/1.1, 100 stops here, and the real answer follows."""
    whole = (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    )
    async with relay([Pieces([whole])]) as world:
        got = await send(world.port, post(b"{}"))

        assert got.data.startswith(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\n")
        assert got.data.endswith(b"{}")


SCENES = {
    "before-the-first-byte": Pieces([b""], gate=asyncio.Event()),
    "mid-stream": Pieces([STARTS["chunked"]], gate=asyncio.Event()),
    "plain-json": Pieces([b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"a":'], gate=asyncio.Event()),
}


@pytest.mark.parametrize("name", SCENES)
async def test_a_client_that_leaves_takes_the_upstream_along(name):
    """The upstream's connection ends when its client has gone, and what came is recorded as interrupted."""
    script = SCENES[name]
    script.gate = asyncio.Event()
    async with relay([script]) as world:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(post(b'{"q":1}', close=False))
        await world.upstream.arrived.wait()
        if script.pieces[0]:
            await reader.readuntil(b"\r\n\r\n")
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        async with asyncio.timeout(2):
            await world.upstream.gone.wait()
            await world.journal.came.wait()

        (exchange,) = world.journal.exchanges
        assert (exchange.interrupted, exchange.request) == ("client", b'{"q":1}')
        assert world.record.status()["outcomes"] == {"interrupted_client": 1}


async def test_silence_before_the_answer_is_a_504():
    """An upstream that says nothing for longer than allowed is given up: 504 with the id, and it is recorded."""
    script = Pieces([b""], gate=asyncio.Event())
    async with relay([script], upstream={"idle_timeout_seconds": 0.1}) as world:
        got = await send(world.port, post(b"{}"))

        assert got.status == 504
        assert b'"code":"upstream_timeout"' in got.body
        assert world.journal.exchanges[0].status == 504


async def test_silence_within_an_answer_cuts_it():
    """An upstream that falls silent in mid-answer is a cut upstream."""
    script = Pieces([STARTS["chunked"]], gate=asyncio.Event())
    async with relay([script], upstream={"idle_timeout_seconds": 0.1}) as world:
        got = await send(world.port, post(b"{}"))

        assert EVENT in got.body
        assert not got.body.endswith(b"0\r\n\r\n")
        assert world.journal.exchanges[0].interrupted == "upstream"


async def test_an_upstream_that_is_down_is_a_502():
    """An upstream that cannot be reached is said so, with the id, and the connection to the client goes on."""
    async with relay([Pieces([b""])]) as world:
        await world.upstream.stop()
        got = await send(world.port, post(b"{}", close=False) + post(b"{}"))

        assert got.data.count(b"HTTP/1.1 502 ") == 2
        assert b'"code":"upstream_unreachable"' in got.body
        assert [exchange.status for exchange in world.journal.exchanges] == [502, 502]
        assert all("cannot be reached" in exchange.fault for exchange in world.journal.exchanges)


async def test_a_closed_idle_connection_is_not_written_to():
    """A pooled connection that the upstream has closed is replaced before a byte is sent on it."""
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    async with relay([Pieces([ok], cut="close"), Pieces([ok])]) as world:
        for _ in range(5):
            assert (await send(world.port, post(b"{}"))).status == 200


async def test_a_connection_is_used_again():
    """Answers that end cleanly share one connection to the upstream."""
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    async with relay([Pieces([ok])]) as world:
        for _ in range(5):
            assert (await send(world.port, post(b"{}"))).status == 200
        assert world.upstream.connections == 1


async def test_a_request_without_answer_is_never_sent_twice():
    """An upstream that closes without an answer gets the request once."""
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
    async with relay([Pieces([ok]), Pieces([], cut="close"), Pieces([ok])]) as world:
        assert (await send(world.port, post(b"{}"))).status == 200
        assert (await send(world.port, post(b"{}"))).status == 502
        assert len(world.upstream.seen) == 2


async def test_a_slow_client_holds_the_upstream_back():
    """A client that does not read stops the upstream instead of filling memory, and still gets every byte."""
    body = b"x" * 30_000_000
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    pieces = [whole, *(body[i : i + 65536] for i in range(0, len(body), 65536))]
    async with relay([Pieces(pieces)], limit=1 << 16) as world:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port, limit=1 << 16)
        writer.write(post(b"{}"))
        await reader.readuntil(b"\r\n\r\n")
        (client,) = world.front_connections()
        await until(lambda: client.upstream.paused)
        assert client.transport.get_write_buffer_size() < 4_000_000
        assert await reader.readexactly(len(body)) == body
        writer.close()
        assert world.record.status()["not_recorded"] == {"too_large": 1}
        assert list(world.record.newest_lost()) == ["too_large"]


@pytest.mark.parametrize("field", ["X-Forwarded-For: 10.1.2.3", "forwarded: for=10.1.2.3", "X-Other: 1"])
async def test_why_it_failed_is_told_on_this_machine_alone(field):
    """Whoever comes through a reverse proxy on this machine is told in general what failed; whoever is here, all of it."""
    async with relay([Pieces([b"SSH-2.0-x\r\n\r\n"])]) as world:
        got = await send(world.port, post(b"{}", "/v1/chat/completions", field))

        assert got.status == 502
        message = json.loads(got.body)["error"]["message"]
        assert ("does not begin with an HTTP/1.1 head" in message) is (field == "X-Other: 1")
        assert ("(exchange " in message) is not (field == "X-Other: 1")
