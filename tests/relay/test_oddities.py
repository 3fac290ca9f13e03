"""Odd but real: clients and upstreams that do what nobody expects of them."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from proxy.config import Secret
from tests.raw import Pieces, chunked, post, send
from tests.relay.conftest import HeldJournal, relay, until

pytestmark = pytest.mark.usefixtures("way")

OK = Pieces([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("how", ["close", "reset"])
async def test_a_cut_is_seen_without_chunks_too(how):
    """A client of HTTP/1.0, to whom the connection's end is the answer's, sees a cut chunked answer as a reset."""
    async with relay([Pieces([EVENTS + chunked(b"half")[:-5]], cut=how)]) as world:
        got = await send(world.port, post(b"{}", version="1.0"))

        assert got.reset
        assert world.journal.exchanges[0].interrupted == "upstream"


async def left_while_it_is_stored() -> None:
    """A client leaves while its exchange is on its way to the disk; the next one's journal is as slow."""
    journal = HeldJournal()
    journal.hold = True
    async with relay([OK], journal=journal) as world, asyncio.timeout(10):
        _, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(post(b"{}", close=False))
        await journal.came.wait()
        writer.transport.abort()
        await until(lambda: not world.front.open)
        assert (await send(world.port, post(b"{}"))).body == b"{}"
        journal.release()

        assert world.record.status()["late_releases"] == 1
        assert [exchange.interrupted for exchange in journal.exchanges] == ["", ""]


def test_a_client_that_leaves_at_the_end_stops_no_other(any_loop):
    """A client that leaves while its last piece is held is not written to; other last pieces are released in time."""
    any_loop(left_while_it_is_stored())


