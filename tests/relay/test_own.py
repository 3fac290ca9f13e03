"""The proxy's own endpoints: what they answer, to whom, and what they store."""

from __future__ import annotations

import json

import pytest

from proxy.config import Secret
from proxy.core.exchange import ANYBODY, Note
from tests.raw import Pieces, send
from tests.relay.conftest import HeldJournal, relay

OK = Pieces([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])
KEY = "Authorization: Bearer analytics-key"


def ask(method: str, path: str, *fields: str, body: bytes = b"", host: str = "localhost") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *fields, "Connection: close"]
    if body or method == "POST":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/status", "/metrics"])
async def test_they_are_read_with_get_and_head(path):
    """GET gives an answer, HEAD its head, anything else is a 405; nothing is cached, nothing reaches the upstream."""
    async with relay([OK]) as world:
        got, head, post = [await send(world.port, ask(method, path)) for method in ("GET", "HEAD", "POST")]

        assert (got.status, head.status, post.status) == (200, 200, 405)
        assert got.body
        assert head.body == b""
        assert head.field("content-length") == got.field("content-length")
        assert got.field("cache-control") == "no-store"
        assert world.upstream.seen == []


#: Host, more fields, allowed_hosts -> whether /status and /metrics are told without a key, on a loopback connection.
CALLERS = {
    "localhost": ("localhost:8080", (), (), True),
    "an address": ("127.0.0.1:8080", (), (), True),
    "IPv6": ("[::1]:8080", (), (), True),
    "a name that may have been rebound": ("evil.example:8080", (), (), False),
    "an allowed name": ("Chat.example:8080", (), ("chat.example",), True),
    "through a proxy": ("localhost", ("X-Forwarded-For: 10.1.2.3",), (), False),
    "through a proxy, by the newer field": ("localhost", ("forwarded: for=10.1.2.3",), (), False),
}


@pytest.mark.parametrize("path", ["/status", "/metrics"])
@pytest.mark.parametrize("name", CALLERS)
async def test_who_is_on_this_machine(name, path):
    """Loopback is not enough: what was forwarded, or came by a name that a page could have, needs the admin key."""
    host, fields, allowed, told = CALLERS[name]
    listen = {"admin_key": Secret("admin-key"), "allowed_hosts": allowed}
    async with relay([OK], listen=listen) as world:
        got = await send(world.port, ask("GET", path, *fields, host=host))
        admin = await send(world.port, ask("GET", path, *fields, "Authorization: Bearer admin-key", host=host))

        assert (got.status, admin.status) == (200 if told else 421 if "evil" in host else 401, 200)
        if not told:
            assert b"listen.admin_key as Authorization: Bearer <key>" in got.body


@pytest.mark.parametrize("host", ["evil.example", "10.1.2.3:8080"])
async def test_probes_may_use_any_name(host):
    """`/livez` and `/readyz` answer by any name, whatever `allowed_hosts` are."""
    async with relay([OK], listen={"allowed_hosts": ("chat.example",)}) as world:
        for path in ("/livez", "/readyz?x=1"):
            assert (await send(world.port, ask("GET", path, host=host))).status == 200


ELSEWHERE = {
    "/azure/chat/completions?x=1": b"no upstream named azure is configured: the base URL of this proxy ends with /v1, or",
    "/chat/completions": b"no upstream named chat is configured: the base URL of this proxy ends with /v1, or",
    "/metric": b"there is no /metric here: the base URL of this proxy ends with /v1",
    "/": b"there is no / here: the base URL of this proxy ends with /v1",
    "/azure": b"there is no /azure here: the base URL of this proxy ends with /v1",
}


@pytest.mark.parametrize("path", ELSEWHERE)
async def test_a_path_of_nobody_is_told_with_what_is_likely_wrong(path):
    """A 404 of ours says that no upstream has that name, or that the base URL lacks its /v1."""
    async with relay([OK]) as world:
        got = await send(world.port, ask("POST", path, body=b"{}"))

        assert got.status == 404
        assert ELSEWHERE[path] in got.body


ACCEPTS = {
    "a browser's": ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
    "curl's": ("*/*", False),
    "none": ("", False),
    "HTML and JSON alike": ("text/html, application/json", False),
    "JSON rather": ("text/html;q=0.5, application/json;q=0.9", False),
    "HTML rather": ("application/json;q=0.5, Text/HTML;q=0.9", True),
    "HTML refused": ("text/html;q=0", False),
    "no number": ("text/html;q=much", False),
}


@pytest.mark.parametrize("name", ACCEPTS)
async def test_status_is_a_page_for_browsers(name):
    """Who asks for HTML by its name, and not for JSON as much, gets the page with its own fields; all others JSON."""
    accept, html = ACCEPTS[name]
    async with relay([OK]) as world:
        got = await send(world.port, ask("GET", "/status", f"Accept: {accept}"))

        assert got.field("content-type") == ("text/html; charset=utf-8" if html else "application/json")
        assert (got.field("x-of-the-page"), got.field("vary")) == ("1" if html else None, "Accept")
        assert got.body.startswith(b"<!doctype" if html else b"{")
        assert got.field("cache-control") == "no-store"


async def test_options_for_the_server_itself():
    """`OPTIONS *` is answered by us."""
    async with relay([OK]) as world:
        got = await send(world.port, ask("OPTIONS", "*"))

        assert (got.status, got.body) == (204, b"")


