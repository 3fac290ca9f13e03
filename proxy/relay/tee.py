"""The tee: what is kept of one answer for the record, and its last piece, held until the exchange is on disk.

    OPEN ──the last piece begins──► HOLDING ──it is whole──► COMMITTING ──the append returned──► RELEASED
      │                                └───────────── 25 ms are over: counted as late ───────────────▲
      └── nothing to record ─────────────────────────────────────────────────────────────────────────┘

What is kept is a list of the bytes objects that went through. Nothing the record does can raise in here; a journal that
refuses or is slow costs the client at most `hold_seconds`.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..core.capture import Capture
    from .final_event import FinalEvent

OPEN, HOLDING, COMMITTING, RELEASED = range(4)


class Recording(Protocol):
    """Where finished exchanges go; the server's side of the journal."""

    def hold(self, held: Tee) -> None:
        """Call `release_late` when its last piece has been held for as long as is allowed."""

    def released(self, held: Tee) -> None:
        """It holds no longer."""

    def commit(self, capture: Capture, done: Callable[[bool], None]) -> bool:
        """Append; False: not recorded and counted, `done` will not be called."""

    def too_large(self, exchange_id: str, size: int) -> None:
        """Count an exchange that is over `record_max_bytes`."""

    def late(self) -> None:
        """Count a last piece that was released before its exchange was on disk."""


class Tee:
    """
    One answer's record.

    Args:
        capture: What is recorded; None: nothing is.
        recording: Where it goes.
        limit: Bytes of an answer over which nothing is kept of it.

    """

    __slots__ = (
        "_due", "_final", "_held", "_held_at", "_limit", "_pieces", "_recording", "_stage", "capture",
        "held_seconds", "kept", "save_at", "save_over",
    )  # fmt: skip

    def __init__(self, capture: Capture | None, recording: Recording, limit: int) -> None:
        self.capture = capture
        #: How long the last piece was held.
        self.held_seconds = 0.0
        self._recording = recording
        self._limit = limit
        self._pieces: list[bytes] = []
        #: Bytes of the answer that have come, head and framing included, of what is to be recorded.
        self.kept = 0
        #: For `Checkpoints`: not looked at before this (monotonic), unless more than so much has come.
        self.save_at, self.save_over = 0.0, sys.maxsize
        self._due = capture is not None
        self._stage = RELEASED if capture is None else OPEN
        self._final: FinalEvent | None = None
        self._held: list[bytes] = []
        self._held_at = 0.0

    @property
    def unfinished(self) -> tuple[Capture, list[bytes], int] | None:
        """What there is of an exchange to be recorded that still goes on: the capture, its reads, and their bytes."""
        if not self._due or self.kept > self._limit:
            return None
        assert self.capture is not None
        return self.capture, self._pieces, self.kept

    def no_longer_due(self) -> None:
        """Its exchange is handed to the journal by somebody else."""
        self._due = False

    def release_late(self) -> None:
        """The time for holding is over."""
        if self._stage in (HOLDING, COMMITTING):
            self._recording.late()
            self._release()

    # --- for the reply, which sends on

    def _let_go(self, held: bytes) -> None:
        """The last piece may go to the client."""
        raise NotImplementedError

    def _keep(self, data: bytes) -> None:
        """One more read of an answer that is not over the limit."""
        kept = self.kept = self.kept + len(data)
        if kept <= self._limit:
            self._pieces.append(data)
        else:
            self._pieces.clear()

    def _held_back(self, data: bytes, forward: bytes, *, is_end: bool) -> bool:
        """Whether what one read `data` brought is held, and will be let go; otherwise it is to be sent on now."""
        final = self._final
        if self._stage == OPEN:
            if not is_end and (final is None or not final.begins(data)):
                return False
            self._hold(forward)
            if is_end or (final is not None and final.whole()):
                self._commit()
            return True
        if self._stage == RELEASED:
            if self._due and (is_end or (final is not None and final.begins(data) and final.whole(data))):
                self._commit()
            return False
        self._held.append(forward)
        if self._stage == HOLDING and (is_end or (final is not None and final.whole(data))):
            self._commit()
        return True

    def _settled(self) -> bool:
        """The answer is over with nothing more to send: commit what is due; whether nothing is held."""
        if self._due and self._stage == OPEN:
            self._hold(b"")
        if self._due:
            self._commit()
        return self._stage == RELEASED

    def _hold(self, forward: bytes) -> None:
        self._stage = HOLDING
        self._held_at = time.monotonic()
        self._held.append(forward)
        self._recording.hold(self)

    def _commit(self) -> None:
        """Hand the exchange to the journal; once only."""
        capture, self._due = self.capture, False
        assert capture is not None
        if self.kept > self._limit:
            self._recording.too_large(capture.id, self.kept)
            self._release()
            return
        capture.pieces = self._pieces
        capture.ended = time.time_ns() // 1_000_000
        if self._stage == HOLDING:
            self._stage = COMMITTING
        # (what could not be stored is counted by the journal; a user's reply never pays for it)
        if not self._recording.commit(capture, self._release):
            self._release()

    def _release(self, _stored: bool = True) -> None:
        if self._stage in (HOLDING, COMMITTING):
            self._stage = RELEASED
            self.held_seconds = time.monotonic() - self._held_at
            self._recording.released(self)
            held = self._held[0] if len(self._held) == 1 else b"".join(self._held)
            self._held = []
            self._let_go(held)
