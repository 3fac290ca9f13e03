"""What a process may find when it is started."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import closing

import pytest

from tests.e2e.process import ROOT

STREAMS = ("<&-", ">&-", "2>&-")
CLOSED = [pytest.param(" ".join(STREAMS), id="all of them")]
CLOSED += [pytest.param(one, id=one, marks=pytest.mark.slow) for one in STREAMS]


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def health(port: int) -> str:
    """As `/status` says; empty while nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/status", timeout=5) as answer:
            return json.load(answer)["health"]
    except OSError:
        return ""


@pytest.mark.parametrize("closed", CLOSED)
def test_started_without_streams(tmp_path, upstream, closed):
    """Whoever closes stdin, stdout or stderr gets a teelog that serves and records, and ends with exit code 0."""
    port = free_port()
    settings = {
        "TEELOG_DATA_DIR": str(tmp_path / "data"), "UPSTREAM_BASE_URL": upstream.url,
        "TEELOG_LISTEN__PORT": str(port), "TEELOG_ANALYTICS__PORT": "0",
    }  # fmt: skip
    command = ["sh", "-c", f"exec {sys.executable} -m proxy serve {closed}"]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | settings, stderr=subprocess.DEVNULL)
    try:
        for _ in itertools.takewhile(lambda _: health(port) != "green", range(300)):
            assert process.poll() is None
            time.sleep(0.1)
        assert health(port) == "green"
        process.terminate()
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
