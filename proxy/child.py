"""The recorder process, as the relay process sees it, and the other way round.

    relay ── stdin: its settings, then lines `status <n>`, `told <n> <JSON>`, `drain` ──► recorder
          ◄── stdout: JSON lines {"ready": …}, {"status": n, …}, {"asks": n} ────────────

The recorder ends when its stdin does, so it never outlives the relay. When it dies it is started again, at once and
then ever slower; the relay serves on meanwhile, and what it journals waits on disk.
"""

from __future__ import annotations

import asyncio
import base64
import os
import pickle
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from .questions import Questions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

_log = structlog.get_logger("teelog")

#: A recorder that lived for so long is started again at once; one that did not waits, doubling up to this.
_HEALTHY_SECONDS = 10.0
_SHORTEST_WAIT, _LONGEST_WAIT = 0.05, 5.0
_LINE_LIMIT = 1024 * 1024
#: Our own package, wherever we are run from: a folder named `proxy` in the working directory must not be taken for it.
_COMMAND = (
    sys.executable,
    "-P",
    "-c",
    "import sys; sys.path.insert(0, sys.argv.pop()); from proxy.__main__ import main; sys.exit(main(['_recorder']))",
    str(Path(__file__).resolve().parent.parent),
)


@dataclass(frozen=True)
class StartedChild:
    """What one start of the recorder is given."""

    #: Pickled on its way: only this parent writes to that pipe.
    settings: Any
    #: Descriptors that it inherits.
    inherits: tuple[int, ...] = ()
    #: Those of them that are the child's alone, and closed here.
    hands_over: tuple[int, ...] = ()


class Child:
    """
    Keeps one recorder process running.

    Args:
        prepare: Called before each start.
        command: What is run.
        healthy_seconds: How long it must live to count as one that works.

    """

    def __init__(
        self,
        prepare: Callable[[], StartedChild],
        command: Sequence[str] = (),
        healthy_seconds: float = _HEALTHY_SECONDS,
    ) -> None:
        self._prepare = prepare
        self._command = tuple(command) or _COMMAND
        self._healthy_seconds = healthy_seconds
        # what the log has been told of, (exit code, fault), until it is told that all is well again
        self._told: tuple[int, str] | None = None
        self._well: asyncio.TimerHandle | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._questions = Questions()
        self._ending = False
        self._keeper: asyncio.Task[None] | None = None
        self._telling: set[asyncio.Task[None]] = set()
        self.ready = asyncio.Event()
        #: Answers what the recorder asks: how all of it is (its pages show that).
        self.tell: Callable[[], Awaitable[dict[str, Any]]] | None = None
        #: Why it could not start, when it said so.
        self.fault = ""
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """The present process's id; None before the first start."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start it, and go on starting it whenever it dies."""
        self._keeper = asyncio.get_running_loop().create_task(self._keep())

    async def ask(self, patience: float = 2.0) -> dict[str, Any]:
        """What the recorder says of itself; empty when it does not answer in time (seconds)."""
        return await self._questions.ask(lambda number: self._say(f"status {number}\n"), patience)

    async def drain(self, patience: float) -> None:
        """Let it record and deliver what there is, then end it; it is killed when it takes longer (seconds)."""
        self._ending = True
        self._say("drain\n")
        if self._keeper is None:
            return
        ended, _ = await asyncio.wait((self._keeper,), timeout=patience)
        if not ended:
            self.kill()
            await asyncio.wait((self._keeper,))

    def kill(self) -> None:
        """End it now: what it has not made use of stays in the journal."""
        self._ending = True
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
        elif self._keeper is not None:
            self._keeper.cancel()

    def _say(self, line: str) -> None:
        self._write(line.encode("ascii"))

    def _write(self, line: bytes) -> None:
        process = self._process
        if process is not None and process.stdin is not None and not process.stdin.is_closing():
            process.stdin.write(line)

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        wait = _SHORTEST_WAIT
        while not self._over():
            began = loop.time()
            code = await self._lived()
            self.ready.clear()
            if self._well is not None:
                self._well.cancel()
            if self._over():
                return
            wait = next_wait(wait, loop.time() - began, self._healthy_seconds)
            if self._told != (code, self.fault):  # it is tried for ever: one line for each reason
                self._told = (code, self.fault)
                _log.error(
                    "recorder.died", code=code, fault=self.fault or None, hint="it is started again, ever slower"
                )
            await asyncio.sleep(wait)

    def _is_well(self) -> None:
        _log.info("recorder.is_back", starts=self.starts)
        self._told = None

    def _over(self) -> bool:
        """Asked anew each time: it may have become true during any wait."""
        return self._ending

    async def _lived(self) -> int:
        """One life of the recorder; -1 for one that could not begin, for want of descriptors or memory."""
        try:
            return await self._run()
        except OSError as error:
            self.fault = f"the recorder process cannot be started: {error.strerror or error}"
            return -1

    async def _run(self) -> int:
        given = self._prepare()
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                pass_fds=given.inherits,
                limit=_LINE_LIMIT,
            )
        finally:
            for descriptor in given.hands_over:
                os.close(descriptor)
        self._process = process
        self.starts += 1
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(base64.b64encode(pickle.dumps(given.settings)) + b"\n")
        if self._ending:
            self._say("drain\n")
        try:
            while line := await process.stdout.readline():
                self._hear(line)
        except ValueError:  # a line without end: it is not our recorder any more
            process.kill()
        return await process.wait()

    def _hear(self, line: bytes) -> None:
        try:
            message = orjson.loads(line)
        except ValueError:
            return
        if not isinstance(message, dict):
            return
        if "ready" in message:
            self.fault = ""
            self.ready.set()
            if self._told is not None:
                self._well = asyncio.get_running_loop().call_later(self._healthy_seconds, self._is_well)
        elif "fault" in message:
            self.fault = message["fault"]
        elif "status" in message:
            self._questions.answered(message["status"], message)
        elif "asks" in message:
            task = asyncio.get_running_loop().create_task(self._answer(message["asks"]))
            self._telling.add(task)
            task.add_done_callback(self._telling.discard)

    async def _answer(self, number: int) -> None:
        told = {} if self.tell is None else await self.tell()
        self._write(b"told %d %b\n" % (number, orjson.dumps(told, default=str)))


