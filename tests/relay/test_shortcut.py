"""The short way: who takes it, and that nobody can tell from outside."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import orjson
import pytest

from proxy.relay.shortcut import MAX_WAITING
from tests.raw import Pieces, chunked, post
from tests.relay.conftest import HeldJournal, relay, until

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def answer(body: bytes = b"{}") -> bytes:
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body


async def read_answer(reader) -> tuple[bytes, bytes]:
    """One answer of known length."""
    head = await reader.readuntil(b"\r\n\r\n")
    at = head.lower().index(b"content-length: ") + 16
    return head, await reader.readexactly(int(head[at : head.index(b"\r\n", at)]))


async def opened(world):
    return await asyncio.open_connection("127.0.0.1", world.port)


async def answered(world, data: bytes) -> tuple[bytes, bytes]:
    """One more answer on a new connection that is kept."""
    reader, writer = await opened(world)
    writer.write(data)
    try:
        return await read_answer(reader)
    finally:
        writer.close()


async def test_a_whole_request_takes_it(warm_relay):
    """A request that came whole, with an upstream connection that lies ready, is under way without a task of its own."""
    gate = asyncio.Event()
    async with warm_relay([Pieces([HEAD, b"Content-Length: 2\r\n\r\n{}"], gate=gate)]) as world:
        reader, writer = await opened(world)
        writer.write(post(b'{"a":1}', close=False))
        await world.upstream.arrived.wait()
        assert (world.short_ways, world.front.open) == (1, 1)
        gate.set()
        head, body = await read_answer(reader)
        writer.close()

        assert (head[:15], body) == (b"HTTP/1.1 200 OK", b"{}")
        assert (world.short_ways, world.front.open) == (0, 0)
        (exchange,) = world.journal.exchanges
        assert exchange.id.encode() in head
        assert (exchange.request, exchange.answer) == (b'{"a":1}', b"{}")
        assert world.record.status()["outcomes"] == {"complete": 1}


async def test_a_connection_comes_back_to_it(warm_relay):
    """What comes a turn of the loop after an answer on aiohttp's way, which does not wait for it yet, takes the short one."""
    journal = HeldJournal()
    async with warm_relay([Pieces([answer()])], journal=journal, hold=60) as world:
        reader, writer = await opened(world)
        whole = post(b'{"n":1}', close=False)
        writer.write(whole[:-2])
        await until(lambda: world.front.open)
        journal.hold = True
        writer.write(whole[-2:])
        await until(lambda: journal.waiting)
        assert world.short_ways == 0
        (connection,) = world.front_connections()
        journal.release()
        await asyncio.sleep(0)
        connection.data_received(post(b'{"n":2}', close=False))
        assert (connection._waiter, world.short_ways) == (None, 1)
        await until(lambda: journal.waiting)
        journal.release()
        for _ in range(2):
            assert (await read_answer(reader))[1] == b"{}"
        writer.close()

        assert [exchange.request for exchange in journal.exchanges] == [b'{"n":1}', b'{"n":2}']


SENT_OTHERWISE = {
    "a-body-in-two-writes": (post(b'{"a":1}', close=False)[:-3], post(b'{"a":1}', close=False)[-3:]),
    "two-at-once": (post(b'{"a":1}', close=False) * 2,),
    "for-us": (b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n",),
}


@pytest.mark.parametrize("name", SENT_OTHERWISE)
async def test_others_go_aiohttps_way(name, warm_relay):
    """What is not one whole request for an upstream is answered all the same."""
    gate = asyncio.Event()
    async with warm_relay([Pieces([answer()])]) as world:
        reader, writer = await opened(world)
        first, *rest = SENT_OTHERWISE[name]
        writer.write(first)
        if rest:
            await until(lambda: world.front.open)
            writer.write(rest[0])
        gate.set()
        for _ in range(2 if name == "two-at-once" else 1):
            head, _ = await read_answer(reader)
            assert head.startswith(b"HTTP/1.1 200 OK")
        writer.close()


async def test_what_comes_behind_waits_its_turn(warm_relay):
    """Requests sent behind one that is under way are answered in their order, however many there are."""
    gate, many = asyncio.Event(), 300
    script = [Pieces([HEAD, b'Content-Length: 3\r\n\r\n"0"'], gate=gate)]
    script += [Pieces([answer(b'"%d"' % number)]) for number in range(1, many)]
    async with warm_relay(script) as world:
        reader, writer = await opened(world)
        writer.write(post(b"{}", close=False))
        await until(lambda: world.short_ways == 1)
        sent = b"".join(post(b'{"n":"%d%s"}' % (number, b"x" * 500), close=False) for number in range(1, many))
        assert len(sent) > 2 * MAX_WAITING
        writer.write(sent)
        await writer.drain()
        gate.set()
        bodies = [(await read_answer(reader))[1] for _ in range(many)]
        writer.close()

        assert bodies == [b'"%d"' % number for number in range(many)]
        assert [orjson.loads(one.body).get("n", "")[:3].rstrip("x") for one in world.upstream.seen] == [
            "" if number == 0 else str(number) for number in range(many)
        ]


async def test_a_client_that_leaves_takes_its_upstream_with_it(warm_relay):
    """The upstream's connection ends, and what came is recorded as interrupted by the client."""
    gate = asyncio.Event()
    script = [Pieces([HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b"half")[:-5], b""], gate=gate)]
    async with warm_relay(script) as world:
        reader, writer = await opened(world)
        writer.write(post(b"{}", close=False))
        await reader.readuntil(b"half\r\n")
        assert world.short_ways == 1
        writer.close()
        await asyncio.wait_for(world.upstream.gone.wait(), 5)
        await until(lambda: not world.front.open)

        (exchange,) = world.journal.exchanges
        assert (exchange.interrupted, exchange.answer) == ("client", b"half")
        assert world.record.status()["outcomes"] == {"interrupted_client": 1}


