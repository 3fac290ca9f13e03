"""A proxy that is measured: started in an empty folder from its line in targets.json, asked, stopped.

In all texts of a line `{port}` and `{analytics}` (free ports), `{upstream}` (the mock's port), `{dir}` (the empty folder),
`{here}` and `{python}` are filled in. Its keys:

    name, cmd     no `cmd`: the mock upstream itself
    files         name -> lines, written into the folder first
    env, cwd      of the process; cwd is the folder where none is given
    headers       sent by the clients
    path          what they ask for; /v1/chat/completions
    port          a fixed one, for a proxy that cannot be told
    wait          seconds until it must answer; 30
    scenarios     it is measured in these alone
    recorder      true: it is teelog, whose recorder process and /status are looked at too
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from procfs import family

HERE = Path(__file__).resolve().parent
PATH = "/v1/chat/completions"
KEY = "sk-bench-0123456789abcdef0123456789abcdef"
#: Of `/status`: what became of deliveries, beside what became of records.
DELIVERIES = {"delivered", "postponed", "buried"}


class NotThere(Exception):
    """Something that the bench needs is missing or does not start; the text says what to do."""


def free_port() -> int:
    """A port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


class Target:
    """
    One running proxy; `with` stops it.

    Args:
        line: Of targets.json.
        upstream: The mock's port.
        folder: Made anew.
        cpu: The CPU that it and its children run on; empty: any.

    """

    def __init__(self, line: dict[str, Any], upstream: int, folder: Path, cpu: str) -> None:
        self.line, self.name = line, line["name"]
        self.path = line.get("path", PATH)
        self.port = upstream if "cmd" not in line else line.get("port") or free_port()
        self.folder = folder
        self.cpu = cpu
        self._words = {
            "port": self.port, "analytics": free_port(), "upstream": upstream, "dir": folder, "here": HERE,
            "python": sys.executable,
        }  # fmt: skip
        self.headers = [self._filled(header) for header in line.get("headers", [])]
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> Target:
        if "cmd" in self.line:
            self._start()
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _filled(self, text: str) -> str:
        for word, value in self._words.items():
            text = text.replace("{" + word + "}", str(value))
        return text

    def _start(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for name, lines in self.line.get("files", {}).items():
            (self.folder / name).write_text(self._filled("\n".join(lines)))
        with (self.folder / "log.txt").open("wb") as log:
            self.process = subprocess.Popen(
                [*pinned(self.cpu), "sh", "-c", self._filled(self.line["cmd"])],
                cwd=self._filled(self.line.get("cwd", "{dir}")),
                env={**os.environ, **{name: self._filled(text) for name, text in self.line.get("env", {}).items()}},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _wait(self) -> None:
        end = time.monotonic() + self.line.get("wait", 30)
        while not self._answers():
            if time.monotonic() > end or (self.process and self.process.poll() is not None):
                raise NotThere(f"{self.name} does not start: see {self.folder / 'log.txt'}")
            time.sleep(0.1)
        if self.recorder:
            self.settle()

    def _answers(self) -> bool:
        body = json.dumps({"model": "m-0-0-1000", "messages": [{"role": "user", "content": "x"}]}).encode()
        sent = dict(header.split(": ", 1) for header in self.headers)
        sent |= {"Content-Type": "application/json", "Authorization": f"Bearer {KEY}"}
        try:
            asked = urllib.request.Request(f"http://127.0.0.1:{self.port}{self.path}", body, sent)
            with urllib.request.urlopen(asked, timeout=5) as answer:
                return b"choices" in answer.read()
        except (OSError, ValueError):
            return False

    def stop(self) -> None:
        """Kill all its processes: nothing of it may run while another target is measured."""
        if self.process is None:
            return
        for pid in self.pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(10)
        shutil.rmtree(self.folder / "data", ignore_errors=True)

    # --- its processes

    @property
    def pids(self) -> list[int]:
        """All of them, the first is the one that was started."""
        return family(self.process.pid) if self.process else []

    @property
    def serving(self) -> list[int]:
        """Those that serve clients: all but the recorder's."""
        return self.pids[:1] if self.recorder else self.pids

    @property
    def recording(self) -> list[int]:
        """The recorder's."""
        return self.pids[1:] if self.recorder else []

    # --- teelog

    @property
    def recorder(self) -> bool:
        return self.line.get("recorder", False)

    @property
    def analytics(self) -> str:
        """The local server's address."""
        return f"http://127.0.0.1:{self._words['analytics']}"

    def _status(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/status", timeout=30) as answer:
            return json.load(answer)

    def not_recorded(self) -> int:
        """How many exchanges were forwarded, but not recorded: no figure is worth anything then."""
        return sum(self._status()["relay"]["not_recorded"].values()) if self.recorder else 0

    def backlog(self) -> int:
        """How many exchanges are not yet recorded, and conversations not yet delivered."""
        status = self._status()
        told = status["recorder"]
        if "sinks" not in told:  # too busy to answer
            return 1
        recorded = sum(count for name, count in told["counters"].items() if name not in DELIVERIES)
        due = sum(sink["depth"] + sink["waiting"] for sink in told["sinks"].values())
        return status["relay"]["journaled"] - recorded + due

    def settled(self) -> bool:
        """Nothing is left to record or to deliver."""
        return self.backlog() == 0

    def settle(self, patience: float = 300) -> None:
        """Wait until that is so, without disturbing it much."""
        end = time.monotonic() + patience
        while not self.settled():
            if time.monotonic() > end:
                raise NotThere(f"{self.name} did not record and deliver within {patience:.0f} s")
            time.sleep(0.25)


def pinned(cpu: str) -> list[str]:
    """What a command begins with to run on these CPUs alone."""
    return ["taskset", "-c", cpu] if cpu else []
