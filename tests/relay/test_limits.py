"""How large heads may be, and how many clients there may be."""

from __future__ import annotations

import asyncio
import resource
from contextlib import suppress

import pytest

from proxy.config import Listen
from proxy.relay import limits
from proxy.relay.limits import MAX_FIELD, MAX_FIELDS, MAX_HEAD, MAX_TARGET, Crowd, client_of
from tests.raw import Pieces, chunked, post, send
from tests.relay.conftest import relay, until

OK = Pieces([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])
START = b"GET /v1/x HTTP/1.1\r\nHost: p\r\nConnection: close\r\n"


def fields(count: int, size: int) -> bytes:
    """So many fields of so many bytes, names and line ends among them."""
    return b"".join(b"x-%05d: %b\r\n" % (n, b"v" * (size - 11)) for n in range(count))


HEADS = {
    # a head -> status
    "target-at-the-bound": (b"GET /v1/" + b"a" * (MAX_TARGET - 4) + START[9:] + b"\r\n", 200),
    "target-over-it": (b"GET /v1/" + b"a" * (MAX_TARGET - 3) + START[9:] + b"\r\n", 414),
    "field-at-the-bound": (START + b"x: " + b"v" * MAX_FIELD + b"\r\n\r\n", 200),
    "field-over-it": (START + b"x: " + b"v" * (MAX_FIELD + 1) + b"\r\n\r\n", 431),
    "name-over-it": (START + b"x" * (MAX_FIELD + 1) + b": v\r\n\r\n", 431),
    "fields-at-the-bound": (START + fields(MAX_FIELDS - 2, 20) + b"\r\n", 200),
    "fields-over-it": (START + fields(MAX_FIELDS - 1, 20) + b"\r\n", 431),
    "head-at-the-bound": (START + fields(1, MAX_HEAD - len(START) - 2 - 100 * 200) + fields(100, 200) + b"\r\n", 200),
    "head-over-it": (START + fields(1, MAX_HEAD - len(START) - 1 - 100 * 200) + fields(100, 200) + b"\r\n", 431),
}  # fmt: skip


@pytest.mark.parametrize("way", ["whole", "cut", "behind-another", "much-behind"])
@pytest.mark.parametrize("name", HEADS)
async def test_heads_are_bounded(name, way):
    """Each bound holds to the byte, whether the head comes in one read, in several, or behind another request."""
    head, status = HEADS[name]
    before = START.replace(b"Connection: close\r\n", b"\r\n") if way in ("behind-another", "much-behind") else b""
    before *= 8 if way == "much-behind" else 1
    async with relay([OK]) as world:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(before + head[:300])
        if way != "whole":
            await asyncio.sleep(0.02)
        writer.write(head[300:])
        answer = await reader.read()
        writer.close()

        statuses = [part[:3] for part in answer.split(b"HTTP/1.1 ")[1:]]
        assert statuses == [b"200"] * before.count(b"GET") + [b"%d" % status]
        assert len(world.upstream.seen) == before.count(b"GET") + (status == 200)


