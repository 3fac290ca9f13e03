"""The courier's side of the store: which rows may be sent, and what became of them.

`store.py` draws the life of a row. Everything is one short transaction; `DatabaseError` when it did not happen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.retry import LONGEST_POSTPONEMENT_SECONDS, doubt_until
from ..core.trim import BODY_LIMIT
from .parcel import Lease, Parcel, parcel_of

if TYPE_CHECKING:
    from ..db.sqlite import Database, Tx

_FOREVER = (1 << 63) - 1
_LONGEST_WAIT = round(LONGEST_POSTPONEMENT_SECONDS * 1000)


class Leases:
    """
    The rows of the outbox, by sink.

    Args:
        database: The store's.
        debounce: A conversation that was just sent is not due for so long (milliseconds).

    """

    def __init__(self, database: Database, debounce: int) -> None:
        self._database = database
        self._debounce = debounce
        #: Ids that a sink was asked to delete were named until now, and may lie in the file.
        self.scrub_is_due = False

    async def lease(self, sink: str, now: int, until: int, limit: int) -> list[Lease]:
        """The rows that are due longest, with the right to send them until a time."""

        def work(tx: Tx) -> list[Lease]:
            tx.run("expire_leases", sink=sink, now=now, until=now, doubt=doubt_until(now))
            tx.run("bring_forward", sink=sink, now=now, latest=now + _LONGEST_WAIT)
            rows = tx.all("lease", sink=sink, now=now, until=until, limit=limit)
            return [
                Lease(row["key"], row["kind"], row["item"], row["lease_token"], row["wanted_rev"], row["tries"], until)
                for row in rows
            ]

        return await self._database.awrite(work)

    async def take_over(self, sink: str, now: int) -> int:
        """End all leases at start: one process has the file, so that their holders are gone."""
        values = {"sink": sink, "now": now, "until": _FOREVER, "doubt": doubt_until(now)}
        return await self._database.awrite(lambda tx: tx.run("expire_leases", **values))

    async def hasten(self, sink: str, now: int) -> None:
        """What waits only because its conversation was just sent is due."""
        await self._database.awrite(lambda tx: tx.run("hasten", sink=sink, now=now, debounce=self._debounce))

    async def send_again(self, sink: str, now: int) -> int:
        """Send everything once more, to a sink that has lost what it had; how many rows."""
        return await self._database.awrite(lambda tx: tx.run("send_again", sink=sink, now=now))

    async def next_due(self, sink: str) -> int | None:
        """When the next row is due; None when none is."""
        row = await self._database.aread(lambda tx: tx.one("next_due", sink=sink))
        return row["due"] if row else None

    async def any_failing(self, sink: str) -> bool:
        """Whether any row that is still to be sent has failed."""
        return await self._database.aread(lambda tx: tx.one("any_failing", sink=sink)) is not None

    async def parcel(self, lease: Lease, limit: int = BODY_LIMIT) -> Parcel:
        """What to send for a lease, as of now; see `parcel_of`."""
        return await self._database.aread(lambda tx: parcel_of(tx, lease, limit))

    async def ack(self, lease: Lease, rev: int, now: int, *, began: int | None = None, doubt: int = 0) -> None:
        """
        The sink has a rev; what waited for it in the way of annotations becomes due.

        Args:
            lease: Of the row.
            rev: What was sent.
            now: The time of the acknowledgement.
            began: When the POST was begun; None: now.
            doubt: Until when another POST of this lease, whose end was not seen, may be applied; 0: there was none.

        """
        values = {"rev": rev, "now": now, "began": now if began is None else began, "doubt": doubt}

        def work(tx: Tx) -> None:
            more = {"latest": doubt_until(now), "debounce": self._debounce}
            row = tx.one("ack", key=lease.key, token=lease.token, **values, **more)
            if row:
                tx.run("count", name="delivered", n=1)
                if row["kind"] == "conversation":
                    tx.run("free_notes", sink=row["sink"], conversation=row["item"], now=now)
                if row["kind"] == "deletion" and end_deletions(tx):
                    self.scrub_is_due = True

        await self._database.awrite(work)

    async def postpone(
        self, lease: Lease, due: int, error: str, now: int, *, doubt: int = 0, blameless: bool = False
    ) -> None:
        """Try again at `due`; `doubt` as in `ack`, `blameless`: it was not the row's fault."""
        name = "hand_back" if blameless else "postpone"
        values = {"key": lease.key, "token": lease.token, "due": due, "error": error, "now": now, "doubt": doubt}
        await self._database.awrite(lambda tx: _counted(tx, "postponed", tx.run(name, **values)))

    async def bury(self, lease: Lease, rev: int, reason: str, error: str, now: int, *, doubt: int = 0) -> bool:
        """Set aside with a reason (one of the schema's), unless there is a newer rev to try; whether it was."""
        values = {"rev": rev, "reason": reason, "error": error, "now": now, "doubt": doubt}

        def work(tx: Tx) -> bool:
            row = tx.one("bury", key=lease.key, token=lease.token, **values)
            return bool(_counted(tx, "buried", row is not None and row["state"] == "dead"))

        return await self._database.awrite(work)

    async def bury_old(self, sink: str, before: int, *, untried: bool = False) -> int:
        """
        Set aside what first failed before a time; how many rows.

        `untried`: also what has only waited for so long, since the sink takes nothing.
        """
        names = ("bury_too_old", *(("bury_untried",) if untried else ()))

        def work(tx: Tx) -> int:
            return _counted(tx, "buried", sum(tx.run(name, sink=sink, before=before) for name in names))

        return await self._database.awrite(work)

    async def bury_unknown(self, sink: str, before: int) -> int:
        """Set aside what began to wait for a message before a time, and nobody has recorded that; how many rows."""
        return await self._database.awrite(
            lambda tx: _counted(tx, "buried", tx.run("bury_unknown", sink=sink, before=before))
        )


def end_deletions(tx: Tx) -> bool:
    """What was deleted where it was to be is not named any more; whether there was any, and none waits."""
    ended = tx.run("end_deletions")
    tx.run("end_deletion_rows")
    left = tx.one("deletions_left")
    return bool(ended) and left is not None and left["n"] == left["dead"]


def _counted(tx: Tx, name: str, rows: int) -> int:
    """Add to a counter, when there is something to add."""
    if rows:
        tx.run("count", name=name, n=rows)
    return rows