def next_wait(last: float, lived: float, healthy: float = _HEALTHY_SECONDS) -> float:
    """How long a recorder that lived for so long is waited with, after the last wait (seconds)."""
    return _SHORTEST_WAIT if lived > healthy else min(last * 2, _LONGEST_WAIT)


class Parent:
    """The relay process, as the recorder sees it."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._questions = Questions()

    @classmethod
    async def connect(cls) -> Parent:
        """The parent at the other ends of stdin and stdout; signals are its business, not ours."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, lambda: None)
        reader = asyncio.StreamReader(limit=_LINE_LIMIT)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        return cls(reader)

    async def settings(self) -> Any:
        """What this start was given."""
        return pickle.loads(base64.b64decode(await self._reader.readline()))  # noqa: S301 - from our own parent

    def say(self, message: dict[str, Any]) -> None:
        """One line for the parent."""
        try:
            os.write(1, orjson.dumps(message, default=str) + b"\n")
        except OSError:
            pass  # it is gone; `listen` says so

    async def ask(self, patience: float = 3.0) -> dict[str, Any]:
        """How all of it is, as `/status` tells it; empty when the parent does not answer in time (seconds)."""
        return await self._questions.ask(lambda number: self.say({"asks": number}), patience)

    async def listen(self, status: Callable[[], Awaitable[dict[str, Any]]]) -> bool:
        """Answer questions until told to drain (true), or until the parent is gone (false)."""
        while line := await self._reader.readline():
            word, _, rest = line.strip().partition(b" ")
            if word == b"drain":
                return True
            if word == b"told":
                asked, _, told = rest.partition(b" ")
                self._questions.answered(int(asked), orjson.loads(told))
            if word == b"status" and rest.isdigit():
                try:
                    answer = await status()
                except Exception as error:
                    answer = {"error": str(error)}
                self.say({**answer, "status": int(rest)})
        return False
