"""What RFC 9110 and RFC 9112 ask of an intermediary, in their order; each case says where.

The bounds on heads, bodies and clients have tests of their own: `test_limits.py`, `test_pace.py`; those on what is decoded
and on events are the core's: `test_coding.py`, `test_sse.py`.
"""

from __future__ import annotations

import asyncio
import re

import pytest

from proxy.config import Secret
from tests.raw import Pieces, chunked, post, send
from tests.relay.conftest import relay

OK = Pieces([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])
GET = b"GET /v1/x HTTP/1.1\r\nHost: proxy.test\r\n"
POST = b"POST /v1/x HTTP/1.1\r\nHost: proxy.test\r\n"
LAST = b"GET /v1/last HTTP/1.1\r\nHost: proxy.test\r\nConnection: close\r\n\r\n"


def statuses(data: bytes) -> list[int]:
    """Of the answers in what came; bodies here hold none."""
    return [int(found) for found in re.findall(rb"HTTP/1\.1 (\d\d\d)", data)]


FRAMING = {
    # what is sent before `LAST` -> the statuses, and what the upstream gets: targets and bodies
    "9112 2.2 empty lines before a request are passed over": (b"\r\n\r\n" + GET + b"\r\n", [200, 200], [("/v1/x", b""), ("/v1/last", b"")]),
    "9112 2.2 a bare LF ends no line": (GET + b"X: y\n\r\n", [400], []),
    "9112 2.2 a bare CR is no line end": (GET + b"X: y\rZ: z\r\n\r\n", [400], []),
    "9112 2.2 white space before the first field": (b"GET /v1/x HTTP/1.1\r\n Host: proxy.test\r\n\r\n", [400], []),
    "9112 3 a request line of two words": (b"GET /v1/x\r\nHost: proxy.test\r\n\r\n", [400], []),
    "9112 3.2 white space in a target": (b"GET /v1/x y HTTP/1.1\r\nHost: proxy.test\r\n\r\n", [400], []),
    "9112 3.2 Host twice": (GET + b"Host: proxy.test\r\n\r\n", [400], []),
    "9112 3.2.2 absolute form goes before Host": (b"GET http://other.test/v1/x HTTP/1.1\r\nHost: proxy.test\r\n\r\n", [400], []),
    "9112 5.1 white space before a colon": (GET + b"X-A : b\r\n\r\n", [400], []),
    "9112 5.2 a folded line": (GET + b"X-A: b\r\n\tc\r\n\r\n", [400], []),
    "9110 5.5 NUL in a value": (GET + b"X-A: b\x00c\r\n\r\n", [400], []),
    "9110 5.1 a name is a token": (GET + b"X(A): b\r\n\r\n", [400], []),
    "9112 6.1 both lengths": (POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400], []),
    "9112 6.1 chunked is not the last coding": (POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", [400], []),
    "9112 6.1 chunked twice": (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400], []),
    "9112 6.1 a coding in HTTP/1.0": (POST.replace(b"1.1", b"1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", [400], []),
    "9112 6.2 a length that is none": (POST + b"Content-Length: 2 2\r\n\r\n{}", [400], []),
    "9112 6.3 a length that nothing has": (POST + b"Content-Length: 18446744073709551615\r\n\r\n", [400], []),
    "9112 6.3 two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", [400], []),
    "9112 6.3 without a length there is no body": (POST + b"\r\n", [200, 200], [("/v1/x", b""), ("/v1/last", b"")]),
    "9112 6.3 a length ends where it ends": (
        POST + b"Content-Length: 2\r\n\r\n{}", [200, 200], [("/v1/x", b"{}"), ("/v1/last", b"")],
    ),
    "9110 9.3.1 GET may have a body": (GET + b"Content-Length: 2\r\n\r\n{}", [200, 200], [("/v1/x", b"{}"), ("/v1/last", b"")]),
    "9112 7.1 chunks": (POST + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(b"a", b"bc"), [200], [("/v1/x", b"abc")]),
    "9112 7.1 a size is hexadecimal": (POST + b"Transfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n", [400], []),
    "9112 7.1 a size that no number holds": (POST + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n", [400], []),
    "9112 7.1 data ends with CRLF": (POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\naX0\r\n\r\n", [400], []),
    "9112 7.1.1 an extension is passed over": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n1;a=b\r\na\r\n0\r\n\r\n", [200], [("/v1/x", b"a")],
    ),
    "9112 7.1.2 trailers are not merged": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nAuthorization: Bearer x\r\n\r\n",
        [200], [("/v1/x", b"a")],
    ),
    # (what comes in one read with a request that ends its connection is refused with it)
    "9112 9.6 nothing is taken behind close": (GET + b"Connection: close\r\n\r\n", [400], []),
    "9112 9.3 HTTP/1.0 ends its connection": (GET.replace(b"1.1", b"1.0") + b"\r\n", [400], []),
    "9110 2.5 another major version": (GET.replace(b"1.1", b"2.0") + b"\r\n", [400], []),
    "9110 9.3.6 CONNECT": (b"CONNECT proxy.test:443 HTTP/1.1\r\nHost: proxy.test:443\r\n\r\n", [405], []),
    "9110 9.3.8 TRACE": (GET.replace(b"GET", b"TRACE") + b"\r\n", [405, 200], [("/v1/last", b"")]),
    "9110 10.1.1 another expectation": (POST + b"Expect: a-cake\r\nContent-Length: 0\r\n\r\n", [417], []),
}  # fmt: skip


