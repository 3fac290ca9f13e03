"""More than anybody wants, against the real process: it goes through byte for byte, and fills no memory."""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import socket
import time

import pytest

from tests.e2e.flood import framed
from tests.e2e.process import Teelog
from tests.e2e.test_slow_clients import forget_peak, peak_mb, running

pytestmark = pytest.mark.slow

MOST_MB = 64
GIB = 1 << 30
_HEAD = "POST /v1/%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: %s\r\n"


def post(path: str, kind: str, *fields: str) -> bytes:
    return (_HEAD % (path, kind) + "".join(f"{field}\r\n" for field in fields) + "\r\n").encode()


def flood(name: str):
    """A chat whose answer is one of the upstream's floods."""

    def request(sent):
        body = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"hi"}]}'
        yield post(f"chat/completions?{name}", "application/json", f"Content-Length: {len(body)}") + body

    return request


def upload(sent):
    block = random.Random(1).randbytes(1 << 20)
    yield post("files", "application/octet-stream", f"Content-Length: {GIB}")
    for _ in range(GIB >> 20):
        sent.update(block)
        yield block


def tiny(path: str):
    """A JSON body in 100,000 chunks of a byte."""

    def request(sent):
        yield post(path, "application/json", "Transfer-Encoding: chunked")
        text = b'{"model":"m","messages":[{"role":"user","content":"' + b"a" * 99_940 + b'"}]}'
        sent.update(text)
        for at in range(0, len(text), 1000):
            yield b"".join(b"1\r\n%c\r\n" % byte for byte in text[at : at + 1000])
        yield b"0\r\n\r\n"

    return request


def coded(sent):
    """A gzip body that becomes a thousand times its size."""
    text = b'{"model":"m","messages":[{"role":"user","content":"' + b"a" * 200_000_000 + b'"}]}'
    body = gzip.compress(text, mtime=0)
    sent.update(body)
    yield post("chat/completions", "application/json", "Content-Encoding: gzip", f"Content-Length: {len(body)}") + body


tiny_file = tiny("files")
#: Who is not for the recorder.
NOT_RECORDED = (upload, tiny_file)
#: What is sent, and the flood that is answered with; none: the upstream tells what it got.
BOMBS = {
    "gzip-answer-1:1000": (flood("gzip"), "gzip"),
    "gzip-request-1:1000": (coded, None),
    "upload-of-1-GiB": (upload, None),
    "line-of-100-MB": (flood("line"), "line"),
    "1,000,000-events": (flood("events"), "events"),
    "1,000,000-small-events-recorded": (flood("short"), "short"),
    "100,000-tiny-chunks": (flood("tiny"), "tiny"),
    "100,000-tiny-chunks-up": (tiny_file, None),
    "100,000-tiny-chunks-up-recorded": (tiny("chat/completions"), None),
}


class Got:
    """An answer of any size: its head, its body's digest, and how the body ends."""

    def __init__(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            part = client.recv(1 << 18)
            assert part, "no answer"
            head += part
        self.head, _, part = head.partition(b"\r\n\r\n")
        digest, self.end, self.size = hashlib.sha256(), b"", 0
        part = part or client.recv(1 << 18)
        while part:
            digest.update(part)
            self.size += len(part)
            self.end = (self.end + part)[-1000:]
            part = client.recv(1 << 18)
        self.digest = digest.hexdigest()


def exchanged(port: int, request) -> tuple[Got, str]:
    """What came, and the digest of what was sent as a body."""
    sent = hashlib.sha256()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        for part in request(sent):
            client.sendall(part)
        return Got(client), sent.hexdigest()


def digest_of(name: str) -> str:
    digest = hashlib.sha256()
    for part in framed(name):
        digest.update(part)
    return digest.hexdigest()


def told(one: Teelog) -> int:
    """How many exchanges are in the journal, or are known to be lost."""
    relay = one.status()["relay"]
    return relay["journaled"] + sum(relay["not_recorded"].values())


def settle(one: Teelog, count: int) -> None:
    """Wait until so many exchanges are told, and the recorder is through with them."""
    one.until(lambda: told(one) == count)
    one.until(lambda: one.status()["journal"]["bytes"] == 0, patience=120)


@pytest.fixture(scope="module")
def teelog(tmp_path_factory):
    with running("flood") as port, Teelog(tmp_path_factory.mktemp("bombs"), f"http://127.0.0.1:{port}/v1") as one:
        exchanged(one.port, flood("tiny"))
        settle(one, 1)
        yield one


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_goes_through_and_fills_nothing(teelog, name):
    """What is sent and answered arrives byte for byte, and neither process holds more than 64 MB for it."""
    request, answer = BOMBS[name]
    pids, count = teelog.pids()[:2], told(teelog)
    before = [forget_peak(pid) for pid in pids]
    began = time.monotonic()
    got, sent = exchanged(teelog.port, request)
    took = time.monotonic() - began
    settle(teelog, count + (request not in NOT_RECORDED))
    grown = [peak_mb(pid) - was for pid, was in zip(pids, before, strict=True)]

    print(f"{name}: {took:.1f} s, {got.size:,} bytes back, +{grown[0]:.0f} MB relay, +{grown[1]:.0f} MB recorder")
    assert got.head.startswith(b"HTTP/1.1 200 ")
    assert got.digest == digest_of(answer) if answer else json.loads(got.end)["sha256"] == sent
    assert max(grown) <= MOST_MB
