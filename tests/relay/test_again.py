"""A head that comes again: what is taken for one is what the parser would have made of it."""

from __future__ import annotations

import asyncio
import random

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpRequestParser
from hypothesis import given
from hypothesis import strategies as st

from proxy.relay.again import head_again
from tests.raw import Pieces, chunked, post
from tests.relay.conftest import until
from tests.relay.test_shortcut import answer, opened, read_answer, warm_relay

__all__ = ["warm_relay"]


def parsed(data: bytes):
    """The messages in data, as a new parser reads them; None where it refuses."""
    loop = asyncio.new_event_loop()
    protocol = BaseProtocol(loop)
    protocol._parser = parser = HttpRequestParser(protocol, loop, 2**16, max_headers=100, auto_decompress=False)
    try:
        messages, _, _ = parser.feed_data(data)
    except Exception:
        return None
    finally:
        loop.close()
    return [(one, body.read_nowait(-1) if body.is_eof() else None) for one, body in messages]


def told(message, *, without: str = ""):
    """What a message says, but for the value of one field."""
    fields = [(name, None if name.lower() == without.encode() else value) for name, value in message.raw_headers]
    return message.method, message.path, message.version, fields, message.should_close, message.upgrade, message.chunked


NAMES = st.sampled_from(["Content-Length", "content-length", "CONTENT-LENGTH"])
SPACES = st.sampled_from(["", " ", "  ", "\t", " \t"])
FIELDS = st.lists(
    st.sampled_from([
        "Host: a", "Host: b", "X-A: 1", "X-A: \r\n", "Content-Length: 3", "Transfer-Encoding: chunked", "Expect: 100-continue",
        "Connection: close", "Connection: upgrade", "Upgrade: websocket", "X-Content-Length: 2", "X: Content-Length: 9",
    ]),
    max_size=3,
)  # fmt: skip
BODIES = st.sampled_from([b"", b"{}", b'{"a":1}', b"\r\n\r\n", b"a\r\n\r\nb", b"POST / HTTP/1.1\r\n\r\n", b"x" * 300])


@st.composite
def requests(draw):
    """A request, right or nearly so."""
    body = draw(BODIES)
    length = draw(
        st.sampled_from([str(len(body)), str(len(body)), f"0{len(body)}", f"+{len(body)}", str(len(body) + 1)])
    )
    lines = ["POST /v1/x HTTP/1.1", "Host: x", *draw(FIELDS)]
    lines.insert(draw(st.integers(1, len(lines))), f"{draw(NAMES)}:{draw(SPACES)}{length}{draw(SPACES)}")
    return draw(st.sampled_from([b"", b"\r\n"])) + draw(st.sampled_from(["\r\n", "\r\n", "\n"])).join([*lines, "", ""]).encode() + body  # fmt: skip


@st.composite
def next_ones(draw, first: bytes):
    """What may come behind it: the same with another body and length, and that with a byte changed."""
    head, mark, _ = first.partition(b"\r\n\r\n")
    body = draw(BODIES)
    lines = [
        line[: line.index(b":") + 1] + b" %d" % len(body) if line.lower().startswith(b"content-length:") else line
        for line in head.split(b"\r\n")
    ]
    data = draw(st.sampled_from([first, head + mark + body, b"\r\n".join(lines) + mark + body]))
    if draw(st.booleans()) and data:
        at = draw(st.integers(0, len(data) - 1))
        data = (
            data[:at]
            + draw(st.sampled_from([b"", b"0", b"\r\n", b" ", b":", b"-1"]))
            + data[at + draw(st.integers(0, 1)) :]
        )
    return data + draw(st.sampled_from([b"", b"", b"x", b"\r\n"]))


@given(st.data())
def test_what_is_taken_is_what_the_parser_reads(data):
    """Whatever came before, and whatever comes: what a head is taken for is one whole request, and the parser says the same."""
    first = data.draw(requests())
    messages = parsed(first)
    if messages is None or len(messages) != 1 or messages[0][1] is None:
        return
    ((message, body),) = messages
    length = next(((name, value) for name, value in message.raw_headers if name.lower() == b"content-length"), None)
    line = f"{message.method} {message.path} HTTP/1.".encode()
    again = None if length is None else head_again(first, line, len(message.raw_headers), len(body), *length)
    if again is None:
        return
    assert again.split(first) == (length[1], body)

    second = data.draw(next_ones(first))
    if (found := again.split(second)) is not None:
        digits, rest = found
        ((other, other_body),) = parsed(second)
        assert told(other, without="content-length") == told(message, without="content-length")
        assert dict(other.raw_headers)[length[0]] == digits
        assert other_body == rest


@pytest.mark.parametrize(
    "first",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2 \r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: x\nContent-Length: 2\n\n{}\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["a-space-behind", "bare-line-feeds", "twice", "none"],
)
def test_what_is_not_plain_is_the_parsers(first):
    """A head whose length, or whose end, does not stand there plainly is never taken for one that comes again."""
    fields = first.count(b":")
    assert head_again(first, b"POST / HTTP/1.", fields, 2, b"Content-Length", b"2") is None


