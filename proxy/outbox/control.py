"""The control socket, `data_dir/control.sock`: both ends of it. The recorder process listens, `teelog outbox` asks.

    ──► one line of JSON, then nothing more              {"verb": "list", "state": "dead"}
    ◄── lines of JSON, the last one {"done": …}          {"line": …} {"line": …} {"done": {"matched": 2, …}}
        or {"error": …}: nothing more was done

Mode 0600 from before it listens: only this user, and root, reach it. One caller is served at a time, each within bounds
of size and time; whatever a stranger sends gets one error line. A socket that cannot be made is a warning: recording goes
on without, and it is tried again. What a killed process has left there is replaced, what somebody removes made anew.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from ..errors import CommandRefused, TeelogError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Answer = Callable[[Mapping[str, Any]], Iterator[dict[str, Any]]]

_log = structlog.get_logger("teelog")

NAME = "control.sock"
#: A request names some thousands of ids at most.
REQUEST_LIMIT = 1024 * 1024
#: A caller that neither asks nor reads for so long is left.
PATIENCE_SECONDS = 10.0
#: What cleans up temporary folders takes sockets, too; a command that is asked meanwhile says that nobody answers.
LOOK_SECONDS = 2.0
#: Reading many failed records again, before the first line comes, may take so long.
ANSWER_SECONDS = 600.0
#: `sun_path` has 108 bytes on Linux, 104 elsewhere, with a zero at its end.
_ADDRESS_LIMIT = 103
_DESCRIPTORS = Path("/proc/self/fd")


class Control:
    """
    Listens in a thread of its own.

    Args:
        folder: The data folder.
        answer: Gives the lines of an answer, the sum last; may raise.
        patience: For a caller's next step, in seconds.
        look: How often it is looked whether the socket's file is still there, in seconds.

    """

    def __init__(
        self, folder: Path, answer: Answer, patience: float = PATIENCE_SECONDS, look: float = LOOK_SECONDS
    ) -> None:
        self._folder = folder
        self._answer = answer
        self._patience = patience
        self._look = look
        self._listening: socket.socket | None = None
        self._ended, self._ending = os.pipe()
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)

    def start(self) -> None:
        """Listen, as soon as that is possible."""
        try:
            self._listening = self._made()
        except OSError as error:
            _log.warning("control.not_listening", path=str(self._folder / NAME), reason=error.strerror or str(error))
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        os.write(self._ending, b".")  # wakes the thread, which closing the socket would not
        self._thread.join(self._patience)
        if self._listening is not None:
            (self._folder / NAME).unlink(missing_ok=True)
            self._listening.close()
        os.close(self._ending)

    def _run(self) -> None:
        ended = False
        while not ended:
            self._see_to_it()
            ended = self._wait(self._listening)
            if not ended and (caller := self._caller()):
                with caller, suppress(OSError):  # one that goes away is nobody's trouble
                    caller.settimeout(self._patience)
                    self._serve(caller)
        os.close(self._ended)

    def _see_to_it(self) -> None:
        """Where there is no socket, or its file was cleaned away, a new one is tried."""
        if self._listening is None or not (self._folder / NAME).exists():
            with suppress(OSError):
                before, self._listening = self._listening, self._made()
                if before is not None:
                    before.close()

    def _made(self) -> socket.socket:
        listening = _listening(self._folder)
        listening.setblocking(False)
        return listening

    def _wait(self, *where: socket.socket | None) -> bool:
        """Until somebody comes, or for a while; whether it is over."""
        poll = select.poll()
        for one in (self._ended, *(one.fileno() for one in where if one)):
            poll.register(one, select.POLLIN)
        return self._ended in dict(poll.poll(self._look * 1000))

    def _caller(self) -> socket.socket | None:
        """Who has come; None: nobody."""
        try:
            return self._listening.accept()[0] if self._listening else None
        except BlockingIOError:
            return None
        except OSError:  # there are no descriptors left for now
            self._wait()
            return None

    def _serve(self, caller: socket.socket) -> None:
        try:
            request = _request(caller)
            last: dict[str, Any] | None = None
            for line in self._answer(request):
                if last is not None:
                    _send(caller, {"line": last})
                last = line
            _send(caller, {"done": last})
        except TeelogError as error:
            _send(caller, {"error": str(error)})
        except OSError:
            raise
        except Exception as error:
            _log.exception("control.failed")
            _send(caller, {"error": f"a fault of teelog's own: {type(error).__name__}; its log says more"})


def ask(folder: Path, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """
    The lines of the answer, the sum last, of the teelog that has a data folder.

    `ConnectionRefusedError`, `FileNotFoundError` where nobody listens, `CommandRefused` with what it refused, or when it
    breaks off: then nobody knows what was done.
    """
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(ANSWER_SECONDS)
        with _address(folder, NAME) as address:
            control.connect(address)
        try:
            control.sendall(orjson.dumps(request) + b"\n")
            with control.makefile("rb") as lines:
                for line in lines:
                    told = orjson.loads(line)
                    if "line" not in told:
                        yield _last(told)
                        return
                    yield told["line"]
        except (OSError, ValueError) as error:
            raise CommandRefused(f"the running teelog broke off: {error}") from error
    raise CommandRefused("the running teelog broke off before the end of its answer")


def _last(told: Mapping[str, Any]) -> dict[str, Any]:
    if "error" in told:
        raise CommandRefused(str(told["error"]))
    done: dict[str, Any] = told["done"]
    return done


def _request(caller: socket.socket) -> Mapping[str, Any]:
    """What a caller asks; `CommandRefused` when it is no request of ours."""
    raw = b""
    while not raw.endswith(b"\n"):
        piece = caller.recv(64 * 1024)
        raw += piece
        if not piece or len(raw) > REQUEST_LIMIT:
            break
    try:
        request = orjson.loads(raw) if len(raw) <= REQUEST_LIMIT else None
    except ValueError:
        request = None
    if not isinstance(request, dict):
        raise CommandRefused(f"a request is one line with a JSON object, of {REQUEST_LIMIT} bytes at most")
    return request


def _send(caller: socket.socket, line: Mapping[str, Any]) -> None:
    caller.sendall(orjson.dumps(line) + b"\n")


# ── the socket's file ───────────────────────────────────────────────────────────────────────────────────────────────


def _listening(folder: Path) -> socket.socket:
    """A socket that listens in a folder; it takes the place of any that lies there."""
    fresh = f"{NAME}.new"
    (folder / fresh).unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX)
    try:
        with _address(folder, fresh) as address:
            listening.bind(address)
        (folder / fresh).chmod(0o600)  # before it listens: until then nobody can connect
        listening.listen(8)
        (folder / fresh).rename(folder / NAME)
    except BaseException:
        listening.close()
        raise
    return listening


@contextmanager
def _address(folder: Path, name: str) -> Iterator[str]:
    """
    A file's address, short enough for a socket: through the folder's descriptor, or from here, where its path is not.

    `OSError` when there is none.
    """
    plain = str(folder / name)
    if _fits(plain):
        yield plain
        return
    if not _DESCRIPTORS.is_dir():
        here = os.path.relpath(plain)
        if not _fits(here):
            raise OSError(
                f"the path of the control socket has over {_ADDRESS_LIMIT} bytes: give data_dir a shorter one"
            )
        yield here
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"{_DESCRIPTORS}/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def _fits(address: str) -> bool:
    return len(os.fsencode(address)) <= _ADDRESS_LIMIT
