"""What is let in: requests that two servers could read in two ways are refused here and reach no upstream."""

from __future__ import annotations

import asyncio
import json

import pytest

from proxy.config import Secret
from tests.raw import Pieces, post, send
from tests.relay.conftest import relay

OK = Pieces([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])
HOST = "Host: proxy.test\r\n"


def get(target: str, *fields: str, version: str = "1.1", host: str = HOST) -> bytes:
    return f"GET {target} HTTP/{version}\r\n{host}{''.join(f + chr(13) + chr(10) for f in fields)}Connection: close\r\n\r\n".encode()


REFUSED = {
    "dot-segment": (get("/v1/../admin"), 400),
    "dot-at-the-end": (get("/v1/.."), 400),
    "single-dot": (get("/v1/./x"), 400),
    "encoded-dots": (get("/v1/%2e%2E/admin"), 400),
    "half-encoded-dots": (get("/v1/.%2e/admin"), 400),
    "encoded-slash-and-dots": (get("/v1/..%2fadmin"), 400),
    "twice-encoded-dots": (get("/v1/%252e%252e/admin"), 400),
    "dots-with-parameters": (get("/v1/..;x/admin"), 400),
    "backslash": (get("/v1\\..\\admin"), 400),
    "encoded-backslash": (get("/v1/..%5cadmin"), 400),
    "encoded-nul": (get("/v1/a%00b"), 400),
    "encoded-line-end": (get("/v1/a%0d%0aX:%20y"), 400),
    "two-slashes": (get("//evil/v1/x"), 400),
    "fragment": (get("/v1/x#y"), 400),
    "foreign-authority": (get("http://evil.test/v1/x"), 400),
    "userinfo-authority": (get("http://u@proxy.test/v1/x"), 400),
    "other-scheme": (get("ftp://proxy.test/v1/x"), 400),
    "authority-form": (b"GET proxy.test:80 HTTP/1.1\r\nHost: proxy.test\r\nConnection: close\r\n\r\n", 400),
    "connect": (b"CONNECT proxy.test:443 HTTP/1.1\r\nHost: proxy.test:443\r\nConnection: close\r\n\r\n", 405),
    "trace": (get("/v1/x").replace(b"GET", b"TRACE"), 405),
    "no-host": (get("/v1/x", host=""), 400),
    "two-hosts": (get("/v1/x", "Host: other.test"), 400),
    "host-with-path": (get("/v1/x", host="Host: a/b\r\n"), 400),
    "host-with-user": (get("/v1/x", host="Host: u@h\r\n"), 400),
    "host-list": (get("/v1/x", host="Host: a, b\r\n"), 400),
    "empty-host": (get("/v1/x", host="Host:\r\n"), 400),
    "http-2-line": (get("/v1/x", version="2.0"), 505),
    "http-0.9-line": (get("/v1/x", version="0.9"), 505),
    "http-1.2-line": (get("/v1/x", version="1.2"), 400),
    "other-coding": (get("/v1/x", "Transfer-Encoding: gzip, chunked"), 400),
    "empty-coding": (get("/v1/x", "Transfer-Encoding:"), 400),
    "coding-in-1.0": (get("/v1/x", "Transfer-Encoding: chunked", version="1.0"), 400),
    "both-lengths": (get("/v1/x", "Transfer-Encoding: chunked", "Content-Length: 3"), 400),
    "two-lengths": (get("/v1/x", "Content-Length: 3", "Content-Length: 4"), 400),
    "signed-length": (get("/v1/x", "Content-Length: +3"), 400),
    "underscored-length": (get("/v1/x", "Content_Length: 3"), 400),
    "underscored-coding": (get("/v1/x", "Transfer_Encoding: chunked"), 400),
    "expectation": (get("/v1/x", "Expect: a-miracle"), 417),
    "upgrade": (
        b"GET /v1/models HTTP/1.1\r\nHost: proxy.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: x\r\n\r\n",
        501,
    ),
    "folded-field": (get("/v1/x", "X-A: b\r\n c"), 400),
    "space-before-colon": (get("/v1/x", "X-A : b"), 400),
    "bad-chunk-size": (b"POST /v1/chat/completions HTTP/1.1\r\nHost: proxy.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    "no-such-path": (get("/nothing/here"), 404),
    "not-our-version": (get("/v2/chat/completions"), 404),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_ambiguous_is_refused(name):
    """The request is answered with the right status in OpenAI's error shape, and never reaches the upstream."""
    request, status = REFUSED[name]
    async with relay([OK]) as world:
        got = await send(world.port, request, timeout=3)

        assert got.status == status, got
        assert got.field("server") is None
        error = json.loads(got.body)["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert world.upstream.seen == []


PASSES = {
    "plain": ("/v1/models", "/v1/models"),
    "root": ("/v1", "/v1"),
    "slash": ("/v1/", "/v1/"),
    "unknown-endpoint": ("/v1/nobody/knows?x=%2e%2e/..&y=a%20b&&=", "/v1/nobody/knows?x=%2e%2e/..&y=a%20b&&="),
    "encoded-id": ("/v1/files/a%2Fb%20c", "/v1/files/a%2Fb%20c"),
    "dots-in-a-name": ("/v1/models/gpt-4.1..x/...", "/v1/models/gpt-4.1..x/..."),
    "absolute-form": ("http://proxy.test/v1/models?a=b", "/v1/models?a=b"),
    "empty-query": ("/v1/models?", "/v1/models?"),
    "double-slash-inside": ("/v1//models", "/v1//models"),
}


@pytest.mark.parametrize("name", PASSES)
async def test_a_target_goes_on_as_it_came(name):
    """No byte of a target is decoded, encoded or folded."""
    target, expected = PASSES[name]
    async with relay([OK]) as world:
        assert (await send(world.port, get(target))).status == 200
        assert world.upstream.seen[0].target == expected


async def test_only_what_is_hop_by_hop_stops_here():
    """Hop-by-hop fields, those that Connection names and our own stop; nothing is added but the hop mark."""
    fields = [
        "Accept-Encoding: gzip, br", "COOKIE: a=b", "Keep-Alive: timeout=5", "TE: trailers", "X-Private: 1",
        "x-teelog-user: u", "X-Stainless-Lang: python", "Proxy-Authorization: Basic x", "authorization: Bearer sk-abc",
    ]  # fmt: skip
    request = post(b"{}", "/v1/chat/completions", *fields, "Connection: close, X-Private, content-length", close=False)
    async with relay([OK]) as world:
        got = await send(world.port, request)

        assert got.status == 200
        head = world.upstream.seen[0].fields()
        assert head[0] == ("Host", f"127.0.0.1:{world.upstream.port}")
        assert head[1:-1] == [
            ("Content-Type", "application/json"), ("Content-Length", "2"), ("Accept-Encoding", "gzip, br"),
            ("COOKIE", "a=b"), ("X-Stainless-Lang", "python"), ("authorization", "Bearer sk-abc"),
        ]  # fmt: skip
        assert head[-1][0] == "x-teelog-hop"


async def test_an_answer_keeps_its_fields():
    """An answer's fields pass in order, repeated ones too; hop-by-hop ones and those Connection names stop."""
    answer = (
        b"HTTP/1.1 200 Fine\r\nServer: up\r\nDate: today\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nKeep-Alive: x\r\n"
        b"X-Hop: 1\r\nConnection: keep-alive, X-Hop\r\nx-ratelimit-remaining: 3\r\nContent-Length: 2\r\n\r\n{}"
    )
    async with relay([Pieces([answer])]) as world:
        got = await send(world.port, post(b"{}"))

        lines = got.head.decode().split("\r\n")
        assert lines[:7] == [
            "HTTP/1.1 200 Fine", "Server: up", "Date: today", "Set-Cookie: a=1", "set-cookie: b=2",
            "x-ratelimit-remaining: 3", "Content-Length: 2",
        ]  # fmt: skip
        assert [line.partition(":")[0] for line in lines[7:-2]] == ["Connection", "x-teelog-id"]


async def test_an_answers_repeated_fields_are_all_kept():
    """A length that stands there twice is sent once; any other repeated field as often as it came."""
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: a/b\r\nContent-Encoding: identity\r\nContent-Type: c/d\r\n"
        b"Content-Encoding: gzip\r\nVary: a\r\nContent-Length: 2\r\nVary: b\r\nx-teelog-id: another\r\n\r\n{}"
    )
    async with relay([Pieces([answer])]) as world:
        got = await send(world.port, post(b"{}"))

        assert got.head.decode().split("\r\n")[1:8] == [
            "Content-Length: 2", "Content-Type: a/b", "Content-Encoding: identity", "Content-Type: c/d",
            "Content-Encoding: gzip", "Vary: a", "Vary: b",
        ]  # fmt: skip
        assert got.head.count(b"x-teelog-id") == 1
        assert b"another" not in got.head


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_answers_without_a_body_keep_the_connection(status, method):
    """HEAD, 204 and 304 have no body whatever their fields say; both connections go on."""
    answer = b"HTTP/1.1 %d X\r\nContent-Length: 5\r\n\r\n" % status
    request = f"{method} /v1/models HTTP/1.1\r\n{HOST}\r\n".encode()
    async with relay([Pieces([answer])]) as world:
        got = await send(world.port, request + request.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

        assert got.data.count(b"HTTP/1.1 %d X" % status) == 2
        assert got.data.count(b"Content-Length: 5") == 2
        assert world.upstream.connections == 1
        assert world.journal.entries == []


async def test_a_large_upload_streams_through():
    """A body over the limit reaches the upstream whole, held nowhere, and is counted instead of recorded."""
    body = b"x" * 3_000_000
    async with relay([OK], limit=1000) as world:
        got = await send(world.port, post(body))

        assert got.status == 200
        assert world.upstream.seen[0].body == body
        assert world.record.status()["not_recorded"] == {"too_large": 1}


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/files"])
async def test_a_chunked_upload_goes_on_chunked(path):
    """A request that came chunked goes on chunked, its bytes the same, recorded or not."""
    request = (
        f"POST {path} HTTP/1.1\r\n{HOST}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n".encode()
        + b'5\r\n{"a":\r\n3\r\n "b\r\n2\r\n"}\r\n0\r\n\r\n'
    )
    async with relay([OK]) as world:
        assert (await send(world.port, request)).status == 200
        assert world.upstream.seen[0].body == b'{"a": "b"}'
        assert ("Transfer-Encoding", "chunked") in world.upstream.seen[0].fields()
        assert len(world.journal.entries) == (path == "/v1/chat/completions")


async def test_continue_is_asked_for_and_given():
    """A client that waits for 100 gets it from us; the upstream is not asked."""
    async with relay([OK]) as world:
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        head, _, body = post(b'{"a":1}', "/v1/chat/completions", "Expect: 100-continue").partition(b"\r\n\r\n")
        writer.write(head + b"\r\n\r\n")
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        assert (await reader.read()).startswith(b"HTTP/1.1 200 OK")
        writer.close()
        assert world.upstream.seen[0].body == b'{"a":1}'
        assert all(name.lower() != "expect" for name, _ in world.upstream.seen[0].fields())


async def test_a_body_that_stops_coming_is_given_up():
    """A body that pauses for longer than allowed is a 408, and the connection ends."""
    async with relay([OK], listen={"body_idle_seconds": 0.1}) as world:
        got = await send(world.port, post(b"{}").replace(b"Content-Length: 2", b"Content-Length: 20"))

        assert got.status == 408
        assert world.upstream.seen == []


async def test_a_loop_is_refused():
    """A request that has passed this proxy before is answered 508; one that passed another goes on, both marked."""
    async with relay([OK]) as world:
        await send(world.port, post(b"{}", "/v1/chat/completions", "x-teelog-hop: other"))
        hop = dict(world.upstream.seen[0].fields())["x-teelog-hop"]
        assert hop.startswith("other, ")
        got = await send(world.port, post(b"{}", "/v1/chat/completions", f"x-teelog-hop: {hop}"))

        assert got.status == 508
        assert len(world.upstream.seen) == 1


async def test_skipped_requests_are_forwarded_only():
    """`x-teelog-skip: 1` is forwarded, answered with an id, and not recorded."""
    async with relay([OK]) as world:
        got = await send(world.port, post(b"{}", "/v1/chat/completions", "x-teelog-skip: 1"))

        assert got.status == 200
        assert got.field("x-teelog-id")
        assert world.journal.entries == []
        assert world.record.status()["forwarded"] == 1


@pytest.mark.parametrize(("store", "recorded"), [("none", 0), ("metadata", 1), ("redacted", 1), ("full", 1)])
async def test_an_upstream_of_which_nothing_is_kept(way, store, recorded):
    """Where an upstream's store is none, its exchanges are forwarded and counted, and no byte is journaled."""
    async with relay([OK], upstream={"store": store}) as world:
        got = await send(world.port, post(b'{"messages": []}', "/v1/chat/completions"))

        assert got.status == 200
        assert got.field("x-teelog-id")
        assert len(world.journal.entries) == recorded
        assert world.record.status()["forwarded"] == 1
        assert world.record.status()["not_recorded"] == {}


async def test_pipelined_requests_are_answered_in_order():
    """Requests sent without waiting are answered one after the other on the same connection."""
    answers = [Pieces([b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d" % n]) for n in range(5)]
    async with relay(answers) as world:
        got = await send(world.port, post(b"{}", close=False) * 4 + post(b"{}"))

        assert [part[-1:] for part in got.data.split(b"HTTP/1.1 200 OK")[1:]] == [b"0", b"1", b"2", b"3", b"4"]


async def test_only_named_hosts_are_served():
    """With `allowed_hosts`, a request for another name is a 421; addresses and localhost are always served."""
    async with relay([OK], listen={"allowed_hosts": ("proxy.test",)}) as world:
        assert (await send(world.port, get("/v1/x"))).status == 200
        assert (await send(world.port, get("/v1/x", host="Host: proxy.test:8080\r\n"))).status == 200
        for address in ("127.0.0.1:8080", "[::1]:8080", "[::1]", "10.1.2.3", "localhost"):  # nobody can rebind those
            assert (await send(world.port, get("/v1/x", host=f"Host: {address}\r\n"))).status == 200
        for other in ("evil.test", "proxy.test.evil.test", "127.0.0.1.evil.test"):
            assert (await send(world.port, get("/v1/x", host=f"Host: {other}\r\n"))).status == 421


LISTENS = {"host": "0.0.0.0"}
NAMED = {"allowed_hosts": ("chat.example",), "cors_origins": ("https://app.example",)}
#: Where it listens, Host, Origin -> status.
CALLERS = {
    "here": ({}, "localhost:8080", None, 200),
    "a rebound name": ({}, "evil.example:8080", None, 421),
    "a rebound name and its page": ({}, "evil.example", "http://evil.example", 421),
    "a foreign page": ({}, "127.0.0.1:8080", "https://evil.example", 403),
    "a hidden page": ({}, "127.0.0.1:8080", "null", 403),
    "an empty origin": ({}, "127.0.0.1:8080", "", 200),
    "a page of another machine": ({}, "127.0.0.1:8080", "http://10.1.2.3", 403),
    "two origins": ({}, "127.0.0.1:8080", "http://localhost:3000\r\nOrigin: https://evil.example", 403),
    "a page of this machine": ({}, "127.0.0.1:8080", "http://localhost:3000", 200),
    "an app": ({}, "127.0.0.1:8080", "tauri://localhost", 200),
    "from a container of this machine": ({}, "host.docker.internal:8080", None, 200),
    "from a container, as some clients do": ({}, "host.containers.internal", "http://host.containers.internal", 200),
    "from a container, a foreign page": ({}, "host.docker.internal:8080", "https://evil.example", 403),
    "by a service's name": (LISTENS, "teelog:8080", None, 200),
    "by a service's name, as some clients do": (LISTENS, "teelog:8080", "http://teelog:8080", 200),
    "by a service's long name": (LISTENS, "teelog.chat.svc.cluster.local", "http://teelog.chat.svc.cluster.local", 200),
    "by a service's name, a foreign page": (LISTENS, "teelog:8080", "https://evil.example", 403),
    "by a service's name, its own page": (LISTENS, "evil.example:8080", "http://evil.example:8080", 403),
    "by an address, its own page": (LISTENS, "10.1.2.3:8080", "http://10.1.2.3:8080", 200),
    "by a named one": (NAMED, "chat.example", None, 200),
    "by a named one, its own page": (NAMED, "chat.example", "https://chat.example", 200),
    "by a named one, a named page": (NAMED, "chat.example", "https://app.example", 200),
    "by a named one, a foreign page": (NAMED, "chat.example", "https://evil.example", 403),
    "by an unnamed one": (NAMED | LISTENS, "other.example", None, 421),
}


@pytest.mark.parametrize("path", ["/v1/models", "/feedback", "/status", "/v1/realtime"])
@pytest.mark.parametrize("name", CALLERS)
async def test_what_a_page_of_another_site_sends(name, path):
    """Names that may have been rebound are 421, pages of other sites 403, on every path but the probes'; none goes on."""
    listen, host, origin, status = CALLERS[name]
    if path == "/status":
        listen = listen | {"admin_key": Secret("admin-key")}
    fields = [] if origin is None else [f"Origin: {origin}"]
    if path == "/v1/realtime":
        fields += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
    async with relay([OK], listen={"allowed_hosts": (), **listen}) as world:
        got = await send(world.port, get(path, *fields, host=f"Host: {host}\r\n"))
        probe = await send(world.port, get("/livez", *fields[:1], host=f"Host: {host}\r\n"))

        if path == "/feedback":  # (GET is not what it takes; a refusal comes before that)
            status = 405 if status == 200 else status
        if path == "/status" and status == 421 and origin:
            status = 403  # (with the admin key, any name would do)
        elif path == "/status" and host.startswith(("teelog", "host.")) and status == 200:
            status = 421  # it tells more than others, and asks for the admin key by such a name
        assert got.status == status, got
        assert len(world.upstream.seen) == (status == 200 and path.startswith("/v1/"))
        assert probe.status == 200


KEYS = {
    # client's fields -> status, what the upstream sees
    "none": ((), 401, None),
    "wrong": (("Authorization: Bearer nope",), 401, None),
    "bearer": (("Authorization: Bearer client-key",), 200, {"authorization": "Bearer up-key"}),
    "api-key": (("api-key: client-key",), 200, {"authorization": "Bearer up-key"}),
    "own-key-beside": (
        ("x-teelog-key: client-key", "Authorization: Bearer own"), 200, {"authorization": "Bearer own"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
async def test_client_keys_open_and_stay_here(name):
    """With client keys, only their holders pass; the key stops here and the upstream's own is added."""
    fields, status, expected = KEYS[name]
    async with relay(
        [OK], listen={"client_keys": (Secret("client-key"),)}, upstream={"api_key": Secret("up-key")}
    ) as world:
        got = await send(world.port, post(b"{}", "/v1/chat/completions", *fields))

        assert got.status == status
        seen = [{k.lower(): v for k, v in request.fields()} for request in world.upstream.seen]
        assert [{k: v for k, v in one.items() if "key" in k or k == "authorization"} for one in seen] == (
            [expected] if expected else []
        )


GUESSES = {
    # path, the right key, what a guess is answered
    "client keys": ("POST", "/v1/chat/completions", "client-key", 401),
    "client keys of WebSockets": ("WS", "/v1/realtime", "client-key", 401),
    "keys for feedback": ("POST", "/feedback", "analytics-key", 401),
    "the admin key": ("GET", "/status", "admin-key", 401),
    "the admin key, by a foreign name": ("GET", "/metrics", "admin-key", 421),
}


@pytest.mark.parametrize("way", ["one connection", "many"])
@pytest.mark.parametrize("name", GUESSES)
async def test_guessing_is_braked(name, way):
    """After ten wrong keys a caller has to wait, and is not told a right key from a wrong one; known keys go on working."""
    method, path, right, status = GUESSES[name]
    keys = {"client_keys": (Secret("client-key"), Secret("known-key")), "admin_key": Secret("admin-key")}
    fields = ["X-Forwarded-For: 1.2.3.4"] if status == 401 else []
    host = "Host: evil.test\r\n" if status == 421 else HOST

    def asking(key: str, *, close: bool = True) -> bytes:
        shown = [f"Authorization: Bearer {key}", *fields]
        if method == "POST":
            return post(b"{}", path, *shown, close=close)
        if method == "WS":
            offer = f"Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.{key}"
            shown = [offer, "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
        head = get(path, *shown, host=host)
        return head if close else head.replace(b"Connection: close\r\n", b"")

    async with relay([OK], listen=keys) as world:
        known = post(b"{}", "/v1/chat/completions", "api-key: known-key")
        assert (await send(world.port, known)).status == 200
        if way == "many" or method == "WS" or status == 421:
            guesses = [(await send(world.port, asking(f"no-{n}"))).status for n in range(12)]
        else:
            asked = b"".join(asking(f"no-{n}", close=False) for n in range(11)) + asking("no-11")
            got = await send(world.port, asked)
            guesses = [int(part[:3]) for part in got.data.split(b"HTTP/1.1 ")[1:]]
        assert guesses == [status] * 10 + [429] * 2
        told = await send(world.port, asking(right))

        assert told.status == 429
        assert told.field("retry-after") == "60"
        assert (await send(world.port, known)).status == 200
        assert len(world.upstream.seen) == 2


async def test_who_shows_no_key_is_not_guessing():
    """Callers without any key are refused as often as they come, and do not keep others out."""
    async with relay([OK], listen={"client_keys": (Secret("client-key"),)}) as world:
        offer = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="]
        handshake = get("/v1/realtime", *offer, "Sec-WebSocket-Protocol: realtime")
        refused = [(await send(world.port, one)).status for one in [post(b"{}"), handshake] * 12]

        assert set(refused) == {401}
        assert (await send(world.port, post(b"{}", "/v1/x", "Authorization: Bearer client-key"))).status == 200


async def test_a_replacing_key_replaces():
    """`api_key_mode = "replace"` sends ours whatever the client brought; another header name carries it bare."""
    options = {"api_key": Secret("up-key"), "api_key_mode": "replace", "api_key_header": "api-key"}
    async with relay([OK], upstream=options) as world:
        await send(world.port, post(b"{}", "/v1/chat/completions", "api-key: mine", "Authorization: Bearer mine"))

        seen = {k.lower(): v for k, v in world.upstream.seen[0].fields()}
        assert seen["api-key"] == "up-key"
        assert "authorization" not in seen
