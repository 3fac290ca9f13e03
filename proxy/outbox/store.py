"""The recorder's and the courier's memory: conversations, what each sink still lacks, how far the journal has been read.

The life of an outbox row, one per sink and conversation (or annotation):

                     put                      lease                       ack
    (new) ─────────────────────► READY ─────────────────► LEASED ─────────────────────► SENT
      │   its message arrived      ▲ ▲                      │ │                           │
      └──► WAITING ────────────────┘ └── postpone, expire ──┘ └── bury ──► DEAD           │
               │                     ▲                                      │ ▲           │
               │                     └─────────── put: it goes on ──────────┴─┼───────────┘
               └─────────────────────── its message never came ───────────────┘

    READY    may be sent from `due` on          `wanted_rev > sent_rev`: a sink lacks something in every state but SENT
    LEASED   one holder sends it                a put while it is leased only raises `wanted_rev`: after the ack it is
    WAITING  an annotation before its message   READY again. The body is rendered when it is sent, so many puts are one
    DEAD     set aside with its reason          POST, and no older snapshot is ever waiting.

A lease has a token: whoever lost his lease (he slept past it) can no longer change the row. An older rev that is refused
does not bury a newer one. The schema's CHECKs keep these rules.

Raises `DatabaseError`; the transaction did not happen then, and leaving it is always safe.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..core.entry import Entry
from ..core.exchange import Note
from ..core.jsontext import write
from ..core.retry import LONGEST_POSTPONEMENT_SECONDS
from ..core.wire import build_conversation
from ..db.queries import load_queries
from ..db.sqlite import Database, Tx
from ..journal.reader import Position
from . import notes
from .conversations import Conversations, Recorded, snapshot
from .later import take_later
from .reading import Item, Later, Passed, SetAside
from .standing import standing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

_HERE = Path(__file__).parent
MIGRATIONS = ((_HERE / "schema.sql").read_text("utf-8"),)
QUERIES = load_queries("\n".join((_HERE / name).read_text("utf-8") for name in ("queries.sql", "control.sql")))

#: The one sink of today; a row's sink is a name, not an address, so that a corrected address gets what waits.
ANALYTICS = "analytics"
#: Records that nothing could be made of are kept up to these bounds; two of the largest that the journal takes fit.
MOST_FAILED = 10_000
MOST_FAILED_BYTES = 128 * 1024 * 1024


@dataclass(slots=True, frozen=True)
class Lease:
    """The right to send one row until `until`."""

    key: int
    kind: str
    item: int
    token: int
    wanted_rev: int
    #: With this one, since the last success.
    tries: int
    until: int


@dataclass(slots=True, frozen=True)
class Parcel:
    """A row as it is sent: the path and body of a POST, and the rev that is in it."""

    path: str
    body: bytes
    rev: int


class Store:
    """
    The open store; the recorder calls it from its thread, the courier from the event loop.

    Args:
        path: The database file.
        secret: Of this installation; see `Conversations`.
        sample_rate: The share of conversations that is recorded.
        sinks: Who gets every conversation.
        full_sync: For durability "power".
        most_failed: How many records that nothing could be made of are kept.
        most_failed_bytes: And how much of them.

    """

    def __init__(
        self,
        path: Path,
        *,
        secret: bytes,
        sample_rate: float = 1.0,
        sinks: Sequence[str] = (ANALYTICS,),
        full_sync: bool = False,
        most_failed: int = MOST_FAILED,
        most_failed_bytes: int = MOST_FAILED_BYTES,
    ) -> None:
        self._failed_bounds = {"rows": most_failed, "bytes": most_failed_bytes}
        self._sinks = tuple(sinks)
        self._conversations = Conversations(secret, sample_rate)
        self._database = Database(path, queries=QUERIES, migrations=MIGRATIONS, full_sync=full_sync)

    def __repr__(self) -> str:
        return f"<Store {self._database!r}>"

    @property
    def is_damaged(self) -> bool:
        """See `Database`."""
        return self._database.is_damaged

    def close(self) -> None:
        """Finish what waits, and close the file."""
        self._database.close()

    # ── the recorder's side ─────────────────────────────────────────────────────────────────────────────────────────

    def position(self, source: str) -> tuple[Position, int]:
        """How far a source has been made use of, and how often the record behind that was begun in vain."""
        row = self._database.read(lambda tx: tx.one("position", source=source))
        return (Position(row["segment"], row["offset"]), row["tries"]) if row else (Position(0, 0), 0)

    def move(self, source: str, position: Position, *, tries: int = 0, durable: bool = False) -> None:
        """Set the position; `durable`: this and all before is on the disk on return."""
        self._database.write(lambda tx: _move(tx, source, position, tries), durable=durable)

    def take(self, items: Sequence[Item], source: str, position: Position, now: int) -> list[Recorded]:
        """Store what was made of some records, and that they were made use of; or, with an error, nothing of it."""

        def work(tx: Tx) -> list[Recorded]:
            outcomes = [self._take_one(tx, item, now) for item in items]
            counts = Counter(recorded.outcome for recorded in outcomes)
            if "set_aside" in counts and (lost := tx.run("trim_failed", **self._failed_bounds)):
                counts["set_aside_lost"] = lost
            tx.many("count", ({"name": name, "n": n} for name, n in counts.items()))
            _move(tx, source, position)
            return outcomes

        return self._database.write(work)

    def _take_one(self, tx: Tx, item: Item, now: int) -> Recorded:
        match item:
            case Entry():
                recorded = self._take_entry(tx, item, now)
                for further in item.further:
                    self._take_entry(tx, further, now)
                return recorded
            case Later():
                return self._to_send(tx, take_later(tx, item, now), now)
            case Note():
                notes.take(tx, item, self._sinks, now)
                return Recorded(item.kind)
            case SetAside():
                tx.run("set_aside", now=now, id=item.id, reason=item.reason, payload=item.payload)
                return Recorded("set_aside")
            case Passed():
                return Recorded(item.outcome)

    def _take_entry(self, tx: Tx, entry: Entry, now: int) -> Recorded:
        return self._to_send(tx, self._conversations.record(tx, entry, now), now)

    def _to_send(self, tx: Tx, recorded: Recorded, now: int) -> Recorded:
        """What is recorded has to reach every sink."""
        if recorded.outcome == "recorded":
            for sink in self._sinks:
                tx.run("put", sink=sink, item=recorded.key, rev=recorded.rev, now=now)
            notes.settle(tx, recorded.names, self._sinks, now)
        return recorded

    # ── a person's side: `held`, `replay` ───────────────────────────────────────────────────────────────────────────

    def read(self, work: Callable[[Tx], T]) -> T:
        """What `work` returns on one consistent snapshot."""
        return self._database.read(work)

    def write(self, work: Callable[[Tx], T]) -> T:
        """What `work` returns, after its commit."""
        return self._database.write(work)

    def failed_payload(self, key: int) -> bytes | None:
        """A record that nothing could be made of, as it was journaled; None when it is no longer there."""
        row = self._database.read(lambda tx: tx.one("failed_payload", key=key))
        return None if row is None else bytes(row["payload"])

    def take_again(self, key: int, item: Item, now: int) -> Recorded:
        """Store what was made of such a record in its place; `SetAside`: it stays, with the newest reason."""

        def work(tx: Tx) -> Recorded:
            if isinstance(item, SetAside):
                tx.run("fail_again", key=key, reason=item.reason)
                return Recorded("set_aside")
            if not tx.run("drop_failed", key=key):
                return Recorded("seen")
            recorded = self._take_one(tx, item, now)
            tx.run("count", name=recorded.outcome, n=1)
            return recorded

        return self._database.write(work)

    # ── the courier's side ──────────────────────────────────────────────────────────────────────────────────────────

    async def lease(self, sink: str, now: int, until: int, limit: int) -> list[Lease]:
        """The rows that are due longest, with the right to send them until a time."""

        def work(tx: Tx) -> list[Lease]:
            tx.run("expire_leases", sink=sink, now=now, until=now)
            tx.run("bring_forward", sink=sink, now=now, latest=now + _LONGEST_WAIT)
            rows = tx.all("lease", sink=sink, now=now, until=until, limit=limit)
            return [
                Lease(row["key"], row["kind"], row["item"], row["lease_token"], row["wanted_rev"], row["tries"], until)
                for row in rows
            ]

        return await self._database.awrite(work)

    async def take_over(self, sink: str, now: int) -> int:
        """End all leases at start: one process has the file, so that their holders are gone."""
        return await self._database.awrite(lambda tx: tx.run("expire_leases", sink=sink, now=now, until=_FOREVER))

    async def send_again(self, sink: str, now: int) -> int:
        """Send everything once more, to a sink that has lost what it had; how many rows."""
        return await self._database.awrite(lambda tx: tx.run("send_again", sink=sink, now=now))

    async def next_due(self, sink: str) -> int | None:
        """When the next row is due; None when none is."""
        row = await self._database.aread(lambda tx: tx.one("next_due", sink=sink))
        return row["due"] if row else None

    async def parcel(self, lease: Lease) -> Parcel:
        """What to send for a lease, as of now; `LookupError` when what it speaks of is gone."""
        return await self._database.aread(lambda tx: _parcel(tx, lease))

    async def ack(self, lease: Lease, rev: int, now: int) -> None:
        """The sink has a rev; what waited for it in the way of annotations becomes due."""

        def work(tx: Tx) -> None:
            row = tx.one("ack", key=lease.key, token=lease.token, rev=rev, now=now)
            if row:
                tx.run("count", name="delivered", n=1)
                if row["kind"] == "conversation":
                    tx.run("free_notes", sink=row["sink"], conversation=row["item"], now=now)

        await self._database.awrite(work)

    async def postpone(self, lease: Lease, due: int, error: str, now: int) -> None:
        """Try again at `due`."""
        values = {"key": lease.key, "token": lease.token, "due": due, "error": error, "now": now}
        await self._database.awrite(lambda tx: _counted(tx, "postponed", tx.run("postpone", **values)))

    async def bury(self, lease: Lease, rev: int, reason: str, error: str, now: int) -> None:
        """Set aside with a reason (one of the schema's), unless there is a newer rev to try."""
        values = {"key": lease.key, "token": lease.token, "rev": rev, "reason": reason, "error": error, "now": now}
        await self._database.awrite(lambda tx: _counted(tx, "buried", tx.run("bury", **values)))

    async def bury_old(self, sink: str, before: int) -> int:
        """Set aside what first failed, or began to wait for its message, before a time; how many rows."""

        def work(tx: Tx) -> int:
            rows = sum(tx.run(name, sink=sink, before=before) for name in ("bury_too_old", "bury_unknown"))
            return _counted(tx, "buried", rows)

        return await self._database.awrite(work)

    async def status(self, now: int) -> dict[str, Any]:
        """What `/status` shows; see `standing`."""
        return await self._database.aread(lambda tx: standing(tx, self._sinks, now))


_FOREVER = (1 << 63) - 1
_LONGEST_WAIT = round(LONGEST_POSTPONEMENT_SECONDS * 1000)


def _move(tx: Tx, source: str, position: Position, tries: int = 0) -> None:
    tx.run("move_position", source=source, segment=position.segment, offset=position.offset, tries=tries)


def _counted(tx: Tx, name: str, rows: int) -> int:
    """Add to a counter, when there is something to add."""
    if rows:
        tx.run("count", name=name, n=rows)
    return rows


def _parcel(tx: Tx, lease: Lease) -> Parcel:
    if lease.kind != "conversation":
        path, body = notes.body(tx, lease.item)
        return Parcel(path, body, lease.wanted_rev)
    found = snapshot(tx, lease.item)
    if found is None:
        raise LookupError("the conversation is gone")
    told, rev = found
    return Parcel("/conversations", write(build_conversation(told)).encode(), rev)
