"""Bodies and ids as they come over the wire."""

import asyncio
import io
import re
import threading

import orjson
import pytest
from aiohttp import web

from proxy.analytics.request import AT_ONCE_BYTES, read_checked
from tests.sdk_rules import problem_faults

API = {"Authorization": "Bearer key-api"}
SMALL = b'{"type":"openai","id":"c1","messages":[{"role":"user","content":"%s"}]}'


#: A body that is taken, by where it is posted.
BODIES = {
    "/conversations": {"type": "openai", "id": "c1", "messages": [{"role": "user", "content": "x"}]},
    "/feedback": {"type": "positive", "messageId": "m"},
    "/events": {"type": "x", "searchQuery": "q"},
    "/query/property-keys": {"field": "properties"},
    "/query/property-values": {"field": "properties", "key": "k"},
} | {
    f"/query/{view}{export}": {}
    for view in ("conversations", "events", "feedback", "semantic-threads")
    for export in ("", "/export")
}


async def test_a_body_of_two_megabytes_is_taken_whole(client):
    """Inkeep's limit for a body is within ours, and nothing of it is cut."""
    answer = await client.post("/conversations", data=io.BytesIO(SMALL % (b"x" * 1_990_000)), headers=API)

    assert answer.status == 200
    assert len((await answer.json())["messages"][0]["content"]) == 1_990_000


@pytest.mark.parametrize("path", BODIES)
async def test_how_large_a_body_may_be(client, path):
    """Whatever is posted, 1.99 MB are taken, and 64 MB are refused as soon as they are announced; the server goes on."""
    padded = orjson.dumps(BODIES[path] | {"padding": "x" * 1_989_000})

    assert (await client.post(path, data=io.BytesIO(padded), headers=API)).status == 200
    status, problem = await announced(client, path, 64_000_000)
    assert status == 413
    assert problem_faults(413, "application/problem+json", problem) == []
    assert (await client.post(path, data=orjson.dumps(BODIES[path]), headers=API)).status == 200


async def test_a_large_body_holds_nobody_up(aiohttp_client):
    """While a large body is checked, others are answered."""
    begun, answered = threading.Event(), threading.Event()

    def check(body):
        if body["padding"]:
            begun.set()
            assert answered.wait(10)
        return body["id"]

    async def take(request):
        return web.Response(text=await read_checked(request, 2**20, check))

    app = web.Application(client_max_size=2**20)
    app.router.add_post("/", take)
    client = await aiohttp_client(app)
    large = asyncio.ensure_future(client.post("/", json={"id": "large", "padding": "x" * AT_ONCE_BYTES}))
    assert await asyncio.to_thread(begun.wait, 10)
    assert await (await client.post("/", json={"id": "small", "padding": ""})).text() == "small"
    answered.set()

    assert await (await large).text() == "large"


async def announced(client, path, size):
    """The status and problem that a head is answered with, whose body never comes."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key-api\r\nContent-Length: {size}\r\n\r\n"
    writer.write(head.encode())
    async with asyncio.timeout(10):
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(re.search(rb"Content-Length: (\d+)", answer)[1])
        body = await reader.readexactly(length)
    writer.close()
    return int(answer.split()[1]), orjson.loads(body)


@pytest.mark.parametrize("path", ["/conversations", "/events", "/query/conversations"])
async def test_a_body_without_a_length_that_is_too_large(client, path):
    """More than a few megabytes are refused, too, where nobody said how many would come; the server goes on."""

    async def chunks():
        for _ in range(64):
            yield b"x" * 1_000_000

    answer = await client.post(path, data=chunks(), headers=API)

    assert answer.status == 413
    assert problem_faults(413, answer.content_type, await answer.json(content_type=None)) == []
    assert (await client.post(path, data=orjson.dumps(BODIES[path]), headers=API)).status == 200


async def test_a_coded_body_is_415(client):
    """A compressed body is not unpacked: a small one could hold a large one."""
    answer = await client.post("/conversations", data=b"\x1f\x8b", headers=API | {"Content-Encoding": "gzip"})

    assert answer.status == 415


async def test_a_body_that_never_comes_holds_nothing_up(client):
    """A client that is slow with its body does not keep others from being served."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(
        b"POST /conversations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key-api\r\nContent-Length: 9\r\n\r\n{"
    )
    await writer.drain()

    assert (await client.get("/conversations", headers=API)).status == 200

    writer.close()
    await writer.wait_closed()
    assert reader.at_eof() or not await reader.read()


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        pytest.param("a/b c", "a%2Fb%20c", id="slash and blank"),
        pytest.param("1710.22/3", "1710.22%2F3", id="a Slack timestamp"),
        pytest.param("100%", "100%25", id="per cent"),
        pytest.param("%2F", "%252F", id="looks encoded"),
        pytest.param("a+b", "a+b", id="plus"),
        pytest.param("a?b#c", "a%3Fb%23c", id="question mark and hash"),
        pytest.param("é漢😀", "%C3%A9%E6%BC%A2%F0%9F%98%80", id="unicode"),
        pytest.param("{id}", "%7Bid%7D", id="braces"),
        pytest.param("external", "external", id="a word of the paths"),
        pytest.param("a\nb\x00", "a%0Ab%00", id="control characters"),
        pytest.param("' OR 1=1 --", "%27%20OR%201=1%20--", id="SQL"),
        pytest.param("..", "%2E%2E", id="dots"),
    ],
)
async def test_ids_in_paths(client, name, segment):
    """An id is found by its percent-encoded segment, whatever it is made of."""
    body = {"type": "openai", "id": name, "messages": [{"role": "user", "content": "hi"}]}
    assert (await client.post("/conversations", json=body, headers=API)).status == 200

    raw = await ask(client, f"/conversations/{segment}")

    assert raw.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("segment", ["%ff", "%ed%a0%80"], ids=["not UTF-8", "half a surrogate pair"])
async def test_what_no_id_can_be(client, segment):
    """A segment that is no text is not found."""
    assert (await ask(client, f"/conversations/{segment}")).startswith(b"HTTP/1.1 404 ")


async def ask(client, target):
    """The raw answer to a GET of a target, sent byte for byte."""
    reader, writer = await asyncio.open_connection(client.host, client.port)
    writer.write(
        b"GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer key-api\r\nConnection: close\r\n\r\n"
        % target.encode("ascii")
    )
    async with asyncio.timeout(10):
        raw = await reader.read()
    writer.close()
    await writer.wait_closed()
    return raw
