"""What never becomes a request is answered as a problem, and nothing of it is kept."""

import asyncio
import socket

import orjson
import pytest

from proxy.analytics.api import make_app, serve_on
from tests.sdk_rules import problem_faults

KEY = "Authorization: Bearer key-api\r\n"


async def broken(_request):
    raise RuntimeError("key-api")


@pytest.fixture
async def port(store):
    """A server as it really runs, with a path of ours that fails before the door."""
    listening = socket.create_server(("127.0.0.1", 0))
    app = make_app(store, api_keys=["key-api"])
    app.router.add_get("/broken", broken, expect_handler=broken)
    runner = await serve_on(app, listening)
    yield listening.getsockname()[1]
    await runner.cleanup()


async def asked(port, *pieces):
    """The status, fields and body that raw bytes are answered with."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece.encode("latin-1"))
        await writer.drain()
    async with asyncio.timeout(10):
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    line, *fields = head.decode().split("\r\n")
    return int(line.split()[1]), dict(field.lower().split(": ", 1) for field in fields), body


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param("BLAH\r\n\r\n", id="no request"),
        pytest.param("\x16\x03\x01\x02\x00\x01\r\n\r\n", id="TLS"),
        pytest.param(f"FOO / HTTP/1.1\r\nHost: localhost\r\n{KEY}\r\n", id="no method"),
        pytest.param(f"GET * HTTP/1.1\r\nHost: localhost\r\n{KEY}\r\n", id="no path"),
        pytest.param(f"GET /conversations/a b HTTP/1.1\r\nHost: localhost\r\n{KEY}\r\n", id="a blank in the path"),
        pytest.param(f"GET /{'a' * 70_000} HTTP/1.1\r\nHost: localhost\r\n{KEY}\r\n", id="a long path"),
        pytest.param(f"GET / HTTP/1.1\r\nHost: localhost\r\nX: {'a' * 9000}\r\n{KEY}\r\n", id="a long field"),
        pytest.param(
            f"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {'k' * 9000}\r\n\r\n", id="a long key"
        ),
        pytest.param(f"GET / HTTP/1.1\r\nHost: localhost\r\n{'X: y' * 200}\n\r\n", id="no field"),
        pytest.param(
            f"POST /events HTTP/1.1\r\nHost: localhost\r\n{KEY}Transfer-Encoding: chunked\r\n\r\nzz\r\n", id="no chunk"
        ),
        pytest.param(
            f"POST /events HTTP/1.1\r\nHost: localhost\r\n{KEY}Content-Length: 1\r\nContent-Length: 2\r\n\r\n{{}}",
            id="two lengths",
        ),
        pytest.param(
            f"POST /events HTTP/1.1\r\nHost: localhost\r\n{KEY}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
            id="two framings",
        ),
        pytest.param(f"POST / HTTP/1.1\r\nHost: localhost\r\n{KEY}Content-Length: -1\r\n\r\n", id="no length"),
        pytest.param(f"GET /\x00 HTTP/1.1\r\nHost: localhost\r\n{KEY}\r\n", id="NUL in the path"),
        pytest.param(f"GET /é HTTP/1.1\r\nHost: localhost\r\n{KEY}\r\n", id="a path that is not encoded"),
        pytest.param(f"GET http://[x/ HTTP/1.1\r\nHost: localhost\r\n{KEY}\r\n", id="no address"),
    ],
)
async def test_what_is_no_request(port, request_, caplog):
    """It is a 400 problem with the headers of every answer; nothing that was sent is told or logged."""
    status, fields, body = await asked(port, request_)

    assert problem_faults(400, fields["content-type"], orjson.loads(body)) == []
    assert (status, fields["server"]) == (400, "teelog")
    assert fields["x-request-id"] == orjson.loads(body)["requestId"]
    assert [word for word in ("aaaa", "kkkk", "key-api") if word in body.decode()] == []
    assert caplog.records == []
    assert (await asked(port, f"GET /conversations HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{KEY}\r\n"))[
        0
    ] == 200


async def test_a_fault_of_ours(port, caplog):
    """What fails before the door is a 500 problem; the log has it, the answer does not."""
    head = "GET /broken HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n"

    status, fields, body = await asked(port, head)

    assert status == 500
    assert problem_faults(500, fields["content-type"], orjson.loads(body)) == []
    assert b"key-api" not in body
    assert [record.message for record in caplog.records] == ["a request could not be handled"]


async def test_a_body_that_breaks_its_framing(port):
    """A chunk that is none, after others, is a 400 problem of its operation, and the connection ends."""
    head = f"POST /events HTTP/1.1\r\nHost: localhost\r\n{KEY}Transfer-Encoding: chunked\r\n\r\n"

    status, fields, body = await asked(port, head, "1\r\n{\r\n", "zz\r\n")

    assert status == 400
    assert problem_faults(400, fields["content-type"], orjson.loads(body)) == []


async def test_a_long_list_of_filters(port):
    """A request's first line may be as long as all the filters that a list takes."""
    filters = [*(f"tag={n:0>1000}" for n in range(20)), *(f"property=p{n}%3D{'v' * 900}" for n in range(20))]

    head = f"GET /conversations?{'&'.join(filters)} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{KEY}\r\n"
    status, _, body = await asked(port, head)

    assert (status, orjson.loads(body)["total"]) == (200, 0)


async def test_a_long_id(port, store):
    """An id of thousands of letters, none of which stands in a path as it is, is found."""
    name = "漢" * 4000
    await store.log_conversation({"type": "openai", "id": name, "messages": [{"role": "user", "content": "x"}]})
    encoded = "".join(f"%{byte:02X}" for byte in name.encode())

    head = f"GET /conversations/{encoded} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{KEY}\r\n"
    status, _, body = await asked(port, head)

    assert (status, orjson.loads(body)["id"]) == (200, name)
