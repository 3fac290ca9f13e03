"""The recorder's and the courier's memory: conversations, what each sink still lacks, how far the journal has been read.

The life of an outbox row, one per sink and conversation (or annotation):

                     put                      lease                       ack
    (new) ─────────────────────► READY ─────────────────► LEASED ─────────────────────► SENT
      │   its message arrived      ▲ ▲  postpone, expire,   │ │                           │
      └──► WAITING ────────────────┘ └── hand back, echo ───┘ └── bury ──► DEAD           │
               │                     ▲                                      │ ▲           │
               │                     └─────────── put: it goes on ──────────┴─┼───────────┘
               └─────────────────────── its message never came ───────────────┘

    READY    may be sent from `due` on          `wanted_rev > sent_rev`: a sink lacks something in every state but SENT
    LEASED   one holder sends it                a put while it is leased only raises `wanted_rev`: after the ack it is
    WAITING  an annotation before its message   READY again. The body is rendered when it is sent, so many puts are one
    DEAD     set aside with its reason          POST, and no older snapshot is ever waiting.

A lease has a token: whoever lost his lease (he slept past it) can no longer change the row. An older rev that is refused
does not bury a newer one. Echo: a POST whose end nobody saw may still be applied for a while; a row that is
acknowledged before that is READY once more for its end, though the sink lacks nothing as far as is known (`dirty_since`
is NULL), so that an old snapshot never stays over a newer one. The schema's CHECKs keep these rules.

Raises `DatabaseError`; the transaction did not happen then, and leaving it is always safe.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ..core.entry import Entry
from ..core.exchange import Note
from ..db.queries import load_queries
from ..db.sqlite import Database, Tx
from ..journal.reader import Position
from . import notes, retention
from .conversations import Conversations, Recorded
from .later import Early, take_later
from .leases import Leases
from .reading import Item, Later, Passed, SetAside
from .standing import standing
from .tidying import Tidying

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .retention import Bounds
    from .tombstones import Tombstones

T = TypeVar("T")

_HERE = Path(__file__).parent
#: The schema's scripts, oldest first; a released one is never edited.
MIGRATIONS = tuple((_HERE / name).read_text("utf-8") for name in ("schema.sql", "schema_2.sql", "schema_3.sql"))
#: Run on a file that was mended: see there.
SETTLE = (_HERE / "settle.sql").read_text("utf-8")
_STATEMENTS = ("queries.sql", "control.sql", "erasing.sql", "retention.sql")
QUERIES = load_queries("\n".join((_HERE / name).read_text("utf-8") for name in _STATEMENTS))

#: The one sink of today; a row's sink is a name, not an address, so that a corrected address gets what waits.
ANALYTICS = "analytics"
#: Records that nothing could be made of are kept up to these bounds; two of the largest that the journal takes fit.
MOST_FAILED = 10_000
MOST_FAILED_BYTES = 128 * 1024 * 1024


class Store(Leases):
    """
    The open store; the recorder calls it from its thread, the courier from the event loop.

    Args:
        path: The database file.
        secret: Of this installation; see `Conversations`.
        sample_rate: The share of conversations that is recorded.
        sinks: Who gets every conversation.
        full_sync: For durability "power".
        debounce_seconds: A conversation that was just sent is not due for so long.
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
        debounce_seconds: float = 0.0,
        most_failed: int = MOST_FAILED,
        most_failed_bytes: int = MOST_FAILED_BYTES,
    ) -> None:
        self._failed_bounds = {"rows": most_failed, "bytes": most_failed_bytes}
        self._sinks = tuple(sinks)
        self._conversations = Conversations(secret, sample_rate)
        self._early = Early()
        self._tidying = Tidying()
        database = Database(path, queries=QUERIES, migrations=MIGRATIONS, full_sync=full_sync)
        super().__init__(database, round(debounce_seconds * 1000))

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
                if recorded.outcome == "recorded" and (later := self._early.of(item)):
                    self._to_send(tx, take_later(tx, later, now), now)
                for further in item.further:
                    self._take_entry(tx, further, now)
                return recorded
            case Later():
                recorded = take_later(tx, item, now)
                if recorded.outcome == "unknown_answer":
                    self._early.keep(item)
                return self._to_send(tx, recorded, now)
            case Note():
                is_kept = notes.take(tx, item, self._sinks, now, self.tombstones(tx))
                return Recorded(item.kind if is_kept else "erased")
            case SetAside():
                if item.id and self.tombstones(tx).at("name", item.id) is not None:
                    return Recorded("erased")
                key = tx.add("set_aside", now=now, id=item.id, reason=item.reason, size=len(item.payload))
                tx.fill("failed_exchange", "payload", key, item.payload)
                return Recorded("set_aside")
            case Passed():
                return Recorded(item.outcome)

    def _take_entry(self, tx: Tx, entry: Entry, now: int) -> Recorded:
        return self._to_send(tx, self._conversations.record(tx, entry, now), now)

    def _to_send(self, tx: Tx, recorded: Recorded, now: int) -> Recorded:
        """What is recorded has to reach every sink."""
        if recorded.outcome == "recorded":
            self.send(tx, recorded.key, recorded.rev, now)
        notes.settle(tx, recorded.names, self._sinks, now)
        for event in recorded.events:
            notes.take(tx, event, self._sinks, now, self.tombstones(tx))
        return recorded

    def send(self, tx: Tx, key: int, rev: int, now: int) -> None:
        """A conversation has to reach every sink in a newer rev."""
        for sink in self._sinks:
            if not tx.run("put_more", sink=sink, item=key, rev=rev):
                tx.run("put", sink=sink, item=key, rev=rev, now=now, debounce=self._debounce)

    def tombstones(self, tx: Tx) -> Tombstones:
        """What was erased."""
        return self._conversations.tombstones(tx)

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

    def scrub(self) -> None:
        """Leave nothing of what was deleted in the files; `DatabaseUnavailable`."""
        self.scrub_is_due = False
        self._database.scrub()

    async def expire(self, bounds: Bounds, known_before: int) -> tuple[bool, int]:
        """Some of what is kept no longer; see `retention.step`."""
        return await self._database.awrite(lambda tx: retention.step(tx, self.tombstones(tx), bounds, known_before))

    async def tidy(self, idle_before: int, known_before: int) -> bool:
        """Free and forget some of what has not changed since (unix milliseconds); whether there may be more."""
        return await self._database.awrite(lambda tx: self._tidying.step(tx, idle_before, known_before))

    async def status(self, now: int) -> dict[str, Any]:
        """What `/status` shows; see `standing`."""
        return await self._database.aread(lambda tx: standing(tx, self._sinks, now))


def _move(tx: Tx, source: str, position: Position, tries: int = 0) -> None:
    tx.run("move_position", source=source, segment=position.segment, offset=position.offset, tries=tries)