async def test_a_client_that_leaves_before_there_is_a_connection():
    """While the connection to an upstream is still being opened, a client that leaves ends that, and is recorded."""
    accepted, ended = asyncio.Event(), asyncio.Event()

    async def silent(reader, writer) -> None:
        accepted.set()
        with contextlib.suppress(ConnectionError):
            while await reader.read(1000):
                pass
        ended.set()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)  # it speaks no TLS
    upstream = {"base_url": f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"}
    async with relay([Pieces([answer()])], upstream=upstream) as world:
        reader, writer = await opened(world)
        writer.write(post(b"{}", close=False))
        await asyncio.wait_for(accepted.wait(), 5)
        assert (world.short_ways, world.front.open) == (1, 1)
        writer.close()
        await asyncio.wait_for(ended.wait(), 5)
        await until(lambda: not world.front.open)

        (exchange,) = world.journal.exchanges
        assert (exchange.interrupted, exchange.request, exchange.status) == ("client", b"{}", 0)
        assert world.record.status()["outcomes"] == {"interrupted_client": 1}
    server.close()


@pytest.mark.parametrize("times", [1, 2], ids=["at-once", "once-more"])
async def test_an_upstream_that_cannot_be_reached(times):
    """Whoever asks is told so with the exchange's id, the failure is recorded, and the connection takes the next request."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        upstream = {"base_url": f"http://127.0.0.1:{free.getsockname()[1]}/v1"}
    async with relay([Pieces([answer()])], upstream=upstream) as world:
        reader, writer = await opened(world)
        for _ in range(times):
            writer.write(post(b"{}", close=False))
            head, body = await read_answer(reader)
            assert head.startswith(b"HTTP/1.1 502 ")
            assert orjson.loads(body)["error"]["code"] == "upstream_unreachable"
        writer.close()

        assert [one.id.encode() in head for one in world.journal.exchanges][-1:] == [True]
        assert [bool(one.fault) for one in world.journal.exchanges] == [True] * times
        assert world.front.open == world.short_ways == 0


async def test_an_upstream_that_gives_no_answer(warm_relay):
    """The client is told in OpenAI's shape with the exchange's id, its connection goes on, the failure is recorded."""
    async with warm_relay([Pieces([b""], cut="close"), Pieces([answer()])]) as world:
        reader, writer = await opened(world)
        writer.write(post(b"{}", close=False))
        head, body = await read_answer(reader)
        writer.write(post(b"{}", close=False))
        second, _ = await read_answer(reader)
        writer.close()

        assert head.startswith(b"HTTP/1.1 502 ")
        assert set(orjson.loads(body)["error"]) == {"message", "type", "param", "code"}
        assert second.startswith(b"HTTP/1.1 200 ")
        failed = world.journal.exchanges[0]
        assert failed.id.encode() in head
        assert failed.fault
        assert world.front.open == 0


async def test_a_failure_is_recorded_once():
    """A client that leaves while its failed exchange is being stored does not have it stored once more."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        upstream = {"base_url": f"http://127.0.0.1:{free.getsockname()[1]}/v1"}
    journal = HeldJournal()
    journal.hold = True
    async with relay([Pieces([answer()])], upstream=upstream, journal=journal, hold=60) as world:
        _, writer = await opened(world)
        writer.write(post(b"{}", close=False))
        await until(lambda: journal.waiting)
        writer.close()
        await until(lambda: not world.front.open)

        (exchange,) = journal.exchanges
        assert (exchange.interrupted, bool(exchange.fault)) == ("", True)
        assert world.record.status()["outcomes"] == {"no_answer": 1}


async def test_what_goes_wrong_with_a_connection_ends_the_clients(caplog):
    """A fault of ours while a connection is opened is logged, and the client is not left waiting."""
    async with relay(
        [Pieces([answer()])], upstream={"base_url": "http://api..example.com/v1"}
    ) as world:  # no IDNA name
        reader, writer = await opened(world)
        writer.write(post(b"{}", close=False))
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        await until(lambda: not world.front.open)
        assert len(world.journal.exchanges) == 1
    assert [one.levelname for one in caplog.records] == ["ERROR"]
    caplog.clear()


async def test_a_head_that_is_refused_stays_so(warm_relay):
    """A head that was too large when its end came is answered so, and goes nowhere."""
    padding = b" " * 15_000
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: p\r\n"
    head += b"".join(b"X-%d:%b1\r\n" % (number, padding) for number in range(3))
    async with warm_relay([Pieces([answer()])]) as world:
        reader, writer = await opened(world)
        await until(world.front_connections)
        (connection,) = world.front_connections()
        connection.data_received(head)
        await asyncio.sleep(0)
        connection.data_received(b"Content-Length: 2\r\n\r\n{}")
        assert (await reader.read()).startswith(b"HTTP/1.1 431 ")
        writer.close()

        assert (world.upstream.seen, world.front.open) == ([], 0)


async def test_a_head_that_changes_is_read_again(warm_relay):
    """On one connection every request goes upstream with its own fields, target and length."""
    posts = [
        post(b"{}", close=False),
        post(b'{"longer":true}', close=False),
        post(b"{}", "/v1/chat/completions", "X-Other: 1", close=False),
        post(b"{}", "/v1/other", "X-Other: 2", close=False),
        post(b"{}", "/v1/other", "x-other: 2", close=False),
        post(b"{}", "/v1/other", "x-teelog-hop: before", close=False),
        post(b"{}", "/v1/chat/completions", "x-teelog-skip: 1", close=False),
        post(b"{}", close=False).replace(b"Length: 2", b"Length: 0002"),
    ]
    async with warm_relay([Pieces([answer()])]) as world:
        reader, writer = await opened(world)
        for one in posts:
            writer.write(one)
            assert (await read_answer(reader))[0].startswith(b"HTTP/1.1 200 ")
        writer.close()

        hop = dict(world.upstream.seen[0].fields())["x-teelog-hop"]
        for seen, one in zip(world.upstream.seen, posts, strict=True):
            head, _, body = one.decode().partition("\r\n\r\n")
            lines = [tuple(line.split(": ", 1)) for line in head.split("\r\n")[1:]]
            sent = [line for line in lines if line[0] not in ("Host", "x-teelog-skip", "x-teelog-hop")]
            hops = [value for name, value in lines if name == "x-teelog-hop"]
            assert seen.target == head.split(" ")[1]
            assert seen.body == body.encode()
            assert seen.fields()[1:-1] == sent
            assert seen.fields()[-1] == ("x-teelog-hop", ", ".join([*hops, hop]))
        assert [exchange.target for exchange in world.journal.exchanges] == ["/v1/chat/completions"] * 4


async def test_a_bad_head_is_refused_on_a_connection_that_went_well(warm_relay):
    """A head that two servers could read in two ways is refused, whatever the requests before it were."""
    async with warm_relay([Pieces([answer()])]) as world:
        reader, writer = await opened(world)
        writer.write(post(b"{}", close=False))
        await read_answer(reader)
        writer.write(post(b"{}", "/v1/../chat/completions", close=False))
        head, _ = await read_answer(reader)

        assert head.startswith(b"HTTP/1.1 400 ")
        assert await reader.read() == b""
        writer.close()
        assert len(world.upstream.seen) == 1


async def test_a_long_answer_outlives_the_keep_alive_time(warm_relay):
    """The timer that ends idle connections leaves one alone whose answer is under way, and goes on after it."""
    gate = asyncio.Event()
    async with warm_relay([Pieces([HEAD, b"Content-Length: 2\r\n\r\n{}"], gate=gate)]) as world:
        reader, writer = await opened(world)
        writer.write(post(b"{}", close=False))
        await until(lambda: world.short_ways == 1)
        (connection,) = world.front_connections()
        connection._next_keepalive_close_time = 0
        connection._process_keepalive()
        gate.set()

        assert (await read_answer(reader))[1] == b"{}"
        connection._next_keepalive_close_time = 0
        connection._process_keepalive()
        assert await reader.read() == b""
        writer.close()


async def test_the_last_answer_of_a_process_that_ends(warm_relay):
    """While the process ends an answer on the short way finishes, and says that its connection closes."""
    gate = asyncio.Event()
    async with warm_relay([Pieces([HEAD, b"Content-Length: 2\r\n\r\n{}"], gate=gate)]) as world:
        reader, writer = await opened(world)
        writer.write(post(b"{}", close=False))
        await world.upstream.arrived.wait()
        ending = asyncio.ensure_future(world.drain(5))
        await until(lambda: world.front.draining)
        gate.set()
        assert (await read_answer(reader))[1] == b"{}"
        await ending
        assert await reader.read() == b""
        writer.close()


@pytest.fixture
def warm_relay(monkeypatch):
    """`relay` with an upstream connection that lies ready."""
    from tests.relay import conftest

    monkeypatch.setattr(conftest, "WAY", ["warm"])
    return relay
