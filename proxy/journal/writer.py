"""The journal's writing side: a thread that appends what the relay hands it, and tells when it is safe.

    the loop's thread                        the writer thread
    append(capture, done) ──► inbox ──► encode, compress, frame ──► one write for all that waited
    done(stored) ◄── one call on the loop for all of them ◄────────┘ (power: one fdatasync, too)

`append` never waits, and refuses what would make more than `WAITING_BYTES` wait in memory. Every other entry gets its
`done` once, in the order of the appends: `done(True)` when `kill -9` can no longer take it (durability "process"), nor a
power loss ("power"), or when it is in the pipe to the recorder ("memory"); `done(False)` when it was lost, with its reason
counted in `losses`. Exchanges that still go on are saved (`save`, `forget`) when nothing finished waits; those that a
killed run has left are appended at the start. Whatever the disk or an entry does, the thread lives on, and the next entry
is tried again.
"""

from __future__ import annotations

import os
import threading
from collections import Counter, deque
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TypeAlias

from ..core.capture import Capture
from .durability import opened
from .folder import SEGMENT_BYTES, SEGMENT_SECONDS, FolderSink, Limits
from .frame import MARKER_SIZE, frame
from .pipe import PipeSink

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from pathlib import Path

    from ..config import JournalConfig
    from ..core.checkpoint import Part
    from .unfinished import Unfinished

#: What may wait in memory; a disk that stalls for seconds at full speed, then new exchanges are lost, not the machine.
WAITING_BYTES = 64 * 1024**2
#: What an entry weighs besides its bodies: objects and headers.
ENTRY_BYTES = 2 * 1024
#: One write: the first of a batch should not wait long for the last, …
BATCH_BYTES = 1024**2
#: … nor the event loop for the interpreter's lock, which encoding holds and writing lets go (64 times 5 µs).
BATCH_RECORDS = 64
#: Where entries came together last time, the thread is woken for what comes within a millisecond: passing the
#: interpreter's lock between two threads costs more than storing an entry. One that comes alone is not kept waiting.
GATHER_OVER = 2
GATHER_SECONDS = 0.001


#: What is to be stored, who is told, and its weight.
_Entry: TypeAlias = "tuple[Capture | bytes, Callable[[bool], None], int]"


@dataclass(slots=True)
class _Pipe:
    fd: int


