"""Clients that leave, against the real process: the upstream's work ends with them."""

from __future__ import annotations

import json
import socket
import time

import pytest

from tests.e2e.process import Teelog

#: What is promised; a loaded machine's scheduling comes on top of what is measured.
PROMISED_SECONDS = 0.1

SCENES = {
    "before-the-first-byte": ("silent", True, b""),
    "mid-stream": ("slow", True, b"data: "),
    "plain-json": ("slow", False, b"\r\n\r\n{"),
}


@pytest.mark.parametrize("name", SCENES)
def test_the_upstream_is_cancelled_when_its_client_has_gone(tmp_path, upstream, name):
    """The upstream sees the cancel soon after the client's connection has ended, and the exchange is kept as cut."""
    scene, stream, awaited = SCENES[name]
    with Teelog(tmp_path, upstream.url) as teelog:
        delays = []
        for _ in range(5):
            upstream.arrived.clear()
            upstream.cancelled.clear()
            leave(teelog.port, scene, stream=stream, awaited=awaited, arrived=upstream.arrived)
            left = time.monotonic()
            assert upstream.cancelled.wait(5)
            delays.append(upstream.gone[-1] - left)

        print(f"{name}: cancelled after {max(delays) * 1000:.1f} ms at most, {min(delays) * 1000:.1f} ms at least")
        # the best of five is the relay's own time; the others may have waited for a processor
        assert min(delays) < PROMISED_SECONDS
        outcomes = teelog.until(
            lambda: (o := teelog.status()["relay"]["outcomes"]).get("interrupted_client") == 5 and o
        )
        assert outcomes == {"interrupted_client": 5}


def leave(port: int, scene: str, *, stream: bool, awaited: bytes, arrived) -> None:
    """Ask, wait until the answer has come so far, and go."""
    body = json.dumps({"model": "m", "stream": stream, "messages": [{"role": "user", "content": "hello"}]}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"x-test-scene: {scene}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(head.encode() + body)
        assert arrived.wait(5)
        got = b""
        while awaited not in got:
            got += client.recv(65536)
