"""Slow clients of every kind: each has its time, and no byte now and then makes it longer."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import pytest

from proxy.relay.client import LOOK_STEP
from proxy.relay.pace import STEP, Drain
from tests.raw import Pieces, post, send
from tests.relay.conftest import World, relay, until

OK = Pieces([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])
BIG = Pieces([b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n", *[b"x" * 100_000] * 200])


async def dripped(port: int, data: bytes, step: int = 1) -> bytes:
    """What is answered to a client that sends so many bytes every few milliseconds, until it is hung up on."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    reading = asyncio.ensure_future(reader.read())
    with suppress(ConnectionError):
        for at in range(0, len(data), step):
            writer.write(data[at : at + step])
            await asyncio.wait((reading,), timeout=0.005)
            if reading.done():
                break
    answer = await reading
    writer.close()
    return answer


HEADS = {
    "new": b"",
    "behind-another": b"GET /v1/x HTTP/1.1\r\nHost: p\r\n\r\n",
}


@pytest.mark.parametrize("name", HEADS)
async def test_a_dripping_head_is_given_up(name):
    """A head that is not there in time is answered 408, however steadily it drips, and the connection ends."""
    before = HEADS[name]
    async with relay([OK], listen={"head_seconds": 0.15}) as world, asyncio.timeout(10):
        answer = await dripped(world.port, before + b"GET /v1/x HTTP/1.1\r\nHost: p\r\n" + b"x: " + b"y" * 9000, 20)

        assert [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"408"][not before :]
        await until(lambda: not world.front_connections())


async def test_a_silent_client_is_closed():
    """A new connection on which nothing comes is closed without a word, though idle ones are kept for ever."""
    async with relay([OK], listen={"head_seconds": 0.1, "keepalive_seconds": 0}) as world, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)

        assert await reader.read() == b""
        writer.close()


async def test_many_silent_clients_are_closed():
    """However many connections there are, a round comes to each of them."""
    async with relay([OK], listen={"head_seconds": 0.1, "keepalive_seconds": 0}) as world, asyncio.timeout(10):
        clients = [await asyncio.open_connection("127.0.0.1", world.port) for _ in range(2 * LOOK_STEP + 1)]

        assert {await reader.read() for reader, _ in clients} == {b""}
        for _, writer in clients:
            writer.close()


async def test_an_idle_client_is_kept():
    """Between two requests a connection may wait for longer than a head may take."""
    async with relay([OK], listen={"head_seconds": 0.1}) as world, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        for _ in range(2):
            writer.write(b"GET /v1/x HTTP/1.1\r\nHost: p\r\n\r\n")
            assert (await reader.readuntil(b"{}")).startswith(b"HTTP/1.1 200 ")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 0.3)
        writer.close()


@pytest.mark.parametrize("behind", [b"\r\n", b"GET /v1/x HT"], ids=["a line end", "half a head"])
@pytest.mark.usefixtures("way")
async def test_what_comes_behind_a_request_ends_no_answer(behind):
    """A model may think for longer than a head may take, whatever its client has begun to send meanwhile (RFC 9112 §2.2)."""
    gate = asyncio.Event()
    async with relay([Pieces([b"", *OK.pieces], gate=gate)], listen={"head_seconds": 0.1}) as world, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(post(b"{}", "/v1/x", close=False))
        await until(lambda: world.front.open)
        writer.write(behind)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.4)
        gate.set()

        assert (await reader.readuntil(b"{}")).startswith(b"HTTP/1.1 200 ")
        writer.close()


