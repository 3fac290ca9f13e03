"""What the upstream sends is what the client gets, and the other way round."""

from __future__ import annotations

import gzip
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.raw import Pieces, chunked, post, send
from tests.relay.conftest import relay

pytestmark = pytest.mark.usefixtures("way")

EVENTS = {
    "plain": b'data: {"choices":[]}\n\ndata: [DONE]\n\n',
    "comments": b": OPENROUTER PROCESSING\n\n: keep-alive\n\ndata: {}\n\ndata: [DONE]\n\n",
    "crlf": b'data: {"a":1}\r\n\r\ndata: [DONE]\r\n\r\n',
    "no-done": b'data: {"choices":[{"delta":{"content":"x"}}]}\n\n',
    "gzip": gzip.compress(b"data: {}\n\ndata: [DONE]\n\n"),
    "error-mid-stream": b'data: {"a":1}\n\ndata: {"error":{"message":"boom"}}\n\n',
    "ten-megabytes": b"data: " + b"x" * 10_000_000 + b"\n\ndata: [DONE]\n\n",
    "after-done": b"data: [DONE]\n\ndata: {}\n\n",
    "done-in-a-text": b'data: {"t":"say data: [DONE] please"}\n\ndata: [DONE]\n\n',
    "responses": b'event: response.completed\ndata: {"type":"response.completed"}\n\n',
    "empty": b"",
}
FRAMINGS = ("chunked", "length", "close")


def framed(body: bytes, framing: str, rng: random.Random, *extra: bytes) -> bytes:
    """A whole answer."""
    head = [b"HTTP/1.1 200 OK", b"Content-Type: text/event-stream", b"Server: up/1", b"x-request-id: req_1", *extra]
    if framing == "length":
        head.append(b"Content-Length: %d" % len(body))
    if framing == "chunked":
        head.append(b"Transfer-Encoding: chunked")
        body = chunked(*cut(body, rng, 8))
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def cut(data: bytes, rng: random.Random, pieces: int) -> list[bytes]:
    """Data cut at random places; no empty piece."""
    places = sorted({0, len(data), *(rng.randrange(len(data) + 1) for _ in range(pieces))})
    return [data[a:b] for a, b in zip(places, places[1:], strict=False) if a < b]


def undo(got, framing: str) -> bytes:
    """The body a client reads; fails when the framing is broken."""
    if framing != "chunked":
        return got.body
    out, rest = [], got.body
    while True:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        if length == 0:
            assert rest == b"\r\n"
            return b"".join(out)
        out.append(rest[:length])
        assert rest[length : length + 2] == b"\r\n"
        rest = rest[length + 2 :]


@pytest.mark.parametrize("framing", FRAMINGS)
@pytest.mark.parametrize("name", EVENTS)
async def test_streams_pass_byte_for_byte(name, framing):
    """Every kind of stream, in every framing, cut at random places, comes out as it went in, and is recorded whole."""
    rng = random.Random(f"{name} {framing}")
    extra = [b"Content-Encoding: gzip"] if name == "gzip" else []
    whole = framed(EVENTS[name], framing, rng, *extra)
    script = Pieces(cut(whole, rng, 12), cut="close" if framing == "close" else None)
    async with relay([script], limit=1 << 26) as world:
        got = await send(world.port, post(b'{"stream":true}'))
        body = undo(got, framing)
        assert body == EVENTS[name]
        # chunk framing too is the upstream's own
        assert got.body == whole.partition(b"\r\n\r\n")[2]
        recorded = world.journal.exchanges[0].answer
        assert EVENTS[name].startswith(recorded)
        ends = (b"data: [DONE]\n", b"data: [DONE]\r", b'"response.completed"}\n\n')
        assert recorded == EVENTS[name] or any(end in recorded for end in ends) or recorded.endswith(b"[DONE]")


@pytest.mark.parametrize("framing", FRAMINGS)
async def test_byte_by_byte(framing):
    """An answer that comes in single bytes is the same."""
    whole = framed(EVENTS["crlf"], framing, random.Random(1))
    pieces = [whole[i : i + 1] for i in range(len(whole))]
    async with relay([Pieces(pieces, cut="close" if framing == "close" else None)]) as world:
        got = await send(world.port, post(b"{}"))

        assert undo(got, framing) == EVENTS["crlf"]


async def test_an_http10_client_gets_no_chunks():
    """A client of HTTP/1.0 gets a chunked answer without its framing, and the connection's end as the end."""
    whole = framed(EVENTS["comments"], "chunked", random.Random(2))
    async with relay([Pieces(cut(whole, random.Random(3), 9))]) as world:
        got = await send(world.port, post(b"{}", version="1.0"))

        assert got.body == EVENTS["comments"]
        assert got.field("transfer-encoding") is None