async def test_a_head_without_end_is_held_no_longer():
    """A head whose fields never end is refused while it comes, before it has filled anything."""
    async with relay([OK]) as world, asyncio.timeout(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        with suppress(ConnectionError):
            writer.write(START)
            for _ in range(20):
                writer.write(fields(5, 1000))
                await writer.drain()
                await asyncio.sleep(0.001)

        assert (await reader.readline()).startswith(b"HTTP/1.1 431 ")
        writer.close()
        assert world.upstream.seen == []


async def test_a_body_is_no_head():
    """What comes of a body in many reads is not counted as a head, nor is the request behind it."""
    body = b"x" * (3 * MAX_HEAD)
    async with relay([OK]) as world:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        data = post(body, close=False) + post(body, "/v1/files", close=False) + post(body)
        for at in range(0, len(data), 20_000):
            writer.write(data[at : at + 20_000])
            await asyncio.sleep(0.002)
        answer = await reader.read()
        writer.close()

        assert answer.count(b"HTTP/1.1 200") == 3
        assert [seen.body for seen in world.upstream.seen] == [body] * 3


def chunks(kind: str, size: int, path: str = "/v1/files") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: p\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n"
    return head.encode() + b"Connection: close\r\n\r\n" + chunked(*[b"x" * 10_000] * (size // 10_000))


BODIES = {
    # a request -> status
    "json-over-its-bound": (post(b"x" * 600_000), 413),
    "json-streams-over-it": (chunks("application/json; charset=utf-8", 600_000), 413),
    "json-of-a-kind": (chunks("application/problem+json", 600_000), 413),
    "json-is-recorded": (chunks("application/json", 600_000, "/v1/chat/completions"), 413),
    "json-at-its-bound": (post(b"x" * 500_000), 200),
    "a-file-at-its-bound": (chunks("multipart/form-data; boundary=b", 1_000_000), 200),
    "a-file-over-it": (chunks("multipart/form-data; boundary=b", 1_010_000), 413),
    "no-kind": (chunks("", 1_000_000), 200),
}  # fmt: skip


@pytest.mark.parametrize("name", BODIES)
async def test_bodies_are_bounded(name):
    """A body over the bound of its kind is a 413 while it streams, and never a whole request for the upstream."""
    request, status = BODIES[name]
    options = {"json_max_bytes": 500_000, "body_max_bytes": 1_000_000}
    async with relay([OK], listen=options, limit=100_000) as world:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(request)
        assert (await reader.readline()).startswith(b"HTTP/1.1 %d " % status)
        writer.close()

        assert len(world.upstream.seen) == (status == 200)


async def test_a_body_that_says_it_is_too_large_is_not_asked_for():
    """No 100 is sent for a body that will be refused (RFC 9110 §10.1.1), nor a connection made."""
    async with relay([OK], listen={"json_max_bytes": 5}) as world:
        head = post(b"123456", "/v1/chat/completions", "Expect: 100-continue").partition(b"\r\n\r\n")[0]

        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(head + b"\r\n\r\n")

        assert (await reader.readline()).startswith(b"HTTP/1.1 413 ")
        writer.close()
        assert world.upstream.connections == 0


async def test_large_requests_are_let_through():
    """With no bound configured, a JSON body of 400 MB, and a file of 1 GB, are asked for."""
    for path, kind, size in (
        ("/v1/responses", "application/json", 400_000_000),
        ("/v1/files", "audio/wav", 1_000_000_000),
    ):
        async with relay([OK]) as world:
            reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
            lines = ("Host: p", f"Content-Type: {kind}", f"Content-Length: {size}", "Expect: 100-continue")
            writer.write(
                f"POST {path} HTTP/1.1\r\n{''.join(f'{line}{chr(13)}{chr(10)}' for line in lines)}\r\n".encode()
            )

            assert (await reader.readline()).startswith(b"HTTP/1.1 100 ")
            writer.close()


async def test_bodies_are_bounded_together(monkeypatch):
    """Of more large bodies at once than memory is kept for, the last streams through; the others' places come free again."""
    monkeypatch.setattr("proxy.relay.forward.MAX_HELD", 150_000)
    request = post(b"x" * 200_000)
    async with relay([OK]) as world, asyncio.timeout(10):
        opened = [await asyncio.open_connection("127.0.0.1", world.port) for _ in range(2)]
        for _, writer in opened:
            writer.write(request[:-100_000])
            await writer.drain()
            await asyncio.sleep(0.05)
        opened[0][1].close()  # one gives up
        opened[1][1].write(request[-100_000:])
        assert (await opened[1][0].readline()).startswith(b"HTTP/1.1 200 ")
        opened[1][1].close()
        assert world.record.status()["not_recorded"] == {"memory_full": 1}
        await until(lambda: not world.front.open)
        monkeypatch.setattr("proxy.relay.forward.MAX_HELD", 250_000)
        assert [(await send(world.port, request)).status for _ in range(3)] == [200] * 3

        assert len(world.journal.entries) == 3
        assert world.record.status()["not_recorded"] == {"memory_full": 1}


CROWDS = {
    "all": ({"max_connections": 3}, 503, "listen.max_connections)"),
    "of-one-address": ({"max_connections_per_client": 3}, 429, "listen.max_connections_per_client)"),
}


@pytest.mark.parametrize("name", CROWDS)
async def test_one_client_too_many_is_told_so(name):
    """Beyond the bound a connection is answered and closed; when one of the others ends there is room again."""
    options, status, key = CROWDS[name]
    async with relay([OK], listen=options) as world, asyncio.timeout(10):
        inside = [await asyncio.open_connection("127.0.0.1", world.port) for _ in range(3)]
        await until(lambda: len(world.front_connections()) == 3)
        got = await send(world.port, post(b"{}"))

        assert got.status == status
        assert key.encode() in got.body
        assert got.field("retry-after") == "1"
        assert world.upstream.seen == []
        inside[0][1].close()
        await until(lambda: len(world.front_connections()) == 2)
        assert (await send(world.port, post(b"{}"))).status == 200
        for _, writer in inside:
            writer.close()


async def test_who_is_turned_away_does_not_stay(monkeypatch):
    """A client that does not hang up after it was turned away is hung up on."""
    monkeypatch.setattr("proxy.relay.client.LINGER_SECONDS", 0.05)
    async with relay([OK], listen={"max_connections": 1}) as world, asyncio.timeout(10):
        _, first = await asyncio.open_connection("127.0.0.1", world.port)
        await until(lambda: len(world.front_connections()) == 1)
        reader, second = await asyncio.open_connection("127.0.0.1", world.port)
        assert (await reader.readline()).startswith(b"HTTP/1.1 503 ")
        await until(lambda: len(world.front_connections()) == 1)

        first.close()
        second.close()


def test_files_bound_connections():
    """Where the process may have few files open, it takes as many connections as two for each allow."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert limits._with_descriptors(10) == 10
    assert limits._with_descriptors(10**9) == (hard - 128) // 2
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


CLIENTS = {
    "v4": (("192.0.2.7", 1), "192.0.2.7"),
    "v6": (("2001:db8:1:2:3::4", 1, 0, 0), "20010db800010002"),
    "its-neighbour": (("2001:db8:1:2:ffff::9", 1, 0, 0), "20010db800010002"),
    "with-zone": (("fe80::1%eth0", 1, 0, 2), "fe80000000000000"),
    "mapped": (("::ffff:192.0.2.7", 1, 0, 0), "::ffff:192.0.2.7"),
    "unix": ("", ""),
    "unknown": (None, ""),
}


@pytest.mark.parametrize("name", CLIENTS)
def test_who_a_client_is(name):
    """An address is one client; of IPv6 the network of a subscriber is."""
    peer, who = CLIENTS[name]

    class Transport(asyncio.Transport):
        def get_extra_info(self, name, default=None):
            return peer

    assert client_of(Transport()) == who


def test_a_crowd_forgets_who_has_left():
    """Of addresses that have no connection any more nothing is kept."""
    crowd = Crowd(Listen(max_connections=2))
    for number in range(5):
        crowd.enters(f"a{number}")
        crowd.leaves(f"a{number}")
    assert crowd.enters("") is crowd.enters("b") is None
    assert crowd.enters("b").status == 503

    assert dict(crowd._of) == {"b": 2}