class JournalWriter:
    """
    The relay's end of the journal. `append` belongs to the loop's thread; `losses` and the counters to anybody.

    Args:
        folder: Made at `start`, with mode 0700; not touched for durability "memory".
        config: The section.
        loop: Where every `done` is called.
        pipe: For durability "memory": the writing end of the pipe to the recorder. It belongs to the writer.
        segment_bytes: When a segment is finished.
        segment_seconds: When one is finished that is not full.
        reserve: Bytes of the disk that are left free.

    """

    def __init__(
        self,
        folder: Path,
        config: JournalConfig,
        loop: asyncio.AbstractEventLoop,
        *,
        pipe: int | None = None,
        segment_bytes: int = SEGMENT_BYTES,
        segment_seconds: float = SEGMENT_SECONDS,
        reserve: int = 0,
    ) -> None:
        self._folder = folder
        self._config = config
        self._loop = loop
        self._pipe = pipe
        self._limits = Limits(config.max_bytes, segment_bytes, segment_seconds, reserve=reserve)
        self._marker = os.urandom(MARKER_SIZE)
        # Entries wait in `_entries`. The thread is woken by one token for all that one turn of the loop brings: waking it
        # for each would cost more than everything else (the two threads then pass the interpreter's lock to and fro).
        self._entries: deque[_Entry] = deque()
        self._inbox: SimpleQueue[_Pipe | bool] = SimpleQueue()
        self._woken = False
        self._together = 0  # entries in the last batch
        self._thread = threading.Thread(target=self._run, name="teelog-journal", daemon=True)
        self._closed = False
        #: Parts of exchanges that still go on, and ids of those that have ended.
        self._parts: deque[Part | str] = deque()
        self._unfinished: Unfinished | None = None
        self._left: list[Path] = []
        # Each of the two is written by one thread only, so that no lock is needed.
        self._taken = 0
        self._settled = 0
        #: Entries that are stored, and that are lost.
        self.appended = 0
        self.failed = 0
        #: Exchanges that a killed run had left: in the journal now; set aside, for nothing of them could be read.
        self.recovered = self.unreadable = 0
        #: How many entries were lost, by reason; a new mapping after every loss.
        self.losses: dict[str, int] = {}
        #: Of each reason the newest: its id (a note has none here) and its bytes; a new mapping after every loss.
        self.newest_lost: dict[str, tuple[str, int]] = {}

    def __repr__(self) -> str:
        return f"<JournalWriter appended={self.appended} failed={self.failed} waiting={self.bytes_waiting}>"

    @property
    def bytes_waiting(self) -> int:
        """What waits in memory."""
        return self._taken - self._settled

    def start(self) -> None:
        """Begin a segment and start the thread; `StartError` when the folder cannot be used. A full disk can."""
        self._sink = opened(self._config, self._folder, self._marker, self._limits, self._pipe)
        if isinstance(self._sink, FolderSink):
            self._unfinished, self._left = self._sink.unfinished, self._sink.unfinished.left
        self._thread.start()

    def append(self, entry: Capture | bytes, done: Callable[[bool], None]) -> bool:
        """
        Take an exchange, or the payload of a note. Never waits.

        False: refused, too much is waiting, or the journal is closed; `done` is not called then. A single entry is
        taken whatever its size when nothing waits.
        """
        size = ENTRY_BYTES
        size += len(entry) if isinstance(entry, bytes) else len(entry.request) + sum(map(len, entry.pieces))
        waiting = self._taken - self._settled
        if self._closed or (waiting and waiting + size > WAITING_BYTES):
            return False
        self._taken += size
        self._entries.append((entry, done, size))
        self._call()
        return True

    def save(self, part: Part) -> None:
        """Write what has come of an exchange that still goes on, some time soon; nobody waits for it."""
        self._parts.append(part)
        self._call()

    def forget(self, exchange_id: str) -> None:
        """An exchange that was saved is over; when it was not appended before, it is not kept."""
        self._parts.append(exchange_id)
        self._call()

    def _call(self) -> None:
        """Wake the thread."""
        if not self._woken:  # looked at only after the entry is there: the thread clears it before it looks for entries
            self._woken = True
            try:
                if self._together > GATHER_OVER:
                    self._loop.call_later(GATHER_SECONDS, self._inbox.put, True)
                else:
                    self._loop.call_soon(self._inbox.put, True)
            except RuntimeError:  # the loop is closed: what is appended now is stored, and nobody is told
                self._inbox.put(True)

    def attach(self, pipe: int) -> None:
        """Go on with a new recorder at another pipe (durability "memory"); the old pipe is closed."""
        self._inbox.put(_Pipe(pipe))

    def close(self, timeout: float) -> bool:
        """Store all that waits, sync, end the thread; false when that takes longer than `timeout` seconds."""
        if not self._closed:
            self._closed = True
            self._inbox.put(False)
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    # --- the thread

    def _run(self) -> None:
        going_on = True
        while going_on or self._entries:
            if not self._inbox.empty() or not (self._entries or self._parts or self._left):
                going_on = self._listen() and going_on
            if self._entries:
                self._store()
            elif self._parts:
                self._note(self._parts.popleft())
            elif self._left:
                self._recover(self._left.pop(0))
        self._sink.close()

    def _listen(self) -> bool:
        """Wait until there is something to do; false at the end."""
        try:
            item = self._inbox.get(timeout=self._sink.due())
        except Empty:
            self._sink.tidy()
            return True
        self._woken = False
        if isinstance(item, _Pipe):
            assert isinstance(self._sink, PipeSink), "only durability memory has a pipe"
            self._sink.attach(item.fd)
            return True
        return item

    def _store(self) -> None:
        """Write entries that are there, as many as one write takes, and tell those who wait."""
        entries: list[_Entry] = []
        frames: list[bytes | None] = []
        size = 0
        while self._entries and size < BATCH_BYTES and len(frames) < BATCH_RECORDS:
            entries.append(self._entries.popleft())
            frames.append(self._framed(entries[-1][0]))
            size += len(frames[-1] or b"")
        self._together = len(frames)
        reasons = self._stored(frames)
        if any(reasons):
            self._remember(entries, reasons)
        self._settle(entries, reasons)
        if self._unfinished is not None:
            for (entry, _, _), reason in zip(entries, reasons, strict=True):
                if not reason and isinstance(entry, Capture):
                    self._unfinished.end(entry.id)

    def _note(self, part: Part | str) -> None:
        """What the relay tells of an exchange that went on until now."""
        if isinstance(self._sink, FolderSink):
            self._sink.unfinished.end(part) if isinstance(part, str) else self._sink.save(part)

    def _recover(self, path: Path) -> None:
        """Append what a killed run has left of an exchange; what cannot be for now stays for the next start."""
        assert self._unfinished is not None
        try:
            payload = self._unfinished.payload(path)
            if payload is None:
                self.unreadable += 1
            elif not any(self._stored([frame(payload, self._marker)])):
                self.recovered += 1
                path.unlink()
        except OSError:
            pass  # it is still there

    def _framed(self, entry: Capture | bytes) -> bytes | None:
        """An entry as it is written; None when it could not be encoded."""
        try:
            return frame(entry if isinstance(entry, bytes) else entry.encode(), self._marker)
        except Exception:
            return None  # counted; whatever is wrong with this one, the others go on

    def _stored(self, frames: list[bytes | None]) -> list[str]:
        """For each frame the reason why it was not stored, or ""."""
        encoded = [frame for frame in frames if frame is not None]
        try:
            reasons = self._sink.write(encoded) if encoded else []
        except Exception:
            reasons = ["write_error"] * len(encoded)  # the thread must outlive what nobody thought of
        if len(encoded) == len(frames):
            return reasons
        rest = iter(reasons)
        return [next(rest) if frame is not None else "encode_error" for frame in frames]

    def _remember(self, entries: list[_Entry], reasons: list[str]) -> None:
        """Which one was the last to be lost, for each reason."""
        newest = {
            reason: ("" if isinstance(entry, bytes) else entry.id, weight - ENTRY_BYTES)
            for (entry, _, weight), reason in zip(entries, reasons, strict=True)
            if reason
        }
        self.newest_lost = self.newest_lost | newest

    def _settle(self, entries: list[_Entry], reasons: list[str]) -> None:
        """Count, and tell those who wait."""
        lost = len(reasons) - reasons.count("")
        if lost:
            self.losses = dict(Counter(filter(None, reasons)) + Counter(self.losses))
            self.failed += lost
        self.appended += len(reasons) - lost
        self._settled += sum(weight for _, _, weight in entries)
        try:
            self._loop.call_soon_threadsafe(self._tell, entries, reasons)
        except RuntimeError:
            pass  # the loop is closed: nobody waits any more

    def _tell(self, entries: list[_Entry], reasons: list[str]) -> None:
        for (_, done, _), reason in zip(entries, reasons, strict=True):
            try:
                done(not reason)
            except Exception as error:
                self._loop.call_exception_handler({"message": "a journal callback failed", "exception": error})
