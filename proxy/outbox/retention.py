"""What is kept for so long, and no longer: conversations, dead letters, records that nothing could be made of.

    retention_days        after the last turn a conversation goes, whatever a sink still lacks of it. Marks stay (`tombstones`):
                          its id is never given to another, and what began before and comes late is refused. A chat that
                          goes on is a new one, with the history that its client brings
    set_aside_days, and   what was set aside is given up, the oldest first; of a dead letter only what it would have sent:
    set_aside_max_bytes   the conversation is kept as long as any other

What a sink lacked is counted as dropped. In small steps, so that the writer is never held for long.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..core.buckets import DAY_MS
from .leases import end_deletions

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from ..config import Privacy
    from ..db.sqlite import Tx
    from .tombstones import Tombstones

#: Rows of one step.
STEP = 50


@dataclass(slots=True, frozen=True)
class Bounds:
    """What may be kept: times (unix milliseconds; None: for ever) and bytes."""

    conversations: int | None
    set_aside: int | None
    bytes: int

    @classmethod
    def of(cls, privacy: Privacy, now: int) -> Bounds:
        """As the configuration says."""

        def since(days: int) -> int | None:
            return now - days * DAY_MS if days else None

        return cls(since(privacy.retention_days), since(privacy.set_aside_days), privacy.set_aside_max_bytes)


def step(tx: Tx, tombs: Tombstones, bounds: Bounds, known_before: int) -> tuple[bool, int]:
    """Some of what is too old or too much; whether there may be more, and how many deliveries were given up."""
    more, dropped = _conversations(tx, tombs, bounds.conversations) if bounds.conversations is not None else (False, 0)
    before = known_before if bounds.conversations is None else bounds.conversations
    notes = tx.all("outdated_notes", before=before, limit=STEP)
    for row in notes:
        tx.run("forget_note", key=row["key"])
        tx.run("forget_annotation", key=row["key"])
    dead = tx.all("surplus_dead", bytes=bounds.bytes, limit=STEP)
    failed = 0
    if bounds.set_aside is not None:
        dead = dead or tx.all("outdated_dead", before=bounds.set_aside, limit=STEP)
        failed = tx.run("drop_outdated_failed", before=bounds.set_aside, limit=STEP)
        if failed:
            tx.run("count", name="set_aside_lost", n=failed)
    _give_up(tx, dead)
    dropped += len(dead)
    if dropped:
        tx.run("count", name="dropped", n=dropped)
    return more or STEP in (len(notes), len(dead), failed), dropped


def _conversations(tx: Tx, tombs: Tombstones, before: int) -> tuple[bool, int]:
    rows, lacked = tx.all("outdated", before=before, limit=STEP), 0
    for row in rows:
        if row["rev"] >= before:
            tx.run("not_quiet", key=row["key"], since=row["rev"])
            continue
        about = tx.one("lacked", key=row["key"])
        lacked += about["n"] if about else 0
        tombs.put(row["rev"], "id", row["id"])
        if row["thread"].startswith("id:"):
            tombs.put(row["created_at"], "thread", row["tenant"], row["thread"], row["user"])
        for name in ("forget_rows", "forget_annotations", "forget_conversation"):
            tx.run(name, key=row["key"])
    return len(rows) == STEP, lacked


def _give_up(tx: Tx, rows: Sequence[sqlite3.Row]) -> None:
    for row in rows:
        tx.run("drop", key=row["key"])
        if row["kind"] in ("feedback", "event"):
            tx.run("forget_note", key=row["item"])
            tx.run("forget_annotation", key=row["item"])
    if rows:
        end_deletions(tx)
