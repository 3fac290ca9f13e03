"""A thousand slow clients at once, against the real process as it is by default: nobody else notices, and they go."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.e2e.process import ROOT, Teelog

pytestmark = pytest.mark.slow

#: How many there are of each kind.
KINDS = {"headers": 334, "bodies": 222, "uploads": 111, "reading": 333}
MOST_MB = 60
MOST_SECONDS = 90
#: A healthy client's p99, and what the clock and the neighbours of this machine add to any.
FACTOR, SLACK_MS = 1.5, 0.2
REQUEST = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"


@contextmanager
def running(module: str, *arguments: str):
    """A module of these tests as a process; gives the first line it prints."""
    command = [sys.executable, "-m", f"tests.e2e.{module}", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as process:
        try:
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def peak_mb(pid: int) -> float:
    """The most memory that a process has held since it was last asked to forget that."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


def forget_peak(pid: int) -> float:
    """Begin to measure anew (`man 5 proc_pid_clear_refs`); what it holds now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return peak_mb(pid)


def sockets(pid: int) -> int:
    """How many a process has open."""
    return sum(os.readlink(one).startswith("socket:") for one in Path(f"/proc/{pid}/fd").iterdir() if one.exists())


def p99_ms(port: int, windows: int = 6, requests: int = 400) -> float:
    """A healthy client's 99th percentile, in the best of some windows: the others may have waited for a processor."""
    found = []
    with socket.create_connection(("127.0.0.1", port)) as client:
        for _ in range(windows):
            times = []
            for _ in range(requests):
                began = time.perf_counter()
                client.sendall(REQUEST)
                assert client.recv(65536).startswith(b"HTTP/1.1 200 ")
                times.append(time.perf_counter() - began)
            found.append(sorted(times)[requests * 99 // 100] * 1000)
    return min(found)


def test_a_thousand_slow_clients_cost_nobody_anything(tmp_path):
    """With 1,000 clients that drip their heads and bodies or hardly read, memory and a healthy client's times hardly grow."""
    with (
        running("flood") as upstream,
        Teelog(tmp_path, f"http://127.0.0.1:{upstream}/v1") as teelog,
        ExitStack() as stack,
    ):
        pids = teelog.pids()[:2]
        p99_ms(teelog.port, windows=2)
        quiet = p99_ms(teelog.port)
        before, open_before = [forget_peak(pid) for pid in pids], sockets(pids[0])
        for kind, count in KINDS.items():
            assert stack.enter_context(running("attackers", str(teelog.port), kind, str(count))) == "ready"
        began = time.monotonic()
        teelog.until(lambda: sockets(pids[0]) > open_before + sum(KINDS.values()) + KINDS["reading"])
        most = sockets(pids[0])
        busy = p99_ms(teelog.port)
        while sockets(pids[0]) > open_before + 2 and time.monotonic() - began < MOST_SECONDS + 30:
            time.sleep(0.5)
        took = time.monotonic() - began
        grown = [peak_mb(pid) - was for pid, was in zip(pids, before, strict=True)]

    print(
        f"{sum(KINDS.values())} slow clients, {most - open_before} sockets: p99 of a healthy one {quiet:.2f} ms before, "
        f"{busy:.2f} ms with them; memory +{grown[0]:.0f} MB relay, +{grown[1]:.0f} MB recorder; all closed after {took:.0f} s"
    )
    assert max(grown) <= MOST_MB
    assert busy <= quiet * FACTOR + SLACK_MS
    assert took <= MOST_SECONDS
