"""One connection after another's use: what is left over from one exchange never touches the next."""

from __future__ import annotations

import asyncio
import socket

from tests.raw import Pieces, post
from tests.relay.conftest import HeldJournal, relay, until

OK = Pieces([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])
GET = b"GET /v1/files HTTP/1.1\r\nHost: proxy.test\r\n\r\n"


def sized(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


async def tight(world) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client with next to no room between the relay and it."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", world.port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
    await until(world.front_connections)
    transport = world.front_connections()[0].transport
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    transport.set_write_buffer_limits(high=1024)
    return reader, writer


async def test_an_answer_before_the_end_of_its_request_ends_the_connection():
    """An upstream that answers in the middle of an upload gets no other request where the rest of the body would be."""
    seen: list[bytes] = []
    ended: list[bool] = []

    async def early(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(sized(b"{}"))
        seen[-1] += await reader.read()
        writer.close()
        await writer.wait_closed()
        ended.append(True)

    server = await asyncio.start_server(early, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with relay([OK], upstream={"base_url": f"http://127.0.0.1:{port}/v1"}) as world, asyncio.timeout(10):
        uploading, upload = await asyncio.open_connection("127.0.0.1", world.port)
        upload.write(b"POST /v1/files HTTP/1.1\r\nHost: proxy.test\r\nContent-Length: 1000\r\n\r\nabc")
        await uploading.readuntil(b"{}")
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(GET)
        await reader.readuntil(b"{}")
        upload.close()
        writer.close()

        assert [request.count(b" HTTP/1.1\r\n") for request in seen] == [1, 1]
    await until(lambda: len(ended) == 2)
    server.close()


async def test_a_client_that_is_behind_holds_the_next_answer_back_too():
    """A client that has not taken its last answer yet stops the upstream of its next request: memory stays bounded."""
    big = [b"HTTP/1.1 200 OK\r\nContent-Length: 20000000\r\n\r\n", *[b"x" * 100_000] * 200]
    async with relay([Pieces([sized(b"y" * 40_000)]), Pieces(big)]) as world:
        reader, writer = await tight(world)
        writer.write(GET + GET)
        (client,) = world.front_connections()
        await until(lambda: len(world.upstream.seen) == 2 and client.upstream is not None and client.upstream.paused)

        assert client.transport.get_write_buffer_size() < 1_000_000
        async with asyncio.timeout(10):
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(40_000)
            await reader.readuntil(b"\r\n\r\n")
            for _ in range(200):
                assert await reader.readexactly(100_000) == b"x" * 100_000
        writer.close()


async def test_a_slow_client_never_holds_back_anothers_answer():
    """A client that is slow with its held last piece does not stop the connection that serves somebody else by then."""
    gate, journal = asyncio.Event(), HeldJournal()
    journal.hold = True
    script = [Pieces([sized(b"y" * 40_000)]), Pieces([sized(b"half" + b"rest")[:-4], b"rest"], gate=gate)]
    async with relay(script, journal=journal, hold=30) as world, asyncio.timeout(10):
        _, slow = await tight(world)
        (behind,) = world.front_connections()
        slow.write(post(b"{}", close=False))
        await journal.came.wait()
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(GET)
        await reader.readuntil(b"half")
        assert world.upstream.connections == 1
        journal.release()
        await until(lambda: behind.writing_paused)
        gate.set()

        assert await reader.readexactly(4) == b"rest"
        slow.close()
        writer.close()


async def test_a_model_may_think_for_longer_than_a_gateway_remembers():
    """Connections to upstreams are probed by the kernel every minute, so that nothing on the way forgets a silent one."""
    async with relay([OK]) as world:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(GET)
        await reader.readuntil(b"{}")
        (connection,) = world.front._routes["v1"].upstream.open
        sock = connection.transport.get_extra_info("socket")
        writer.close()

        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == 60