FEEDBACK = {"type": "positive", "messageId": "m1", "reasons": [{"label": "clear"}]}
EVENT = {"type": "message:copied", "entityType": "message", "messageId": "m1"}


@pytest.mark.parametrize(("path", "body"), [("/feedback", FEEDBACK), ("/events", EVENT)])
async def test_a_note_is_on_disk_before_it_is_answered(path, body):
    """Feedback and events are answered 200 with Inkeep's object, after they were stored."""
    journal = HeldJournal()
    async with relay([OK], journal=journal) as world:
        got = await send(world.port, ask("POST", path, KEY, body=json.dumps(body).encode()))

        answer = json.loads(got.body)
        assert got.status == 200
        assert answer["messageId"] == "m1"
        assert {"id", "type", "createdAt"} <= set(answer)
        (note,) = journal.exchanges
        assert isinstance(note, Note)
        assert (note.kind, note.body, note.tenant) == (path.strip("/").removesuffix("s"), answer, ANYBODY)


async def test_a_client_key_speaks_for_its_tenant():
    """A caller with a client key is kept to its own tenant's messages."""
    async with relay([OK], listen={"client_keys": (Secret("client-key"),)}) as world:
        body = json.dumps(FEEDBACK).encode()
        await send(world.port, ask("POST", "/feedback", "Authorization: Bearer client-key", body=body))

        assert len(world.journal.exchanges[0].tenant) == 16


async def test_a_client_key_without_a_tenant_speaks_for_itself_alone():
    """Where a header tells tenants apart, a client key without that header does not speak of anybody's messages."""
    async with relay([OK], listen={"client_keys": (Secret("client-key"),)}, tenant="header:x-team") as world:
        body = json.dumps(FEEDBACK).encode()
        await send(world.port, ask("POST", "/feedback", "Authorization: Bearer client-key", body=body))

        assert world.journal.exchanges[0].tenant == ""


PROBLEMS = {
    "no-key": (("POST", "/feedback"), (), FEEDBACK, 401, "unauthorized"),
    "wrong-key": (("POST", "/feedback"), ("Authorization: Bearer x",), FEEDBACK, 401, "unauthorized"),
    "get": (("GET", "/feedback"), (KEY,), None, 405, None),
    "not-json": (("POST", "/feedback"), (KEY,), "{", 400, "bad_request"),
    "no-message": (("POST", "/feedback"), (KEY,), {"type": "positive"}, 400, "bad_request"),
    "wrong-type": (("POST", "/feedback"), (KEY,), {"type": "great", "messageId": "m"}, 400, "bad_request"),
    "no-entity": (("POST", "/events"), (KEY,), {"type": "x"}, 400, "bad_request"),
    "too-large": (("POST", "/feedback"), (KEY,), FEEDBACK | {"details": "x" * 300_000}, 413, None),
}


@pytest.mark.parametrize("name", PROBLEMS)
async def test_a_wrong_note_is_a_problem(name):
    """What cannot be taken is refused as problem+json with status, detail and code, and nothing is stored."""
    (method, path), fields, body, status, code = PROBLEMS[name]
    raw = b"" if body is None else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    async with relay([OK]) as world:
        got = await send(world.port, ask(method, path, *fields, body=raw))

        problem = json.loads(got.body)
        assert got.status == problem["status"] == status
        assert got.field("content-type") == "application/problem+json"
        assert {"title", "detail", "code", "error"} <= set(problem)
        assert code in (None, problem["code"])
        assert world.journal.entries == []


async def test_a_note_that_cannot_be_stored_is_refused():
    """When the journal is full, the caller is told to try again."""
    journal = HeldJournal()
    journal.full = True
    async with relay([OK], journal=journal) as world:
        got = await send(world.port, ask("POST", "/feedback", KEY, body=json.dumps(FEEDBACK).encode()))

        assert got.status == 503


@pytest.mark.parametrize("origin", ["https://app.example.com", "http://localhost:3000"])
async def test_browsers_of_named_origins_may_call(origin):
    """A preflight of a configured origin, or a page here, is allowed, and its answers may be read; others get nothing."""
    async with relay([OK], listen={"cors_origins": ("https://app.example.com",)}) as world:
        asked = ask("OPTIONS", "/feedback", f"Origin: {origin}", "Access-Control-Request-Method: POST")
        preflight = await send(world.port, asked)
        answer = await send(
            world.port,
            ask("POST", "/feedback", KEY, f"Origin: {origin}", body=json.dumps(FEEDBACK).encode()),
        )
        other = await send(world.port, ask("OPTIONS", "/feedback", "Origin: https://evil.example"))

        assert preflight.status == 204
        assert preflight.field("access-control-allow-origin") == origin
        assert "authorization" in preflight.field("access-control-allow-headers")
        assert answer.field("access-control-allow-origin") == origin
        assert other.status == 403
        assert other.field("access-control-allow-origin") is None


async def test_metrics_are_told_as_what_they_are():
    """`/metrics` has the content type that it was given."""
    async with relay([OK]) as world:
        got = await send(world.port, ask("GET", "/metrics"))

        assert (got.field("content-type"), got.body) == ("text/plain; version=0.0.4", b"# \n")