@pytest.mark.parametrize("name", FRAMING)
async def test_where_requests_begin_and_end(name):
    """Each request is taken as its RFC says, and what stands behind a refused one is no request."""
    sent, answered, got = FRAMING[name]
    async with relay([OK]) as world:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(sent + LAST)
        data = await reader.read()
        writer.close()

        assert statuses(data) == answered
        assert [(seen.target, seen.body) for seen in world.upstream.seen] == got
        assert all(b"authorization" not in seen.head.lower() for seen in world.upstream.seen)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/files", "/feedback", "/nobody"])
@pytest.mark.parametrize("behind", [0, 1])
async def test_no_trailer_becomes_a_field_of_the_next_request(path, behind):
    """Behind a chunked body the connection ends, for what the parser makes of its trailers would be the next one's fields."""
    first = (
        f"POST {path} HTTP/1.1\r\nHost: p\r\nTransfer-Encoding: chunked\r\nAuthorization: Bearer analytics-key\r\n\r\n"
    )
    trailers = b"0\r\nX-A: b\r\nX-Teelog-User: somebody\r\n\r\n"
    async with relay([OK]) as world, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(first.encode() + b"2\r\n{}\r\n" + trailers + (GET + b"\r\n") * behind)
        data = await reader.read()
        writer.close()

        assert len(statuses(data)) == 1
        assert b"\r\nConnection: close\r\n" in data
        assert [seen.target for seen in world.upstream.seen] == ([path] if path.startswith("/v1/") else [])


HOPS = {
    # request or answer fields -> which of them arrive
    "9110 7.6.1 named in Connection": ("Connection: X-A, close\r\nX-A: 1\r\nX-B: 2", ["X-B"]),
    "in any case": ("connection: x-a\r\nX-A: 1\r\nX-B: 2", ["X-B"]),
    "in a second line": ("Connection: keep-alive\r\nConnection: X-B\r\nX-A: 1\r\nX-B: 2", ["X-A"]),
    "and not there": ("Connection: X-C, , \r\nX-A: 1", ["X-A"]),
    "whenever they are not named": (
        "Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nTE: trailers\r\nTrailer: X\r\nUpgrade: h2c\r\nX-A: 1", ["X-A"],
    ),
    "9110 11.7 a proxy's credentials": ("Proxy-Authorization: Basic x\r\nX-A: 1", ["X-A"]),
}  # fmt: skip


@pytest.mark.parametrize("name", HOPS)
@pytest.mark.parametrize("way", ["request", "answer"])
async def test_what_belongs_to_one_hop_stays_there(name, way):
    """What RFC 9110 calls hop-by-hop, and what Connection names, goes neither up nor down."""
    fields, arrive = HOPS[name]
    answer = (
        b"HTTP/1.1 200 OK\r\n" + fields.encode() + b"\r\nContent-Length: 2\r\n\r\n{}"
        if way == "answer"
        else OK.pieces[0]
    )
    own = {"Host", "x-teelog-hop", "Content-Length", "Connection", "x-teelog-id"}
    async with relay([Pieces([answer])]) as world:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(GET + (fields.encode() + b"\r\n\r\n" if way == "request" else b"\r\n"))
        head = await reader.readuntil(b"\r\n\r\n")
        writer.close()

        passed = world.upstream.seen[0].head if way == "request" else head
        names = [line.partition(":")[0] for line in passed.decode().split("\r\n")[1:-2]]
        assert [name for name in names if name not in own] == arrive


ROUTES = {
    # target, and fields that some servers route by
    "X-Forwarded-Host": ("/v1/x", "X-Forwarded-Host: evil.test"),
    "X-Original-URL": ("/v1/x", "X-Original-URL: /admin"),
    "X-Rewrite-URL": ("/v1/x", "X-Rewrite-URL: /admin"),
    "Forwarded": ("/v1/x", "Forwarded: for=1.2.3.4;host=evil.test;proto=https"),
    "X-HTTP-Method-Override": ("/v1/x", "X-HTTP-Method-Override: DELETE"),
    "absolute form": ("http://proxy.test/v1/x", "X: y"),
    "absolute form of another scheme": ("https://proxy.test/v1/x", "X: y"),
}


