"""The real command in real processes: started, asked over its sockets, stopped, and killed without mercy."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
KEY = "an-analytics-key"


def said_on(terminal: int) -> bytes:
    """What a process has still to say to a terminal until it ends; ours is the end of that descriptor."""
    said = b""
    try:
        while piece := os.read(terminal, 4096):
            said += piece
    except OSError:  # how Linux says that the other end of a terminal is closed
        pass
    os.close(terminal)
    return said


class Teelog:
    """One `teelog serve`; ports are chosen by the machine at the first start and kept."""

    def __init__(self, folder: Path, upstream: str, **settings: str) -> None:
        self.folder = folder
        self.log = folder / "log.jsonl"
        self.base_url = self.analytics = ""
        self.process: subprocess.Popen | None = None
        self._settings = {
            "TEELOG_DATA_DIR": str(folder / "data"),
            "UPSTREAM_BASE_URL": upstream,
            "TEELOG_LISTEN__PORT": "0",
            "TEELOG_ANALYTICS__PORT": "0",
            "TEELOG_ANALYTICS__API_KEYS": KEY,
            "TEELOG_LOG__FORMAT": "json",
            **settings,
        }

    def __enter__(self) -> Teelog:
        try:
            return self.start()
        except BaseException:
            self.kill()
            raise

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self, until: str = "teelog.ready") -> Teelog:
        """Start, and return when it is ready, or at another event that tells its addresses."""
        self.folder.mkdir(parents=True, exist_ok=True)
        offset = self.log.stat().st_size if self.log.exists() else 0
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("TEELOG_", "INKEEP_", "UPSTREAM_"))}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "proxy", "serve"], cwd=ROOT, env=environment | self._settings, stderr=log,
                stdout=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip
        told = self.wait_for(until, offset)
        self.base_url, self.analytics = told["base_url"], told.get("analytics") or self.analytics
        self._settings["TEELOG_LISTEN__PORT"] = self.base_url.rsplit(":", 1)[1].partition("/")[0]
        if self.analytics:
            self._settings["TEELOG_ANALYTICS__PORT"] = self.analytics.rsplit(":", 1)[1]
        return self

    @property
    def port(self) -> int:
        return int(self._settings["TEELOG_LISTEN__PORT"])

    def lines(self, offset: int = 0) -> list[dict]:
        """What was logged."""
        with self.log.open("rb") as file:
            file.seek(offset)
            found = []
            for line in file.read().splitlines():
                try:
                    found.append(json.loads(line))
                except ValueError:
                    found.append({"event": "not-json", "text": line.decode("utf-8", "replace")})
            return found

    def wait_for(self, event: str, offset: int = 0, patience: float = 30) -> dict:
        """The first log line of an event."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            for line in self.lines(offset):
                if line.get("event") == event:
                    return line
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise AssertionError(f"no {event} in {self.lines(offset)[-20:]}")

    # --- asking

    def get(self, url: str, key: str = KEY) -> dict:
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def conversations(self) -> list[dict]:
        """Everything in analytics."""
        found, offset = [], 0
        while True:
            page = self.get(f"{self.analytics}/conversations?limit=100&offset={offset}")
            found += page["conversations"]
            offset += 100
            if offset >= page["total"]:
                return found

    def status(self) -> dict:
        return self.get(f"http://127.0.0.1:{self.port}/status")

    def until(self, condition, patience: float = 30):
        """What a condition gives once it is true; it is asked again and again."""
        end = time.monotonic() + patience
        while True:
            value = condition()
            if value or time.monotonic() > end:
                assert value, f"not within {patience} s: {self.lines()[-10:]}"
                return value
            time.sleep(0.05)

    # --- ending

    def pids(self) -> list[int]:
        """The relay process and its children, newest last."""
        found = [self.process.pid]
        for number in found:
            # processes and threads end while they are looked at, also between two steps of a glob
            with suppress(FileNotFoundError, ProcessLookupError):
                for task in Path(f"/proc/{number}/task").glob("*/children"):
                    found += [int(pid) for pid in task.read_text().split()]
        return found

    def recorder_pid(self) -> int:
        return self.pids()[1]

    def kill(self) -> None:
        """`kill -9` for all its processes."""
        if self.process is None:
            return
        for pid in self.pids():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(10)

    def stop(self, patience: float = 30) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(patience)


def transcript(conversation: dict) -> list[tuple]:
    """Who said what, as a client would tell it; tool calls and results included."""
    lines = []
    for message in conversation["messages"]:
        lines.append((message["role"], message["content"]))
        for call in message.get("tool_calls") or ():
            lines.append(("call", call["id"], call["function"]["name"], call["function"]["arguments"]))
        for result in (message.get("properties") or {}).get("toolResults") or ():
            lines.append(("result", result["tool_call_id"], result["content"]))
    return lines
