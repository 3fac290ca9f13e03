"""Bodies and ids as they come over the wire."""

import asyncio
import io
import socket

import orjson
import pytest

from proxy.analytics.api import make_app, serve_on
from tests.sdk_rules import problem_faults

API = {"Authorization": "Bearer key-api"}
SMALL = b'{"type":"openai","id":"c1","messages":[{"role":"user","content":"%s"}]}'


async def test_a_body_of_two_megabytes_is_taken(client):
    """Inkeep's limit for a body is within ours."""
    body = SMALL % (b"x" * 1_990_000)

    answer = await client.post("/conversations", data=io.BytesIO(body), headers=API)

    assert answer.status == 200
    assert len((await answer.json())["messages"][0]["content"]) == 1_990_000


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "chunked"])
async def test_a_body_that_is_too_large_is_413(client, announced):
    """More than a few megabytes are refused, whether their length is announced or not, and the server goes on."""

    async def chunks():
        for _ in range(64):
            yield b"x" * 1_000_000

    length = {"Content-Length": "64000000"} if announced else {}
    answer = await client.post("/conversations", data=chunks(), headers=API | length)

    assert answer.status == 413
    assert problem_faults(413, answer.content_type, await answer.json(content_type=None)) == []
    assert (await client.post("/conversations", data=SMALL % b"x", headers=API)).status == 200


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


NO_HTTP = {
    "no request line": b"GET\r\n\r\n",
    "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "a length below zero": b"POST /conversations HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "two lengths": b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "NUL in the path": b"GET /conversations/\x00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a path that is not encoded": "GET /conversations/é HTTP/1.1\r\nHost: localhost\r\n\r\n".encode(),
    "an address that is none": b"GET http://[x/conversations HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a line without end": b"GET /conversations?q=" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no chunk": b"POST /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer k\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "no second chunk": (
        b"POST /events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer k\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1\r\n{\r\n",
        b"zz\r\n",
    ),
}


@pytest.fixture
async def served(store):
    """The port of the server as it runs."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        runner = await serve_on(make_app(store, api_keys=["k"]), listening)
        yield listening.getsockname()[1]
        await runner.cleanup()


@pytest.mark.parametrize("pieces", NO_HTTP.values(), ids=NO_HTTP)
async def test_what_is_no_http_is_a_problem(served, pieces):
    """What cannot be read as a request is answered 400 in the shape of every error, says nothing of the library, and ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served)
    for piece in [pieces] if isinstance(pieces, bytes) else pieces:
        writer.write(piece)
        await writer.drain()

    head, _, body = (await reader.read()).partition(b"\r\n\r\n")

    writer.close()
    assert b" 400 " in head.split(b"\r\n")[0]
    assert b"Server: teelog" in head
    assert b"aiohttp" not in head
    assert problem_faults(400, "application/problem+json", orjson.loads(body)) == []
    assert b"Content-Type: application/problem+json" in head


async def test_a_long_list_of_filters_is_read(served):
    """A request's first line may be as long as all the filters that a list takes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served)
    tags = (
        "&".join(f"tag={'t' * 1000}{n:02}"[:1004] for n in range(20))
        + "&"
        + "&".join(f"property=p{n}%3D{'v' * 900}" for n in range(20))
    )
    writer.write(
        f"GET /conversations?{tags} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer k\r\nConnection: close\r\n\r\n".encode()
    )
    answer = await reader.read()

    writer.close()
    assert answer.startswith(b"HTTP/1.1 200 ")