@pytest.fixture(params=["asyncio", "uvloop"])
def any_loop(request):
    """Runs a coroutine on either loop: uvloop raises where asyncio shrugs."""
    factory = None if request.param == "asyncio" else pytest.importorskip("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        yield runner.run


async def test_a_flood_of_interim_answers_passes():
    """Thousands of interim answers in one read are passed on, and the real one is found behind them."""
    hint = b"HTTP/1.1 103 Early Hints\r\n\r\n"
    async with relay([Pieces([hint * 5000 + OK.pieces[0]])]) as world:
        got = await send(world.port, post(b"{}"))

        assert got.data.count(hint) == 5000
        assert got.data.endswith(b"{}")


async def test_trailers_with_two_readings_are_refused():
    """A line end within the trailers that only some readers take for one is no HTTP."""
    async with relay([Pieces([EVENTS + b"2\r\n{}\r\n0\r\nX-A: b\n\r\n\r\n"])]) as world:
        assert (await send(world.port, post(b"{}"))).status == 502


@pytest.mark.parametrize("framing", [b'Content-Length: 7\r\n\r\n{"a":1}',
                                     b'Transfer-Encoding: chunked\r\n\r\n7\r\n{"a":1}\r\n0\r\n\r\n'])  # fmt: skip
async def test_an_offer_of_http2_is_passed_over(framing):
    """A client that offers h2c with its request is answered in HTTP/1.1, and what stands behind it is not read."""
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    request = b"POST /v1/chat/completions HTTP/1.1\r\nHost: proxy.test\r\n" + offer + framing
    async with relay([OK]) as world:
        got = await send(world.port, request + post(b'{"b":2}'))

        assert (got.status, got.field("connection"), got.body) == (200, "close", b"{}")
        assert [seen.body for seen in world.upstream.seen] == [b'{"a":1}']
        assert b"HTTP2-Settings" not in world.upstream.seen[0].head


async def test_a_client_that_pauses_its_upload_is_not_the_upstreams_silence():
    """While a streamed body is still to come, the upstream may be silent for as long as its client is."""
    request = b"POST /v1/files HTTP/1.1\r\nHost: proxy.test\r\nConnection: close\r\nContent-Length: 6\r\n\r\nabc"
    async with relay([OK], upstream={"idle_timeout_seconds": 0.05}) as world, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(request)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(world.upstream.gone.wait(), 0.3)
        writer.write(b"def")

        assert (await reader.read()).endswith(b"{}")
        writer.close()


OURS, THEIRS = "up-key", "client-key"
KEYS = {
    # mode, the client's fields -> the credentials that the upstream sees
    "twice": ("if_absent", [f"Authorization: Bearer {THEIRS}", f"x-api-key: {THEIRS}"], {"authorization": f"Bearer {OURS}"}),
    "another-field": ("if_absent", [f"x-teelog-key: {THEIRS}", "api-key: own"], {"api-key": "own"}),
    "google": ("if_absent", [f"Authorization: Bearer {THEIRS}", "x-goog-api-key: own"], {"x-goog-api-key": "own"}),
    "replaced": ("replace", [f"x-teelog-key: {THEIRS}", "api-key: own", "X-Api-Key: own", "Authorization: Bearer own"],
                 {"authorization": f"Bearer {OURS}"}),
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
async def test_one_key_goes_upstream(name):
    """Whatever fields a client's keys stand in, a client key stays here, and never do two keys go upstream."""
    mode, fields, expected = KEYS[name]
    listen, options = {"client_keys": (Secret(THEIRS),)}, {"api_key": Secret(OURS), "api_key_mode": mode}
    async with relay([OK], listen=listen, upstream=options) as world:
        assert (await send(world.port, post(b"{}", "/v1/chat/completions", *fields))).status == 200

        seen = {name.lower(): value for name, value in world.upstream.seen[0].fields()}
        assert {k: v for k, v in seen.items() if "key" in k or k == "authorization"} == expected


NOTE = b"/feedback HTTP/1.1\r\nHost: proxy.test\r\nAuthorization: Bearer analytics-key\r\n"
NOTES = {
    "stops-coming": (b"POST " + NOTE + b"Content-Length: 20\r\n\r\n{", 408),
    "head": (b"HEAD " + NOTE + b"Connection: close\r\n\r\n", 405),
}


@pytest.mark.parametrize("name", NOTES)
async def test_a_note_that_is_none_is_refused(name):
    """Feedback whose body stops coming is given up with its connection; HEAD gets no body."""
    request, status = NOTES[name]
    async with relay([OK], listen={"body_idle_seconds": 0.1}) as world:
        got = await send(world.port, request, timeout=3)

        assert got.status == status
        assert (got.body == b"") == (name == "head")
        assert world.journal.entries == []


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_key_quoted_in_a_coded_body_is_not_kept(framing):
    """A credential that a gzip body quotes, the client's or the upstream's, travels on and is blanked in the record."""
    key, body = b"sk-canary-0123456789", gzip.compress(b'{"said":"sk-canary-0123456789"}')
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n"
    whole = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    if framing == "chunked":
        whole = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body[:9], body[9:])
    fields = ("Content-Encoding: gzip", f"Authorization: Bearer {key.decode()}")
    async with relay([Pieces([whole])]) as world:
        got = await send(world.port, post(body, "/v1/chat/completions", *fields))

        assert whole.endswith(got.body)
        assert world.upstream.seen[0].body == body
        (exchange,) = world.journal.exchanges
        assert (exchange.request, exchange.answer) == (b'{"said":"' + b"*" * len(key) + b'"}',) * 2
        assert "content-encoding" not in exchange.headers | exchange.answer_headers


async def test_a_refused_request_may_end_its_body():
    """A request that is refused before its body is read has time to send it, and so to see why."""
    async with relay([OK]) as world, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(post(b"x" * 1000, "/v1/../admin", close=False)[:-500])
        assert (await reader.readuntil(b"}}")).startswith(b"HTTP/1.1 400 ")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.2)
        writer.write(b"x" * 500)

        assert await reader.read() == b""
        writer.close()