BODIES = {
    # what is sent, and how many bytes of it at a time -> the status
    "recorded-drips": (post(b"x" * 4000, close=False), 20, 408),
    "streamed-drips": (post(b"x" * 4000, "/v1/files", close=False), 20, 408),
    "chunked-drips": (
        b"POST /v1/files HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 4000, 60, 408,
    ),
    "a-note-drips": (post(b"x" * 4000, "/feedback", "Authorization: Bearer analytics-key", close=False), 20, 408),
    "slow-but-steady": (post(b"x" * 40 * STEP, "/v1/files"), STEP, 200),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
async def test_a_dripping_body_is_given_up(name):
    """A body that brings next to nothing is a 408, though it never pauses; one that goes on may take as long as it likes."""
    data, step, status = BODIES[name]
    async with relay([OK], listen={"body_idle_seconds": 0.15}) as world, asyncio.timeout(10):
        answer = await dripped(world.port, data, step)

        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert len(world.upstream.seen) == (status == 200)
        await until(lambda: not world.front_connections())


async def test_an_upstream_that_takes_its_time_is_not_the_clients_fault():
    """While the upstream takes no more of a body its client is not waited for, and not given up."""
    body = b"x" * 30_000_000
    gate = asyncio.Event()

    async def upstream(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await gate.wait()
        await reader.readexactly(len(body))
        writer.write(OK.pieces[0])
        writer.close()

    server = await asyncio.start_server(upstream, "127.0.0.1", 0, limit=1 << 16)
    where = {"base_url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"}
    async with relay([OK], upstream=where, listen={"body_idle_seconds": 0.1}) as world, asyncio.timeout(10):
        asked = asyncio.ensure_future(send(world.port, post(body, "/v1/files")))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(asked), 0.5)
        gate.set()

        assert (await asked).status == 200
    server.close()


async def tight(world: World) -> socket.socket:
    """A client whose connection holds little on its way."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", world.port))
    await until(world.front_connections)
    (ours,) = world.front_connections()
    ours.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
    return client


READERS = {
    # how many bytes it takes every few milliseconds -> whether it gets all of the answer
    "none": (0, False),
    "dripping": (20, False),
    "steady": (1_000_000, True),
}


@pytest.mark.parametrize("name", READERS)
async def test_a_client_that_takes_nothing_is_cut_off(name):
    """Who takes next to nothing of an answer loses it, and its upstream stops; a slow one that goes on gets all of it."""
    step, whole = READERS[name]
    loop = asyncio.get_running_loop()
    async with relay([BIG], listen={"write_idle_seconds": 0.4}) as world, asyncio.timeout(20):
        with await tight(world) as client:
            await loop.sock_sendall(client, post(b"{}"))
            taken = 0
            with suppress(ConnectionError):
                while step and world.front_connections() and (part := await loop.sock_recv(client, step)):
                    taken += len(part)
                    await asyncio.sleep(0 if whole else 0.005)
            await until(lambda: not world.front_connections())

        await until(lambda: not world.front.open)
        outcome = "complete" if whole else "interrupted_client"
        assert world.record.status()["outcomes"] == {outcome: 1}
        assert whole or world.upstream.gone.is_set()


async def test_what_is_left_of_an_answer_is_not_kept_for_ever():
    """An answer that has ended, and of which the client does not take the rest, ends with its connection."""
    answer = Pieces([b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000])
    async with relay([answer], listen={"write_idle_seconds": 0.3}) as world, asyncio.timeout(10):
        with await tight(world) as client:
            await asyncio.get_running_loop().sock_sendall(client, post(b"{}"))
            await world.upstream.arrived.wait()
            await until(lambda: not world.front_connections())


@pytest.mark.parametrize("path", ["/nobody", "/livez", "/v1/chat/completions"])
async def test_own_answers_wait_for_their_reader(path):
    """A client that asks on and on and reads nothing is not answered on and on: what waits for it stays bounded."""
    loop = asyncio.get_running_loop()
    async with relay([Pieces([b""])]) as world, asyncio.timeout(10):
        await world.upstream.stop()
        with await tight(world) as client:
            asking = loop.create_task(
                loop.sock_sendall(client, b"GET %b HTTP/1.1\r\nHost: p\r\n\r\n" % path.encode() * 99_999)
            )
            await until(lambda: [one for one in world.front_connections() if one.writing_paused])
            (behind,) = world.front_connections()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(asking), 0.3)

            assert behind.writing_paused
            assert behind.transport.get_write_buffer_size() < 200_000
            asking.cancel()
        await until(lambda: not world.front_connections())


DRAINS = {
    # what waits at each second, and whether more may come -> for how long it is stuck in the end
    "nothing-waits": ([0] * 9, False, 0),
    "it-flows": ([70_000] * 9, True, 0),
    "stuck": ([70_000] * 9, False, 8),
    "drips": ([70_000 - n for n in range(9)], False, 8),
    "steps": ([200_000 - n * STEP for n in range(9)], False, 0),
    "half-steps": ([200_000 - n * STEP // 2 for n in range(9)], False, 0),
    "stuck-since-more-came": ([70_000] * 4 + [80_000] * 5, False, 4),
    "taken-in-the-end": ([70_000] * 8 + [0], False, 0),
}


@pytest.mark.parametrize("name", DRAINS)
def test_a_step_is_what_counts(name):
    """A client is stuck for as long as it has taken less than a step."""
    sizes, flows, expected = DRAINS[name]
    drain = Drain()
    for now, left in enumerate(sizes):
        stuck = drain.stuck_for(float(now), left, flows=flows)

    assert stuck == expected
