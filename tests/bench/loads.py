"""What is asked of a target: the clients' load, and what keeps teelog's recorder at work meanwhile.

`load.c` and `mock.c` are compiled at the first run into the temporary folder ($BENCH_BUILD).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from target import HERE, NotThere, Target, free_port, pinned

if TYPE_CHECKING:
    from collections.abc import Iterator

BUILD = Path(os.environ.get("BENCH_BUILD", tempfile.gettempdir() + "/bench-build"))


@dataclass(frozen=True)
class Load:
    """What `load.c` does: so many clients, each asking again once it is answered, until `requests` or `seconds` are over."""

    clients: int
    requests: int
    seconds: float
    #: Bytes of a whole answer, and of the prompt.
    answer: int = 1000
    prompt: int = 400
    #: Streamed when there are any: chunks of an answer, microseconds between two.
    chunks: int = 0
    gap: int = 0
    #: Milliseconds within which the clients begin.
    ramp: int = 0

    def tiny(self) -> Load:
        """The same in miniature: it shows that all works, and measures nothing."""
        return replace(
            self, clients=min(self.clients, 4), requests=min(self.requests, 20), seconds=min(self.seconds, 5),
            chunks=min(self.chunks, 5), gap=min(self.gap, 2000), ramp=min(self.ramp, 20),
        )  # fmt: skip

    def options(self) -> list[str]:
        """As `load.c` takes them."""
        numbers = {"-c": self.clients, "-n": self.requests, "-d": self.seconds, "-b": self.prompt, "-r": self.ramp}
        words = [word for name, value in numbers.items() for word in (name, str(value))]
        return [*words, "-m", f"m-{self.chunks}-{self.gap}-{self.answer}", *(["-s"] if self.chunks else [])]


def build() -> None:
    """Compile what is older than its source."""
    BUILD.mkdir(parents=True, exist_ok=True)
    for name in ("mock", "load"):
        source, program = HERE / f"{name}.c", BUILD / name
        if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
            continue
        if not shutil.which("cc"):
            raise NotThere("cc is not here: install a C compiler (Debian: apt-get install gcc libc6-dev)")
        subprocess.run(["cc", "-O2", "-o", str(program), str(source)], check=True)


@contextmanager
def upstream(cpu: str) -> Iterator[int]:
    """The mock upstream, and its port."""
    port = free_port()
    process = subprocess.Popen([*pinned(cpu), str(BUILD / "mock"), str(port)])
    try:
        yield port
    finally:
        process.kill()
        process.wait()


def begin(target: Target, load: Load, cpu: str) -> subprocess.Popen:
    """Start a load; its figures come from `result`."""
    command = [*pinned(cpu), str(BUILD / "load"), "-p", str(target.port), "-P", target.path, *load.options()]
    for header in target.headers:
        command += ["-H", header]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def result(process: subprocess.Popen) -> dict[str, Any]:
    """What `load.c` says at its end; times are in microseconds."""
    return json.loads(process.communicate()[0])


def export_command(target: Target) -> list[str]:
    """One export of all conversations, until its end; run where `proxy` can be imported."""
    return [sys.executable, "-m", "proxy", "export", "--data-dir", str(target.folder / "data")]


def pages_command(target: Target) -> list[str]:
    """Every page of the portal, once; a browser is on another machine, and here it gives way from its first moment."""
    return ["nice", "-n", "19", sys.executable, str(HERE / "looking.py"), target.analytics, "k"]


@contextmanager
def repeating(target: Target, command: list[str]) -> Iterator[list[int]]:
    """
    Run a command again and again, on the CPU of the target; the exit codes so far.

    The one that runs at the end is broken off.
    """
    codes: list[int] = []
    over = threading.Event()
    running: list[subprocess.Popen] = []

    def repeat() -> None:
        while not over.is_set():
            running[:] = [
                subprocess.Popen([*pinned(target.cpu), *command], cwd=HERE.parents[1], stdout=subprocess.DEVNULL)
            ]
            codes.append(running[0].wait())

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield codes
    finally:
        over.set()
        while thread.is_alive():
            for process in running:
                process.kill()
            thread.join(0.05)
