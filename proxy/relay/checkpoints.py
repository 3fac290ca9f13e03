"""Rounds past all answers under way, several a second: what a crash would take is handed to the journal.

Whatever has come of an exchange is with the journal a second later at most; nothing on the way of a chunk knows of it, and
nobody waits for it. What is over by the next round is forgotten: by then it is in the journal, or counted as lost.

A round goes in steps of `STEP` answers, spread evenly over its time: streams that began together are due together, and a
thousand at once would hold up every chunk for 2 ms; a step takes less than 0.3 ms.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..core.checkpoint import Checkpoint, Part

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable

    from ..journal.writer import JournalWriter
    from .reply import Reply

#: What a round takes, or the wait between two of one step: an answer is seen after twice that at most, and with
#: `SAVE_SECONDS` it stays under a second.
ROUND_SECONDS = 0.12
STEP = 50
#: An exchange is saved when it is so old, and again so long after that, when more has come …
SAVE_SECONDS = 0.75
#: … or sooner, when so much has.
SAVE_BYTES = 64 * 1024
#: What one part holds: it lies in memory three times while it is written.
PART_BYTES = 1024 * 1024
#: After a failure, which costs the whole of it once more.
AGAIN_SECONDS = 5.0


@dataclass(slots=True)
class _Saved:
    """How much of an exchange has been handed over."""

    of: Checkpoint
    at: float
    #: Reads, bytes, and whether the answer's head was among them; -1: not even the request.
    pieces: int = -1
    size: int = 0
    has_head: bool = False


class Checkpoints:
    """
    The rounds.

    Args:
        journal: Where it goes.
        loop: This thread's.
        replies: All answers under way.

    """

    def __init__(
        self, journal: JournalWriter, loop: asyncio.AbstractEventLoop, replies: Callable[[], Iterable[Reply]]
    ) -> None:
        self._journal = journal
        self._loop = loop
        self._replies = replies
        #: What had been handed over before this round, and is to be seen in it; what was seen.
        self._saved: dict[Reply, _Saved] = {}
        self._seen: dict[Reply, _Saved] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Go round, again and again."""
        self._timer = self._loop.call_later(ROUND_SECONDS, self._begin)

    def stop(self) -> None:
        """Go no further."""
        if self._timer is not None:
            self._timer.cancel()

    def _begin(self) -> None:
        replies = list(self._replies())
        self._go_on(replies, 0, ROUND_SECONDS / max(1, -(-len(replies) // STEP)))

    def _go_on(self, replies: list[Reply], at: int, pause: float) -> None:
        """One step of a round, and the next after so many seconds."""
        self._look(replies[at : at + STEP], time.monotonic())
        if at + STEP < len(replies):
            self._timer = self._loop.call_later(pause, self._go_on, replies, at + STEP, pause)
        else:
            self._end()
            self._timer = self._loop.call_later(pause, self._begin)

    def look(self, now: float) -> None:
        """A whole round at once (seconds, monotonic)."""
        self._look(self._replies(), now)
        self._end()

    def _look(self, replies: Iterable[Reply], now: float) -> None:
        """Hand over what is due."""
        before = self._saved
        for reply in replies:
            unfinished = reply.unfinished
            if unfinished is None or not reply.written_at:
                continue
            saved = before.pop(reply, None)
            if saved is None:
                if now - reply.written_at < SAVE_SECONDS:
                    continue
                saved = _Saved(Checkpoint(reply.id), 0.0)
            self._seen[reply] = saved
            if saved.of.failed:
                if now - saved.at < AGAIN_SECONDS:
                    continue
                saved.pieces = -1
            self._save(reply, saved, now)

    def _end(self) -> None:
        """What was not seen in this round is over."""
        for saved in self._saved.values():
            self._journal.forget(saved.of.id)
        self._saved, self._seen = self._seen, {}

    def _save(self, reply: Reply, saved: _Saved, now: float) -> None:
        assert reply.unfinished is not None
        capture, pieces, size = reply.unfinished
        has_head, ended = reply.head is not None, time.time_ns() // 1_000_000
        if saved.pieces < 0 or has_head != saved.has_head:
            done = _reach(pieces, 0)
            whole = replace(capture, pieces=pieces[:done], ended=ended, interrupted="crash")
            self._journal.save(Part(saved.of, whole, (), ended))
        elif len(pieces) > saved.pieces and (now - saved.at >= SAVE_SECONDS or size - saved.size >= SAVE_BYTES):
            done = saved.pieces
        else:
            return
        while done < len(pieces):
            begin, done = done, _reach(pieces, done)
            self._journal.save(Part(saved.of, None, pieces[begin:done], ended))
        saved.at, saved.pieces, saved.size, saved.has_head = now, len(pieces), size, has_head


def _reach(pieces: list[bytes], begin: int) -> int:
    """Up to which of the pieces one part goes."""
    size = 0
    for at in range(begin, len(pieces)):
        size += len(pieces[at])
        if size > PART_BYTES:
            return at + 1
    return len(pieces)
