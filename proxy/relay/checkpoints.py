"""Rounds past all answers under way, several a second: what a crash would take is handed to the journal.

Whatever has come of an exchange is with the journal a second later at most; nothing on the way of a chunk knows of it, and
nobody waits for it. What is over by the next round is forgotten: by then it is in the journal, or counted as lost.

A round goes in steps, spread evenly over its time: `STEP` answers are looked at, or a few parts handed over. Streams that
began together are due together, and all their parts at once would hold up every chunk for milliseconds: the thread that
writes them shares interpreter and processor with the loop. Each part alone would wake that thread for itself, which costs
more than to write it.
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from ..core.checkpoint import Checkpoint, Part

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterable, Iterator

    from ..core.capture import Capture
    from ..journal.writer import JournalWriter
    from .reply import Reply

#: What a round takes, or the wait between two of one step: an answer is seen after twice that at most, and with
#: `SAVE_SECONDS` it stays under a second.
ROUND_SECONDS = 0.12
STEP = 200
#: Parts of a step: one takes 20 to 60 µs of the two threads; a few, or with more answers a share of them up to so many. Where
#: they are so many that a round would not come to its end in time, the other share.
PARTS, MORE_PARTS = 2, 8
PARTS_SHARE, LEAST_SHARE = 0.04, 0.01
#: A round that is behind its time, for there was so much to hand over, goes on after so long.
HURRY_SECONDS = 0.001
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
    #: Reads, and whether the answer's head was among them; -1: not even the request.
    pieces: int = -1
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
        #: What has been handed over of those that went on when it was last looked.
        self._saved: dict[Reply, _Saved] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Go round, again and again."""
        self._timer = self._loop.call_later(ROUND_SECONDS, self._begin)

    def stop(self) -> None:
        """Go no further."""
        if self._timer is not None:
            self._timer.cancel()

    def _begin(self) -> None:
        """A round: what is not there any more is over, and what there is now is gone through."""
        replies, now = self._under_way(), self._loop.time()
        if replies:
            self._go_on(iter(replies), now, ROUND_SECONDS / len(replies), parts_of_step(len(replies)))
        else:
            self._timer = self._loop.call_at(now + ROUND_SECONDS, self._begin)

    def _go_on(self, replies: Iterator[Reply], due: float, pace: float, parts: int) -> None:
        """One step of a round, due on the loop's clock, and the next so many seconds later for each answer."""
        looked = self._step(replies, time.monotonic(), parts)
        if looked:
            due += pace * looked
            soon = max(due, self._loop.time() + HURRY_SECONDS)
            self._timer = self._loop.call_at(soon, self._go_on, replies, due, pace, parts)
        else:
            self._begin()

    def look(self, now: float) -> None:
        """A whole round at once (seconds, monotonic)."""
        replies = iter(self._under_way())
        while self._step(replies, now, sys.maxsize):
            pass

    def _under_way(self) -> list[Reply]:
        """All answers under way; of the others nothing is kept."""
        replies = list(self._replies())
        there = set(replies)
        for reply in [reply for reply in self._saved if reply not in there]:
            self._forget(reply)
        return replies

    def _step(self, replies: Iterator[Reply], now: float, most: int) -> int:
        """Hand over what is due of the next answers, in so many parts about; how many answers it were, 0 at the end."""
        looked = parts = 0
        for reply in islice(replies, STEP):
            looked += 1
            if now < reply.save_at and reply.kept < reply.save_over:
                continue
            parts += self._look_at(reply, now)
            if parts >= most:
                break
        return looked

    def _look_at(self, reply: Reply, now: float) -> int:
        """Hand over what has come of one answer; in how many parts."""
        unfinished = reply.unfinished
        if unfinished is None:
            reply.save_at, reply.save_over = math.inf, sys.maxsize
            self._forget(reply)
            return 0
        due = reply.written_at + SAVE_SECONDS
        if not reply.written_at or now < due:
            reply.save_at = due if reply.written_at else 0.0
            return 0
        saved = self._saved.setdefault(reply, _Saved(Checkpoint(reply.id), 0.0))
        if saved.of.failed:
            if now - saved.at < AGAIN_SECONDS:
                return 0
            saved.pieces = -1
        return self._save(reply, unfinished, saved, now)

    def _forget(self, reply: Reply) -> None:
        saved = self._saved.pop(reply, None)
        if saved is not None:
            self._journal.forget(saved.of.id)

    def _save(self, reply: Reply, unfinished: tuple[Capture, list[bytes], int], saved: _Saved, now: float) -> int:
        capture, pieces, size = unfinished
        has_head, ended, parts = reply.head is not None, time.time_ns() // 1_000_000, 0
        if saved.pieces < 0 or has_head != saved.has_head:
            done = _reach(pieces, 0)
            whole = replace(capture, pieces=pieces[:done], ended=ended, interrupted="crash")
            self._journal.save(Part(saved.of, whole, (), ended))
            parts = 1
        elif len(pieces) > saved.pieces:
            done = saved.pieces
        else:
            return 0
        while done < len(pieces):
            begin, done = done, _reach(pieces, done)
            self._journal.save(Part(saved.of, None, pieces[begin:done], ended))
            parts += 1
        saved.at, saved.pieces, saved.has_head = now, len(pieces), has_head
        reply.save_at, reply.save_over = now + SAVE_SECONDS, size + SAVE_BYTES
        return parts


def parts_of_step(answers: int) -> int:
    """How many parts a step hands over, of so many answers."""
    return max(PARTS, min(MORE_PARTS, int(PARTS_SHARE * answers)), int(LEAST_SHARE * answers))


def _reach(pieces: list[bytes], begin: int) -> int:
    """Up to which of the pieces one part goes."""
    size = 0
    for at in range(begin, len(pieces)):
        size += len(pieces[at])
        if size > PART_BYTES:
            return at + 1
    return len(pieces)
