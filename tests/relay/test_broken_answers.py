"""Two hundred answers that are cut or are no HTTP: none is taken for whole, and nothing follows one on its connection."""

from __future__ import annotations

import gzip
import random
from dataclasses import dataclass

import h11
import pytest

from tests.raw import Got, Pieces, chunked, post, send
from tests.relay.conftest import HeldJournal, relay

pytestmark = pytest.mark.usefixtures("way")

SEED = 20_261_122
COUNT = 200
EVENTS = b'data: {"choices":[{"index":0,"delta":{"content":"half"}}]}\n\ndata: {"choices":[]}\n\ndata: [DONE]\n\n'
JSON = b'{"id":"chatcmpl-1","choices":[{"index":0,"message":{"role":"assistant","content":"whole"}}]}'
START = b"HTTP/1.1 200 OK\r\n"
SSE = START + b"Content-Type: text/event-stream\r\n"
CODED = gzip.compress(JSON, mtime=0)
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
OK = Pieces([START + b"Content-Length: 2\r\n\r\n{}"])
WHOLE = {
    "length": START + b"Content-Length: %d\r\n\r\n" % len(JSON) + JSON,
    "chunked": START + CHUNKED + chunked(JSON[:20], JSON[20:]),
    "events": SSE + CHUNKED + chunked(*[part + b"\n\n" for part in EVENTS.split(b"\n\n")[:-1]]),
    "events-with-length": SSE + b"Content-Length: %d\r\n\r\n" % len(EVENTS) + EVENTS,
    "gzip": START + b"Content-Encoding: gzip\r\n" + CHUNKED + chunked(CODED[:30], CODED[30:]),
    "trailers": START + b"Trailer: x-sum\r\n" + CHUNKED + chunked(JSON)[:-2] + b"x-sum: 1\r\n\r\n",
}
#: Where only the connection's end is the answer's.
ENDLESS = SSE + b"\r\n" + EVENTS[:-20]


@dataclass
class Fault:
    """An answer, how it ends, and which it is."""

    name: str
    data: bytes
    cut: str | None = "close"


def cut(rng: random.Random) -> Fault:
    """A whole answer, up to some byte before its end."""
    name = rng.choice([*WHOLE, "close"])
    if name == "close":
        return Fault("reset without length", ENDLESS[: rng.randrange(1, len(ENDLESS))], "reset")
    at = rng.randrange(1, len(WHOLE[name]))
    how = rng.choice(["close", "reset"])
    return Fault(f"{name}, {how} after {at}", WHOLE[name][:at], how)


LENGTHS = [b"+2", b"-1", b"2, 3", b"2,2", b"0x2", b"2 2", b"2;", b"", b"\xb2", b"1e1", b"2.0", b"9" * 20, b"two"]
CODINGS = [
    b"gzip", b"gzip, chunked", b"chunked, gzip", b"chunked, chunked", b"identity", b"xchunked", b"chunked;a=b", b"",
    b"\x0bchunked", b"chunked,", b",chunked", b'"chunked"', b"chunked\r\nTransfer-Encoding: chunked",
]  # fmt: skip
FIELDS = [
    b"X : y", b" X: y", b"X: y\r\n folded", b"X: a\x00b", b"X: a\nb: c", b"X: a\rb", b"X", b": y", b"X\x00: y", b"X\t: y",
    b"(x): y", b"X\xe9: y", b"X: y\r\r\nZ: z", b"\x0bX: y", b"X:y\n", b"Content-Length: 2\r\nContent-Length: 3",
    b"Content-Length: 2\r\nTransfer-Encoding: chunked", b"X: " + b"y" * 70_000,
]  # fmt: skip
LINES = [
    b"HTTP/2 200", b"HTTP/1.1  200 OK", b"HTTP/1.1 20 OK", b"HTTP/1.1 2000 OK", b"HTTP/1.1 099 OK", b"HTTP/1.1 OK", b"http/1.1 200 OK",
    b" HTTP/1.1 200 OK", b"HTTP/1.12 200 OK", b"HTTP/1.1 200 O\x00K", b"HTTP/1.1 200 OK\rX", b"HTTP/1.1\t200 OK", b"ICY 200 OK",
    b"HTTP/1.1 101 Switching Protocols", b"\r\nHTTP/1.1 200 OK", b"HTTP/1.1 +20 OK", b"HTTP/0.9 200 OK", b"<html>", b"SSH-2.0-x",
    b"HTTP/1.1 200\x0bOK\nX: y",
]  # fmt: skip
SIZES = [
    b"zz", b"-5", b"+5", b"0x5", b" 5", b"5 5", b"", b"f" * 16, b"5\n", b"\xb5", b"5;\n", b"5\r", b"5;a\rb", b"1" + b"0" * 20,
    b"5_0", b"5,5", b"5;" + b"x" * 17_000, b"00000000000000005",
]  # fmt: skip
TAILS = [
    b"5\r\nhello0\r\n\r\n", b"5\r\nhelloX\r\n0\r\n\r\n", b"5\r\nhello\n0\r\n\r\n", b"5\r\nhello\r0\r\n\r\n", b"5\r\nhel\r\n0\r\n\r\n",
    b"5\r\nhello world\r\n0\r\n\r\n", b"0\r\nX: a\nb\r\n\r\n", b"0\r\n" + b"x: y\r\n" * 6000 + b"\r\n", b"0\n\n", b"0\r\nX: y\n\r\n\r\n",
    b"0\r\n" + b"x" * 17_000,
]  # fmt: skip