@pytest.mark.parametrize("name", ROUTES)
async def test_only_the_configuration_says_where_a_request_goes(name):
    """Whatever a client says, its request goes to the configured upstream, with that one's Host and the path that it asked for."""
    target, field = ROUTES[name]
    async with relay([OK]) as world:
        request = f"GET {target} HTTP/1.1\r\nHost: proxy.test\r\n{field}\r\nConnection: close\r\n\r\n"
        assert (await send(world.port, request.encode())).status == 200

        (seen,) = world.upstream.seen
        assert seen.head.startswith(
            f"GET /v1/x HTTP/1.1\r\nHost: 127.0.0.1:{world.upstream.port}\r\n{field}\r\n".encode()
        )


async def test_nobody_is_told_who_the_client_is():
    """No Forwarded, X-Forwarded-* or Via is added, neither with the client's address nor the name that it used."""
    async with relay([OK]) as world:
        await send(world.port, post(b"{}"))

        head = world.upstream.seen[0].head.lower()
        assert b"proxy.test" not in head
        assert not re.search(rb"\r\n(forwarded|x-forwarded|x-real-ip|via)", head)


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_redirects_are_the_clients_to_follow(status):
    """A redirect goes to the client as it came, and nobody else is asked."""
    answer = b"HTTP/1.1 %d Elsewhere\r\nLocation: http://127.0.0.1:1/v1/x\r\nContent-Length: 0\r\n\r\n" % status
    async with relay([Pieces([answer])]) as world:
        got = await send(world.port, post(b"{}"))

        assert (got.status, got.field("location")) == (status, "http://127.0.0.1:1/v1/x")
        assert len(world.upstream.seen) == 1


async def test_cookies_are_not_shared():
    """What an upstream sets for one client is sent by no other, though they share a connection to it."""
    setting = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=secret\r\nSet-Cookie: b=c\r\nContent-Length: 2\r\n\r\n{}"
    async with relay([Pieces([setting]), OK]) as world:
        assert (await send(world.port, post(b"{}"))).data.count(b"Set-Cookie: ") == 2
        await send(world.port, post(b"{}"))

        assert world.upstream.connections == 1
        assert b"cookie" not in world.upstream.seen[1].head.lower()


EXPECTATIONS = {
    # a request that expects 100, and the configuration -> what is answered first
    "it may go on": (post(b"{}", "/v1/x", "Expect: 100-continue"), {}, b"100"),
    "without a key": (post(b"{}", "/v1/x", "Expect: 100-continue"), {"client_keys": (Secret("k"),)}, b"401"),
    "too large": (post(b"x" * 9, "/v1/x", "Expect: 100-continue"), {"json_max_bytes": 5}, b"413"),
    "not proxied": (post(b"{}", "/nothing", "Expect: 100-continue"), {}, b"404"),
    "ambiguous": (post(b"{}", "/v1/../x", "Expect: 100-continue"), {}, b"400"),
    "of HTTP/1.0": (post(b"{}", "/v1/x", "Expect: 100-continue", version="1.0"), {}, b"200"),
}


@pytest.mark.parametrize("name", EXPECTATIONS)
async def test_a_body_is_asked_for_last(name):
    """100 is sent once everything else has been looked at (RFC 9110 §10.1.1), never to HTTP/1.0, and not by the upstream."""
    request, listen, first = EXPECTATIONS[name]
    head, _, body = request.partition(b"\r\n\r\n")
    async with relay([OK], listen=listen) as world:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(head + b"\r\n\r\n" + (body if first == b"200" else b""))

        assert (await reader.readline()).split(b" ")[1] == first
        assert all(b"expect" not in seen.head.lower() for seen in world.upstream.seen)
        assert first == b"200" or world.upstream.connections == 0
        writer.close()


BODILESS = {
    # method, the answer's head -> what follows it is the next answer
    "HEAD with a length": ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"),
    "HEAD of chunks": ("HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    "HEAD without length": ("HEAD", b"HTTP/1.1 200 OK\r\n\r\n"),
    "204": ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
    "204 with a length": ("GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"),
    "304 with a length": ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
    "304 of chunks": ("GET", b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"),
}


@pytest.mark.parametrize("name", BODILESS)
async def test_what_has_no_body_ends_with_its_head(name):
    """To HEAD, and with 204 and 304, no body follows whatever the fields say (RFC 9112 §6.3): the next answer does."""
    method, answer = BODILESS[name]
    async with relay([Pieces([answer]), OK]) as world, asyncio.timeout(5):
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(f"{method} /v1/x HTTP/1.1\r\nHost: p\r\n\r\n".encode() + LAST)
        data = await reader.read()
        writer.close()

        assert len(statuses(data)) == 2
        assert data.endswith(b"\r\n\r\n{}")
        assert b"\r\n\r\nHTTP/1.1 200 OK\r\n" in data