TOKEN = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", min_size=1, max_size=12)
VALUE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=30)
RESERVED = {
    "host", "connection", "keep-alive", "proxy-connection", "proxy-authorization", "proxy-authenticate", "te",
    "trailer", "transfer-encoding", "upgrade", "content-length", "expect", "content-type", "content-encoding",
}  # fmt: skip
FIELDS = st.lists(
    st.tuples(TOKEN.map(lambda t: "x-" + t), VALUE).filter(
        lambda f: f[0].lower() not in RESERVED and not f[0].lower().startswith("x-teelog-")
    ),
    max_size=6,
)
TARGET = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_~!$&'()*+,;=:@", min_size=1, max_size=20)
QUERY = st.text("abc=&+-_.~%2F?/:@", max_size=20).map(lambda q: q.replace("%", "%25"))


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_requests_and_answers(event_loop_runner, data):
    """Random valid requests and answers come out as they went in: heads (but for the listed fields), targets, bodies."""
    event_loop_runner(scene(data.draw))


async def scene(draw) -> None:
    """Fifty exchanges through one relay; the whole test runs two thousand."""
    cases = [
        {
            "method": draw(st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])),
            "path": "/v1/" + draw(TARGET) + draw(st.sampled_from(["", "/chat/completions", "/files"])),
            "query": draw(st.one_of(st.none(), QUERY)),
            "fields": draw(FIELDS),
            "body": draw(st.binary(max_size=200)),
            "chunked": draw(st.booleans()),
            "status": draw(st.integers(200, 599)),
            "reason": draw(st.sampled_from(["OK", "", "A Reason"])),
            "answer_fields": draw(FIELDS),
            "answer": draw(st.binary(max_size=300)),
            "framing": draw(st.sampled_from(FRAMINGS)),
            "seed": draw(st.integers(0, 1 << 30)),
        }
        for _ in range(50)
    ]
    script = [answer_of(case) for case in cases]
    async with relay(script) as world:
        for number, case in enumerate(cases):
            await check(world, number, case)


def answer_of(case) -> Pieces:
    """The upstream's part of a case."""
    rng = random.Random(case["seed"])
    body = case["answer"] if case["status"] not in (204, 304) else b""
    head = [f"HTTP/1.1 {case['status']} {case['reason']}".rstrip(), *(f"{k}: {v}" for k, v in case["answer_fields"])]
    framing = case["framing"] if case["status"] not in (204, 304) else "length"
    case["framing"] = framing
    if framing == "length" and case["status"] not in (204, 304):
        head.insert(rng.randrange(1, len(head) + 1), f"Content-Length: {len(body)}")
    if framing == "chunked":
        head.append("Transfer-Encoding: chunked")
        body = chunked(*cut(body, rng, 4))
    case["sent"], case["sent_body"] = head, body
    whole = "\r\n".join(head).encode() + b"\r\n\r\n" + body
    return Pieces(cut(whole, rng, 3), cut="close" if framing == "close" else None)


async def check(world, number: int, case) -> None:
    """One exchange, both ways."""
    target = case["path"] + ("" if case["query"] is None else "?" + case["query"])
    lines = [f"{case['method']} {target} HTTP/1.1", "Host: proxy.test", *(f"{k}: {v}" for k, v in case["fields"])]
    body = case["body"]
    if case["chunked"]:
        lines.append("Transfer-Encoding: chunked")
        body = chunked(*cut(body, random.Random(case["seed"]), 3))
    elif body or case["method"] == "POST":
        lines.append(f"Content-Length: {len(body)}")
    got = await send(world.port, "\r\n".join([*lines, "Connection: close"]).encode() + b"\r\n\r\n" + body)

    seen = world.upstream.seen[number]
    assert seen.target == target
    assert seen.head.startswith(case["method"].encode() + b" ")
    assert seen.body == case["body"]
    sent = [tuple(line.split(": ", 1)) for line in lines[2:]]
    got_fields = [f for f in seen.fields() if f[0] not in ("Host", "x-teelog-hop")]
    assert sorted(got_fields) == sorted(tuple(f) for f in sent)
    assert [f for f in got_fields if f[0].startswith("x-")] == [f for f in sent if f[0].startswith("x-")]
    lines = got.head.decode("latin-1").split("\r\n")[:-2]
    kept = [line for line in lines if line.partition(":")[0].lower() not in ("x-teelog-id", "connection")]
    assert [line.rstrip() for line in kept if not line.startswith("Transfer-Encoding")] == [
        line.rstrip() for line in case["sent"] if not line.startswith("Transfer-Encoding")
    ]
    assert got.body == case["sent_body"]


@pytest.fixture
def event_loop_runner():
    """Runs a coroutine; hypothesis cannot await."""
    import asyncio

    with asyncio.Runner() as runner:
        yield runner.run