def malformed(rng: random.Random) -> Fault:
    """What nobody who reads HTTP/1.1 may take for an answer."""
    kind = rng.choice(["length", "coding", "field", "line", "size", "tail"])
    if kind == "length":
        what = rng.choice(LENGTHS)
        return Fault(f"length {what!r}", START + b"Content-Length: " + what + b"\r\n\r\n{}")
    if kind == "coding":
        what = rng.choice(CODINGS)
        return Fault(f"coding {what!r}", START + b"Transfer-Encoding: " + what + b"\r\n\r\n" + chunked(JSON))
    if kind == "field":
        what = rng.choice(FIELDS)
        data = START + what + b"\r\nContent-Length: 2\r\n\r\n{}"
        return Fault(f"field {what[:40]!r}", data, rng.choice([None, "close"]))
    if kind == "line":
        what = rng.choice(LINES)
        return Fault(f"line {what!r}", what + b"\r\nContent-Length: 2\r\n\r\n{}", rng.choice([None, "close"]))
    head = rng.choice([START, SSE]) + CHUNKED + b"".join(b"4\r\ntext\r\n" for _ in range(rng.randrange(3)))
    if kind == "size":
        what = rng.choice(SIZES)
        return Fault(f"chunk size {what[:20]!r}", head + what + b"\r\nhello\r\n0\r\n\r\n")
    what = rng.choice(TAILS)
    return Fault(f"tail {what[:40]!r}", head + what)


def pieces(data: bytes, rng: random.Random) -> list[bytes]:
    """The data in one to four writes."""
    places = sorted({0, len(data), *(rng.randrange(len(data)) for _ in range(rng.randrange(4)))})
    return [data[a:b] for a, b in zip(places, places[1:], strict=False)]


def taken_for_whole(got: Got) -> bool:
    """Whether h11, which reads strictly, finds a whole answer of the upstream's."""
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=1 << 20)
    client.send(h11.Request(method="POST", target="/", headers=[("host", "p"), ("content-length", "0")]))
    client.send(h11.EndOfMessage())
    client.receive_data(got.data)
    client.receive_data(b"")
    try:
        while True:
            event = client.next_event()
            if type(event) is h11.Response and event.status_code in (502, 504):
                return False
            if type(event) is h11.EndOfMessage:
                return not got.reset
            if event is h11.NEED_DATA or type(event) is h11.ConnectionClosed:
                return False
    except h11.RemoteProtocolError:
        return False


async def test_no_broken_answer_is_taken_for_whole():
    """The client sees each as a 502 or as cut, the record says so, and the next request has a connection of its own."""
    rng = random.Random(SEED)
    faults = [(cut if number % 2 else malformed)(rng) for number in range(COUNT)]
    script = [one for fault in faults for one in (Pieces(pieces(fault.data, rng), cut=fault.cut), OK)]
    journal, wrong = HeldJournal(), []
    async with relay(script, journal=journal) as world:
        for number, fault in enumerate(faults):
            got = await send(world.port, post(b"{}"))
            after = await send(world.port, post(b"{}"))
            exchange = journal.exchanges[2 * number]
            ended = (
                b"data: [DONE]\n\n" in fault.data
            )  # all that an exchange holds has come: what is cut is only its frame
            told = exchange.interrupted == "upstream" or exchange.status == 502 or ended
            if taken_for_whole(got) or not told or (after.status, after.body) != (200, b"{}"):
                wrong.append((fault.name, got.data[:200], got.reset, exchange.interrupted, exchange.status))
        seen = [one.connection for one in world.upstream.seen]

    assert wrong == []
    assert len(seen) == 2 * COUNT
    assert all(seen[2 * number] != seen[2 * number + 1] for number in range(COUNT))


STRAY = {
    "another-answer": b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
    "a-byte": b"x",
    "a-line": b"\r\n",
    "an-event": b"data: [DONE]\n\n",
}


@pytest.mark.parametrize("name", STRAY)
@pytest.mark.parametrize("framing", WHOLE)
async def test_what_stands_behind_an_answer_poisons_nobody(framing, name):
    """Bytes behind a whole answer reach no client, at once or a moment later, and end the connection that they came on."""
    whole, stray = WHOLE[framing], STRAY[name]
    script = [Pieces([whole + stray]), OK, Pieces([whole, stray]), OK]
    async with relay(script) as world:
        answers = [await send(world.port, post(b"{}")) for _ in script]

        body = whole.partition(b"\r\n\r\n")[2]
        assert [got.body for got in answers] == [body, b"{}", body, b"{}"]
        connections = [one.connection for one in world.upstream.seen]
        assert connections[0] != connections[1] == connections[2] != connections[3]