VICTIM = b"POST /v1/victim HTTP/1.1\r\nHost: p\r\nContent-Length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    ("begun", "rest", "expected"),
    [
        ("P", VICTIM[1:], ["/v1/chat/completions", "/v1/victim"]),
        ("POST /v1/victim HTTP/1.1\r\nX-Evil: ", VICTIM, ["/v1/chat/completions", "/v1/victim", "/v1/victim"]),
        ("POST /v1/evil HTTP/1.1\r\nX-Evil: ", VICTIM, ["/v1/chat/completions", "/v1/evil", "/v1/victim"]),
    ],
    ids=["in-the-first-line", "in-a-field-like-it", "in-a-field"],
)
async def test_the_beginning_of_a_head_behind_a_request(begun, rest, expected, warm_relay):
    """What ends a head that began behind another request goes upstream, by itself, as what it is, or not at all."""
    async with warm_relay([Pieces([answer()])]) as world:
        reader, writer = await opened(world)
        for data in (post(b"{}", close=False) + begun.encode(), rest, rest):
            writer.write(data)
            await read_answer(reader)
        writer.close()

        assert [one.target for one in world.upstream.seen] == expected
        assert not any("X-Evil" in dict(one.fields()) for one in world.upstream.seen[2:])


class Asked:
    """A parser that tells how often it is asked."""

    def __init__(self, parser):
        self._parser, self.times = parser, 0

    def __getattr__(self, name):
        return getattr(self._parser, name)

    def feed_data(self, data):
        self.times += 1
        return self._parser.feed_data(data)


async def test_a_head_is_parsed_once(warm_relay):
    """Of ten requests with one head the parser reads the first, and one that is different; all go upstream as they are."""
    bodies = [b'{"n":%d}' % (10**number) for number in range(10)]
    async with warm_relay([Pieces([answer()])]) as world:
        reader, writer = await opened(world)
        writer.write(post(bodies[0], close=False))
        await read_answer(reader)
        (shortcut,) = (one._shortcut for one in world.server.connections)
        shortcut._parser = asked = Asked(shortcut._parser)
        for body in bodies[1:]:
            writer.write(post(body, close=False))
            await read_answer(reader)
        assert asked.times == 0
        writer.write(post(b"{}", "/v1/chat/completions", "X-Other: 1", close=False))
        await read_answer(reader)
        writer.close()

        assert asked.times == 1
        assert [seen.body for seen in world.upstream.seen] == [*bodies, b"{}"]
        assert [exchange.request for exchange in world.journal.exchanges] == [*bodies, b"{}"]


@pytest.mark.parametrize("cut", ["in the head", "in the body before it"])
async def test_half_a_head_is_no_head(cut, warm_relay):
    """A read that ended a request, and began with the rest of another read, is refused when it comes by itself."""
    body = b'{"n":1}'
    whole = post(body, close=False)
    async with warm_relay([Pieces([answer()])]) as world:
        reader, writer = await opened(world)
        if cut == "in the head":
            first, again, bodies = whole[:40], whole[40:], [body]
        else:
            first, again, bodies = whole[:-3], whole[-3:] + post(b"{}", close=False), [body, b"{}"]
        await _send(world, writer, first + again, len(first))
        for _ in bodies:
            assert (await read_answer(reader))[0].startswith(b"HTTP/1.1 200 ")
        writer.write(again)

        assert (await read_answer(reader))[0].startswith(b"HTTP/1.1 400 ")
        writer.close()
        assert [seen.body for seen in world.upstream.seen] == bodies


def in_turn(rng: random.Random, number: int) -> bytes:
    """A request of one of a few heads and many bodies."""
    body = (
        rng.choice(
            [b'{"n":%d}', b"\r\n\r\n%d", b"POST /v1/other HTTP/1.1\r\nContent-Length: %d\r\n\r\n", b"%d" + b"x" * 400]
        )
        % number
    )
    match rng.randrange(6):
        case 0:
            return post(body, "/v1/chat/completions", "X-Other: 1", close=False)
        case 1:
            head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: proxy.test\r\nTransfer-Encoding: chunked\r\n\r\n"
            return post(body, close=False) if rng.random() < 0.7 else head + chunked(body)
        case _:
            return post(body, close=False)


@pytest.mark.parametrize("seed", range(12))
async def test_however_requests_are_cut(seed, warm_relay):
    """Requests of like and unlike heads, whole, in two reads or behind each other, all go upstream as they were sent."""
    rng = random.Random(seed)
    async with warm_relay([Pieces([answer()])]) as world:
        sent: list[bytes] = []
        reader = writer = None
        while len(sent) < 40:
            if writer is None:
                reader, writer = await opened(world)
            some = [in_turn(rng, len(sent) + one) for one in range(1 + (rng.random() < 0.2))]
            sent += some
            data = b"".join(some)
            await _send(world, writer, data, rng.randrange(1, len(data)) if rng.random() < 0.4 else len(data))
            for one in some:
                head, _ = await read_answer(reader)
                assert head.startswith(b"HTTP/1.1 200 ")
                if b"Transfer-Encoding" in one.partition(b"\r\n\r\n")[0]:  # nothing is read behind chunks
                    writer.close()
                    writer = None
                    del sent[sent.index(one) + 1 :]
                    break
        if writer is not None:
            writer.close()

        expected = [(b"X-Other" in one.partition(b"\r\n\r\n")[0], _body(one)) for one in sent]
        seen = [("X-Other" in dict(one.fields()), one.body) for one in world.upstream.seen]
        assert seen == expected


async def _send(world, writer, data: bytes, cut: int) -> None:
    """In two writes, the second once something has come of the first."""
    before, shortcuts = len(world.upstream.seen), [one._shortcut for one in world.server.connections]
    writer.write(data[:cut])
    if cut < len(data):
        await until(lambda: len(world.upstream.seen) > before or any(one.begun or one._in_body for one in shortcuts))
        writer.write(data[cut:])


def _body(request: bytes) -> bytes:
    head, _, body = request.partition(b"\r\n\r\n")
    return body.partition(b"\r\n")[2].rpartition(b"\r\n0\r\n\r\n")[0] if b"chunked" in head else body
