"""WebSocket through the relay: between aiohttp's client and server, and between raw sockets."""

from __future__ import annotations

import asyncio
import json
import random
import socket
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from proxy.config import Secret
from proxy.core.frames import close_frame
from proxy.relay.websocket import LEAVE_SECONDS, QUIET_SECONDS
from tests.core.test_frames import frame
from tests.raw import RESET, Pieces, send
from tests.relay.conftest import relay, until

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 §1.3
CLEAN = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
    + ACCEPT
    + b"\r\n\r\n"
)
OK = Pieces([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])


def handshake(path: str = "/v1/realtime?model=m", *fields: str, key: bytes = KEY) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: proxy.test", "Connection: Upgrade", "Upgrade: websocket",
             "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key.decode()}", *fields]  # fmt: skip
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


@asynccontextmanager
async def raw_peers():
    """A raw upstream's base URL, the queue its connections come out of, and what dials a port."""
    came: asyncio.Queue = asyncio.Queue()
    open_ones = []

    async def serve(reader, writer):
        open_ones.append(writer)
        await came.put((reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

    async def dial(port: int):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        open_ones.append(writer)
        return reader, writer

    try:
        yield base_url, came, dial
    finally:
        server.close()
        for writer in open_ones:
            writer.transport.abort()
            with suppress(ConnectionError):
                await writer.wait_closed()


@asynccontextmanager
async def peers(world_options=None, **options):
    """A relay between a raw client and a raw upstream."""
    async with (
        raw_peers() as (base_url, came, dial),
        relay([OK], upstream={"base_url": base_url, **options}, **(world_options or {})) as world,
    ):
        world.came, world.dial = came, lambda: dial(world.port)
        yield world


async def opened(world):
    """A session: the client's reader and writer, the upstream's, and the handshake that it saw."""
    reader, writer = await world.dial()
    writer.write(handshake())
    up_reader, up_writer = await asyncio.wait_for(world.came.get(), 5)
    head = await up_reader.readuntil(b"\r\n\r\n")
    up_writer.write(CLEAN)
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)
    assert answer.startswith(b"HTTP/1.1 101 Switching Protocols\r\n"), answer
    return reader, writer, up_reader, up_writer, head


async def ends(reader, timeout: float = 5) -> bytes:
    """What is left until the connection ends, in whatever way."""
    out = b""
    async with asyncio.timeout(timeout):
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                out += data
    return out


# --- with aiohttp at both ends


@asynccontextmanager
async def echoing(compress: bool = True):
    """An upstream that says back what it hears, at /v1/realtime and /v1/responses; and what it saw."""
    seen = []

    async def talk(request):
        seen.append(request)
        ws = web.WebSocketResponse(protocols=("realtime",), compress=compress, max_msg_size=0)
        await ws.prepare(request)
        async for message in ws:
            if message.type is WSMsgType.TEXT:
                if message.data == "leave":
                    await ws.close(code=4001, message=b"as you wish")
                else:
                    await ws.send_str(message.data)
            elif message.type is WSMsgType.BINARY:
                await ws.send_bytes(message.data)
        seen.append(ws.close_code)
        return ws

    app = web.Application()
    app.router.add_get("/v1/{_:realtime|responses}", talk)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1", seen
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("compress", [0, 15])
@pytest.mark.parametrize("path", ["/v1/realtime?model=m", "/v1/responses"])
async def test_a_session_goes_through(path, compress):
    """Text, bytes, pings and large messages pass both ways, compressed or not; the upstream sees the client's handshake."""
    async with (
        echoing(bool(compress)) as (base_url, seen),
        relay([OK], upstream={"base_url": base_url}) as world,
        aiohttp.ClientSession() as session,
        session.ws_connect(
            f"ws://127.0.0.1:{world.port}{path}", protocols=("realtime",), compress=compress, max_msg_size=0,
            headers={"Authorization": "Bearer sk-own", "OpenAI-Beta": "realtime=v1"},
        ) as ws,
    ):  # fmt: skip
        assert ws.protocol == "realtime"
        assert ws.get_extra_info("peername")[1] == world.port
        for size in (0, 1, 125, 126, 70_000, 3_000_000):
            await ws.send_str("x" * size)
            assert (await ws.receive_str(timeout=20)) == "x" * size
            await ws.send_bytes(b"\x00\xff" * size)
            assert (await ws.receive_bytes(timeout=20)) == b"\x00\xff" * size
        await ws.ping(b"are you there")
        await ws.send_str("after a ping")
        assert (await ws.receive_str(timeout=5)) == "after a ping"
        request = seen[0]
        assert request.path_qs == path
        assert request.headers["Authorization"] == "Bearer sk-own"
        assert request.headers["OpenAI-Beta"] == "realtime=v1"
        assert request.headers["Host"] == base_url.split("/")[2]
        assert "x-teelog-hop" in request.headers
        await ws.close(code=4000)
        await until(lambda: len(seen) == 2)
        assert seen[1] == 4000
        await until(lambda: world.record.status()["outcomes"] == {"complete": 1})
        told = world.record.status()["websockets"]
        assert told["sessions"] == 1
        assert told["frames"]["client"] >= 14
        assert told["frames"]["upstream"] >= 14
        assert world.journal.entries == []


async def test_the_upstreams_goodbye_arrives():
    """A Close frame of the upstream reaches the client with its code and its words."""
    async with (
        echoing() as (base_url, _),
        relay([OK], upstream={"base_url": base_url}) as world,
        aiohttp.ClientSession() as session,
        session.ws_connect(f"ws://127.0.0.1:{world.port}/v1/realtime") as ws,
    ):
        await ws.send_str("leave")
        message = await ws.receive(timeout=5)

        assert (message.type, message.data, message.extra) == (WSMsgType.CLOSE, 4001, "as you wish")
        await until(lambda: world.record.status()["outcomes"] == {"complete": 1})


async def test_many_sessions_at_once():
    """Fifty sessions side by side each get their own words back, and leave nothing open."""
    async with (
        echoing() as (base_url, _),
        relay([OK], upstream={"base_url": base_url}) as world,
        aiohttp.ClientSession() as session,
    ):

        async def one(number: int) -> None:
            async with session.ws_connect(f"ws://127.0.0.1:{world.port}/v1/realtime") as ws:
                for turn in range(5):
                    await ws.send_str(f"{number} {turn}")
                    assert await ws.receive_str(timeout=10) == f"{number} {turn}"

        await asyncio.gather(*map(one, range(50)))
        await until(lambda: world.record.status()["outcomes"] == {"complete": 50})
        assert world.front.open == 0


# --- the handshake


REFUSED = {
    "a-body": (handshake("/v1/realtime", "Content-Length: 3") + b"abc", 400),
    "no-body-with-a-length": (handshake("/v1/realtime", "Content-Length: 0"), 400),
    "chunks": (handshake("/v1/realtime", "Transfer-Encoding: chunked") + b"0\r\n\r\n", 400),
    "no-key": (handshake().replace(b"Sec-WebSocket-Key", b"X-Key"), 400),
    "two-keys": (handshake("/v1/realtime", f"Sec-WebSocket-Key: {KEY.decode()}"), 400),
    "a-short-key": (handshake(key=b"eA=="), 400),
    "another-path": (handshake("/v1/chat/completions"), 501),
    "a-path-below": (handshake("/v1/realtime/sessions"), 501),
    "post": (handshake().replace(b"GET", b"POST"), 501),
    "http-1.0": (handshake().replace(b"HTTP/1.1", b"HTTP/1.0"), 501),
    "one-of-two": (handshake().replace(b"Upgrade: websocket", b"Upgrade: h2c, websocket"), 501),
    "not-a-token": (handshake().replace(b"Connection: Upgrade", b"Connection: upgrades"), 400),
    "frames-at-once": (handshake() + frame(1, b"hello", masked=True), 400),
    "a-request-at-once": (handshake() + b"GET /v1/files HTTP/1.1\r\nHost: proxy.test\r\n\r\n", 400),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.usefixtures("way")
async def test_half_a_handshake_is_refused(name):
    """What is not wholly a handshake is refused, and neither it nor what stands behind it reaches the upstream."""
    request, status = REFUSED[name]
    async with relay([OK]) as world:
        got = await send(world.port, request, timeout=5)

        assert got.status == status, got
        assert got.data.count(b"HTTP/1.1") == 1
        assert "error" in json.loads(got.body)
        assert world.upstream.seen == []


async def test_words_before_the_answer_are_refused():
    """Bytes that come before the 101 are never sent on: the client gets 400, and the upstream is left."""
    async with peers() as world:
        reader, writer = await world.dial()
        writer.write(handshake())
        up_reader, up_writer = await asyncio.wait_for(world.came.get(), 5)
        await up_reader.readuntil(b"\r\n\r\n")
        writer.write(b"GET /v1/files HTTP/1.1\r\nHost: proxy.test\r\n\r\n")
        await until(lambda: world.front_connections()[0].too_early)
        up_writer.write(CLEAN)

        assert (await ends(reader)).startswith(b"HTTP/1.1 400 ")
        assert await ends(up_reader) == b""
        assert world.came.empty()


@pytest.mark.parametrize("early", [b"", b"GET /v1/files HTTP/1.1\r\nHost: proxy.test\r\n\r\n"])
async def test_a_refusal_of_the_upstream_goes_through(early):
    """An upstream that does not switch is answered from as ever; what stands behind the handshake is never a request."""
    async with peers(keepalive_seconds=0.1) as world:
        reader, writer = await world.dial()
        writer.write(handshake())
        up_reader, up_writer = await asyncio.wait_for(world.came.get(), 5)
        await up_reader.readuntil(b"\r\n\r\n")
        writer.write(early)
        await until(lambda: world.front_connections()[0].too_early == bool(early))
        up_writer.write(b"HTTP/1.1 401 Unauthorized\r\nX-Why: key\r\nContent-Length: 4\r\n\r\nnope")

        got = await ends(reader)
        assert got.startswith(b"HTTP/1.1 401 Unauthorized\r\nX-Why: key\r\n")
        assert got.endswith(b"\r\n\r\nnope")
        assert got.count(b"HTTP/1.1") == 1
        assert await ends(up_reader) == b""
        assert world.came.empty()


DIRTY = {
    "another-key's": CLEAN.replace(ACCEPT, b"AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    "no-accept": CLEAN.replace(b"Sec-WebSocket-Accept", b"X-Accept"),
    "two-accepts": CLEAN.replace(b"\r\n\r\n", b"\r\nSec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"),
    "no-upgrade": CLEAN.replace(b"Upgrade: websocket\r\n", b""),
    "another-protocol": CLEAN.replace(b"Upgrade: websocket", b"Upgrade: h2c"),
    "no-connection": CLEAN.replace(b"Connection: Upgrade\r\n", b""),
    "a-length": CLEAN.replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n"),
    "chunks": CLEAN.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "http-1.0": CLEAN.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "a-masked-frame-behind": CLEAN + frame(1, b"x", masked=True),
}


@pytest.mark.parametrize("name", DIRTY)
async def test_only_a_clean_switch_switches(name):
    """A 101 that does not answer the handshake is a 502 (or an end, once the client had a clean one), never a session."""
    async with peers() as world:
        reader, writer = await world.dial()
        writer.write(handshake())
        up_reader, up_writer = await asyncio.wait_for(world.came.get(), 5)
        await up_reader.readuntil(b"\r\n\r\n")
        up_writer.write(DIRTY[name])

        got = await ends(reader)
        if name == "a-masked-frame-behind":
            assert got.startswith(b"HTTP/1.1 101 ")
            assert got.endswith(b"\r\n\r\n")
        else:
            assert got.startswith(b"HTTP/1.1 502 ")
        assert await ends(up_reader) == b""
        assert world.front.open == 0


async def test_a_switch_that_nobody_asked_for_is_broken():
    """A 101 to an ordinary request is a 502, also with a clean handshake's fields."""
    async with relay([Pieces([CLEAN])]) as world:
        got = await send(world.port, b"GET /v1/realtime HTTP/1.1\r\nHost: proxy.test\r\nConnection: close\r\n\r\n")

        assert got.status == 502


async def test_frames_right_behind_the_switch_arrive():
    """What the upstream says in one read with its 101 reaches the client, right behind ours."""
    async with peers() as world:
        reader, writer = await world.dial()
        writer.write(handshake())
        up_reader, up_writer = await asyncio.wait_for(world.came.get(), 5)
        await up_reader.readuntil(b"\r\n\r\n")
        hello = frame(1, b'{"type":"session.created"}', masked=False)
        up_writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + CLEAN + hello)

        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        assert head[0] == "HTTP/1.1 101 Switching Protocols"
        assert [line.partition(":")[0] for line in head[1:-2]] == [
            "Sec-WebSocket-Accept", "Connection", "Upgrade", "x-teelog-id",
        ]  # fmt: skip
        assert await reader.readexactly(len(hello)) == hello
        writer.close()


PROTOCOLS = {
    # client's fields -> status, what the upstream sees of keys and protocols
    "none": ((), 401, None),
    "a-wrong-one": (("Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.nope",), 401, None),
    "as-a-field": (("Authorization: Bearer client-key",), 502, {"authorization": "Bearer up-key"}),
    "among-the-protocols": (
        ("Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.client-key, openai-beta.realtime-v1",),
        502,
        {"authorization": "Bearer up-key", "sec-websocket-protocol": "realtime, openai-beta.realtime-v1"},
    ),
    "alone": (
        ("Sec-WebSocket-Protocol: openai-insecure-api-key.client-key",), 502, {"authorization": "Bearer up-key"},
    ),
    "beside-an-own-one": (
        ("x-teelog-key: client-key", "Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.own"),
        502,
        {"sec-websocket-protocol": "realtime, openai-insecure-api-key.own"},
    ),
    "both-among-them": (
        ("Sec-WebSocket-Protocol: openai-insecure-api-key.own, openai-insecure-api-key.client-key",),
        502,
        {"sec-websocket-protocol": "openai-insecure-api-key.own"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROTOCOLS)
async def test_keys_of_handshakes(name):
    """A client key opens, in a field or among the subprotocols, and stays here; the upstream gets one key."""
    fields, status, expected = PROTOCOLS[name]
    refusing = Pieces([b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n"])
    async with relay(
        [refusing], listen={"client_keys": (Secret("client-key"),)}, upstream={"api_key": Secret("up-key")}
    ) as world:
        got = await send(world.port, handshake("/v1/realtime", *fields))

        assert got.status == status
        seen = [{k.lower(): v for k, v in request.fields()} for request in world.upstream.seen]
        told = [
            {k: v for k, v in one.items() if k in ("authorization", "sec-websocket-protocol", "x-teelog-key")}
            for one in seen
        ]
        assert told == ([] if expected is None else [expected])


async def test_a_replacing_key_replaces_a_protocol():
    """With `api_key_mode = "replace"` the client's key leaves the subprotocols, too."""
    refusing = Pieces([b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n"])
    async with relay([refusing], upstream={"api_key": Secret("up-key"), "api_key_mode": "replace"}) as world:
        await send(world.port, handshake("/v1/realtime", "Sec-WebSocket-Protocol: a, openai-insecure-api-key.own, b"))

        seen = {k.lower(): v for k, v in world.upstream.seen[0].fields()}
        assert seen["sec-websocket-protocol"] == "a, b"
        assert seen["authorization"] == "Bearer up-key"


# --- bytes


@pytest.mark.parametrize("seed", range(6))
async def test_every_byte_passes_as_it_came(seed):
    """Frames of all kinds and lengths, cut anywhere, arrive byte for byte, both ways at once."""
    chance = random.Random(seed)

    def talk(masked: bool) -> bytes:
        out = []
        for _ in range(60):
            size = chance.choice((0, 3, 125, 126, 4000, 66_000))
            out.append(
                frame(chance.choice((0, 1, 2, 9, 10)), chance.randbytes(size), masked=masked, fin=chance.random() < 0.8)
            )
        return b"".join(out)

    async with peers() as world:
        reader, writer, up_reader, up_writer, _ = await opened(world)
        up, down = talk(True), talk(False)

        async def say(to, data):
            at = 0
            while at < len(data):
                step = chance.choice((1, 10, 1000, 50_000))
                to.write(data[at : at + step])
                await to.drain()
                at += step

        talking = asyncio.gather(say(writer, up), say(up_writer, down))
        assert await asyncio.wait_for(up_reader.readexactly(len(up)), 10) == up
        assert await asyncio.wait_for(reader.readexactly(len(down)), 10) == down
        await talking
        assert world.record.status()["websockets"]["frames"] == {"client": 60, "upstream": 60}
        writer.close()


# --- ends


async def test_a_client_that_leaves_takes_the_upstream_along():
    """A client that is gone, without a word, ends the upstream's connection at once: interrupted."""
    async with peers() as world:
        _, writer, up_reader, _, _ = await opened(world)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        writer.transport.abort()

        assert await ends(up_reader) == b""
        await until(lambda: world.record.status()["outcomes"] == {"interrupted_client": 1})


async def test_a_half_closed_client_is_gone_but_for_its_last_words():
    """A client that says goodbye and closes its half is done; the upstream still hears it."""
    async with peers() as world:
        _, writer, up_reader, _, _ = await opened(world)
        goodbye = frame(8, b"\x03\xe8", masked=True)
        writer.write(goodbye)
        writer.write_eof()

        assert await ends(up_reader) == goodbye
        await until(lambda: world.record.status()["outcomes"] == {"complete": 1})


@pytest.mark.parametrize("goodbye", [b"", close_frame(1000)])
async def test_an_upstream_that_leaves_ends_the_session(goodbye):
    """What the upstream said last arrives, and then its end; without a Close frame it counts as interrupted."""
    async with peers() as world:
        reader, _, _, up_writer, _ = await opened(world)
        last = frame(1, b"z" * 200_000, masked=False) + goodbye
        up_writer.write(last)
        up_writer.close()

        assert await ends(reader) == last
        outcome = "complete" if goodbye else "interrupted_upstream"
        await until(lambda: world.record.status()["outcomes"] == {outcome: 1})


@pytest.mark.parametrize("who", ["client", "upstream"])
async def test_what_is_no_frame_ends_the_session(who):
    """Bytes that are no frames end both connections, and go no further."""
    async with peers() as world:
        reader, writer, up_reader, up_writer, _ = await opened(world)
        if who == "client":
            writer.write(b"POST /v1/files HTTP/1.1\r\nHost: proxy.test\r\n\r\n")
        else:
            up_writer.write(frame(1, b"masked", masked=True))

        assert await ends(up_reader) == b""
        assert await ends(reader) == b""
        await until(lambda: world.record.status()["outcomes"] == {f"interrupted_{who}": 1})


async def test_silence_of_both_ends_it():
    """A session in which nobody says anything for the upstream's idle time is ended; a ping keeps it."""
    async with peers(idle_timeout_seconds=0.3) as world:
        reader, writer, up_reader, _, _ = await opened(world)
        ping = frame(9, b"", masked=True)
        for _ in range(6):
            writer.write(ping)
            assert await asyncio.wait_for(up_reader.readexactly(len(ping)), 5) == ping
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.1)

        assert await ends(reader) == b""
        assert await ends(up_reader) == b""
        await until(lambda: world.record.status()["outcomes"] == {"interrupted_upstream": 1})


@pytest.mark.parametrize("before", ["a new connection", "a kept one"])
async def test_a_session_outlives_the_patience_with_requests(before):
    """No patience with heads, bodies, idle connections or slow readers ends a session in which nothing is wrong."""
    listen = {"head_seconds": 0.2, "body_idle_seconds": 0.2, "keepalive_seconds": 0.2, "write_idle_seconds": 0.2}
    async with peers({"listen": listen}) as world:
        reader, writer = await world.dial()
        if before == "a kept one":
            writer.write(b"GET /livez HTTP/1.1\r\nHost: proxy.test\r\n\r\n")
            assert (await reader.readuntil(b"ok\n")).startswith(b"HTTP/1.1 200")
        writer.write(handshake())
        up_reader, up_writer = await asyncio.wait_for(world.came.get(), 5)
        await up_reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.5)  # nothing announces that no patience has ended
        up_writer.write(CLEAN)
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.5)
        for to, source, masked in ((writer, up_reader, True), (up_writer, reader, False)):
            word = frame(1, b"still here", masked=masked)
            to.write(word)
            assert await asyncio.wait_for(source.readexactly(len(word)), 5) == word


async def test_a_client_that_reads_nothing_is_left():
    """A client that does not take what the upstream says is cut off like any slow reader, and the upstream with it."""
    async with peers({"listen": {"write_idle_seconds": 0.4}}) as world:
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, ("127.0.0.1", world.port))
            await loop.sock_sendall(client, handshake())
            up_reader, up_writer = await asyncio.wait_for(world.came.get(), 5)
            await up_reader.readuntil(b"\r\n\r\n")
            up_writer.write(CLEAN + frame(2, b"x" * 20_000_000, masked=False))

            assert await ends(up_reader, 20) == b""
        await until(lambda: world.record.status()["outcomes"] == {"interrupted_client": 1})


# --- back-pressure


@pytest.mark.parametrize("slow", ["client", "upstream"])
async def test_the_slower_side_holds_the_faster_back(slow):
    """What one side does not read, the other cannot send: no more than some buffers' worth lies here; later all arrives."""
    async with peers() as world:
        reader, writer, up_reader, up_writer, _ = await opened(world)
        source, sink = (up_writer, reader) if slow == "client" else (writer, up_reader)
        piece = frame(2, b"\x07" * 1_000_000, masked=slow == "upstream")
        sent, total = 0, 40

        async def say():
            nonlocal sent
            for _ in range(total):
                source.write(piece)
                await source.drain()
                sent += 1

        talking = asyncio.ensure_future(say())
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.2)
        connection = world.front_connections()[0]
        lies_here = connection.transport.get_write_buffer_size() + connection.upstream.transport.get_write_buffer_size()
        assert sent < total
        assert lies_here < 1_500_000
        for _ in range(total):
            assert await asyncio.wait_for(sink.readexactly(len(piece)), 10) == piece
        await talking
        writer.close()


# --- the end of the process


async def test_a_quiet_session_is_asked_to_leave():
    """While the process ends, a session in which nothing is said is told 1001, and its answer reaches the upstream."""
    async with peers() as world:
        reader, writer, up_reader, up_writer, _ = await opened(world)
        server = world.server
        server.retire(100.0)
        server.retire(100.0 + QUIET_SECONDS - 0.1)
        word = frame(1, b"still here", masked=False)
        up_writer.write(word)
        assert await reader.readexactly(len(word)) == word
        server.retire(100.0 + QUIET_SECONDS)  # something was said: it begins anew
        server.retire(100.0 + 2 * QUIET_SECONDS)

        assert await asyncio.wait_for(reader.readexactly(4), 5) == close_frame(1001)
        up_writer.write(frame(1, b"not any more", masked=False))
        answer = frame(8, b"\x03\xe9", masked=True)
        writer.write(answer)
        assert await asyncio.wait_for(up_reader.readexactly(len(answer)), 5) == answer
        up_writer.close()
        assert await ends(reader) == b""
        await until(lambda: world.record.status()["outcomes"] == {"complete": 1})


async def test_a_session_that_does_not_leave_is_ended():
    """A client that does not answer the goodbye is left a little later."""
    async with peers() as world:
        reader, _, up_reader, _, _ = await opened(world)
        for now in (1.0, 1.0 + QUIET_SECONDS, 1.1 + QUIET_SECONDS + LEAVE_SECONDS):
            world.server.retire(now)

        assert await ends(reader) == close_frame(1001)
        assert await ends(up_reader) == b""
        await until(lambda: world.record.status()["outcomes"] == {"complete": 1})


async def test_draining_cuts_what_goes_on():
    """At the end of its patience a process that ends cuts the sessions that still go on, at both ends."""
    async with peers() as world:
        reader, _, up_reader, _, _ = await opened(world)
        await world.drain(0.05)

        assert await ends(reader) == b""
        assert await ends(up_reader) == b""
        assert world.record.status()["outcomes"] == {"interrupted_crash": 1}
