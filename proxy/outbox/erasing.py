"""Conversations erased from the store: what was said, what was said of them, what waits for a sink, what was set aside.

    conversation   its messages, feedback and events, rows of the outbox and dead letters   ──► tombstones
    notes          of an erased user, whatever they speak of; those that wait for an erased message
    records        that nothing could be made of: of an erased user or chat, or so broken that nobody can tell
    sink           a row of kind "deletion" for what it may have: sent like a delivery, tried again, set aside if refused

One transaction for each few conversations: what is gone is gone with its tombstones. `DatabaseError` when the file refuses;
what was erased until then stays so, and the rest is found by the next try.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import orjson

from ..core.entry import Entry
from ..core.exchange import ANYBODY, Exchange, Note, decode
from ..core.fields import parse_time
from ..core.retry import doubt_until
from ..errors import RecordUnreadable
from . import meant as found
from .notes import user_of
from .past import remaining, scopes_of
from .reading import Later

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from ..db.sqlite import Tx
    from .meant import Meant
    from .reading import Reading
    from .store import Store
    from .tombstones import Tombstones

#: Conversations of one transaction.
STEP = 20
#: Notes and records of one look.
PAGE = 200


class Erasing:
    """
    One erasure.

    Args:
        store: It.
        reading: How records that nothing could be made of are read.
        meant: What goes.
        now: Unix milliseconds.
        sinks: Those that are asked to delete; the local server is not: it is erased from at once.

    """

    def __init__(self, store: Store, reading: Reading, meant: Meant, now: int, sinks: Sequence[str]) -> None:
        self._store = store
        self._reading = reading
        self._meant = meant
        self._now = now
        self._sinks = sinks
        #: Ids of the conversations that are gone, and the newest rev of each.
        self.erased: dict[str, int] = {}
        #: What their messages were called.
        self.names: set[str] = set()
        #: What went, by what it was: conversations, messages, feedback, event, outbox, dead, records, queued, ….
        self.counts: Counter[str] = Counter()
        #: Conversations that begin like one that is gone, and stay.
        self.forks: list[str] = []
        self._tenants: set[str] = set()

    def run(self) -> None:
        """Erase; may be run again."""
        self._store.write(self._mark_filters)
        rows = list(found.conversations(self._store, self._meant))
        for start in range(0, len(rows), STEP):
            self._store.write(lambda tx, some=rows[start : start + STEP]: self._erase_some(tx, some))  # type: ignore[misc]
        self._unknown()
        self._notes()
        self._records()
        self._store.write(self._let_forks_be)

    # ── conversations ───────────────────────────────────────────────────────────────────────────────────────────────

    def _mark_filters(self, tx: Tx) -> None:
        """What comes late of whom, or of when, is erased, whether anything is here or not."""
        tombs, meant = self._store.tombstones(tx), self._meant
        if meant.ids is not None:
            return
        until = self._now if meant.before is None else meant.before - 1
        for user in meant.users or ():
            tombs.put(until, "user", user)
        if meant.users is None:
            tombs.put(until, "before")

    def _erase_some(self, tx: Tx, rows: Sequence[sqlite3.Row]) -> None:
        for row in rows:
            if (fresh := tx.one("conversation", key=row["key"])) is not None:
                self._erase(tx, fresh, row["messages"])

    def _erase(self, tx: Tx, row: sqlite3.Row, messages: int) -> None:
        key, tombs = row["key"], self._store.tombstones(tx)
        names = {row["id"], *(one["name"] for one in tx.all("names_of", key=key))}
        if row["thread"].startswith("id:"):
            names.add(row["thread"].removeprefix("id:"))
        self._mark(tx, row, names, tombs)
        about = tx.one("rows_about", key=key)
        self.counts.update(conversations=1, messages=messages, outbox=about["n"] if about else 0)
        self.counts["dead"] += about["dead"] if about else 0
        for one in tx.all("annotations_of", key=key):
            self._let_note_go(tx, one)
        self._ask_to_delete(tx, row)
        for statement in ("forget_rows", "forget_annotations", "forget_conversation"):
            tx.run(statement, key=key)
        for name in names:
            self._forget_waiting(tx, name, row["tenant"])
        self._tenants.add(row["tenant"])
        self.names |= names
        self.erased[row["id"]] = row["rev"]
        if not tx.one("thread_stands", tenant=row["tenant"], thread=row["thread"], user=row["user"]):
            tombs.put(self._now, "thread", row["tenant"], row["thread"], row["user"])

    def _mark(self, tx: Tx, row: sqlite3.Row, names: set[str], tombs: Tombstones) -> None:
        tombs.put(self._now, "id", row["id"])
        for name in names:
            tombs.put(self._now, "name", name)
        answered = row["thread"].startswith("id:")  # elsewhere a first question is nobody's own
        for one in tx.all("recognised", key=row["key"]):
            answered = answered or one["role"] == "assistant"
            for scope in scopes_of(row["thread"], row["user"]):
                for kind in ("chain", "pair"):
                    if one[kind] is not None and answered:
                        tombs.put(self._now, kind, row["tenant"], scope, one[kind])

    def _let_forks_be(self, tx: Tx) -> None:
        """What begins like an erased conversation stays, and names it no more."""
        for row in tx.all("forks_of", ids=found.as_list(list(self.erased))):
            self.forks.append(row["id"])
            told = tx.one("forget_origin", key=row["key"], now=self._now)
            if told and not row["freed"]:
                self._store.send(tx, row["key"], told["rev"], self._now)

    # ── notes and records ───────────────────────────────────────────────────────────────────────────────────────────

    def _forget_waiting(self, tx: Tx, name: str, tenant: str) -> None:
        """What waits for a message that will not come any more."""
        for one in tx.all("open_about", about=name):
            if one["tenant"] in (tenant, ANYBODY):
                self._forget_note(tx, one["key"])

    def _forget_note(self, tx: Tx, key: int) -> None:
        row = tx.one("annotation_sent", key=key)
        if row is not None:
            self._let_note_go(tx, row)
            tx.run("forget_note", key=key)
            tx.run("forget_annotation", key=key)

    def _let_note_go(self, tx: Tx, row: sqlite3.Row) -> None:
        self.counts[row["kind"]] += 1
        self._store.tombstones(tx).put(self._now, "note", row["tenant"], row["id"])
        self._ask_to_delete_note(tx, row)

    def _notes(self) -> None:
        """What erased users have said of other conversations, or of none."""
        if self._meant.users is not None:
            self._each("every_annotation", self._is_meant_note, lambda tx, row: self._forget_note(tx, row["key"]))

    def _is_meant_note(self, _tx: Tx, row: sqlite3.Row) -> bool:
        try:
            body = orjson.loads(row["body"])
            told_at = parse_time(body["createdAt"])
        except (ValueError, KeyError, TypeError):  # damaged: what is left of it tells
            return any(user in row["body"] for user in self._meant.users or ())
        return self._meant.means_note(body, told_at)

    def _records(self) -> None:
        self._each("every_failed", self._is_meant_record, self._drop_record)

    def _drop_record(self, tx: Tx, row: sqlite3.Row) -> None:
        if row["id"]:
            self._store.tombstones(tx).put(self._now, "name", row["id"])
        self.counts["records"] += tx.run("drop_failed", key=row["key"])

    def _is_meant_record(self, tx: Tx, row: sqlite3.Row) -> bool:
        """Whether a record is of what is erased, or may be: one that nobody can read is not searched, and goes."""
        meant = self._meant
        if meant.before is not None and row["at"] >= meant.before:
            return False
        if meant.users is None and meant.ids is None:
            return True
        if not row["payload"]:
            return False
        try:
            record = decode(row["payload"])
        except RecordUnreadable:
            return bool(self.erased)
        if isinstance(record, Note):
            name = record.body.get("messageId") or record.body.get("conversationId")
            return name in self.names or user_of(record.body) in (meant.users or ())
        return record.id in self.names or self._is_meant_exchange(tx, record, row["payload"])

    def _is_meant_exchange(self, tx: Tx, record: Exchange, payload: bytes) -> bool:
        wanted = (*(self._meant.users or ()), *(self._meant.ids or ()))
        if any(one.encode("utf-8", "surrogatepass") in payload for one in wanted):
            return True
        try:
            item = self._reading.read(payload).item
        except Exception:  # whatever it is: it is here because nothing could be made of it
            item = None
        entry = item.entry if isinstance(item, Later) else item
        if not isinstance(entry, Entry):
            return record.tenant in self._tenants
        caller, tombs = entry.caller, self._store.tombstones(tx)
        if caller.user in (self._meant.users or ()):
            return True
        chat = f"id:{caller.conversation_id}"
        return tombs.at("thread", entry.tenant, chat, caller.user) is not None or remaining(tx, tombs, entry) != entry

    def _each(
        self, query: str, is_meant: Callable[[Tx, sqlite3.Row], bool], drop: Callable[[Tx, sqlite3.Row], None]
    ) -> None:
        """Drop what is meant of a table, in steps."""
        after: int | None = 0

        def step(tx: Tx) -> int | None:
            page = tx.all(query, after=after, limit=PAGE)
            for row in page:
                if is_meant(tx, row):
                    drop(tx, row)
            return page[-1]["key"] if len(page) == PAGE else None

        while after is not None:
            after = self._store.write(step)

    # ── the sinks ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _unknown(self) -> None:
        """Ids that nobody here knows: forgotten long ago, perhaps, and the sink has them still."""
        meant = self._meant
        if meant.ids is None or meant.users is not None or meant.before is not None:
            return

        def work(tx: Tx) -> None:
            tombs = self._store.tombstones(tx)
            known = {row["id"] for row in tx.all("known_ids", ids=found.as_list(meant.ids))}
            for name in meant.ids or ():
                if name not in known and name not in self.erased:
                    self._queue(tx, "conversation", name, self._now, self._sinks)
                    if self._sinks:
                        tombs.put(self._now, "id", name)

        self._store.write(work)

    def _ask_to_delete(self, tx: Tx, row: sqlite3.Row) -> None:
        """A conversation goes from each sink that may have it; twice where a POST of it may be on its way."""
        rows = {one["sink"]: one for one in tx.all("rows_of", key=row["key"])}
        for sink in self._sinks if row["sampled"] else ():
            one = rows.get(sink)
            if one is None or one["sent_rev"] or one["tries"] or one["echo_at"] or one["last_failed_at"]:
                in_doubt = one is not None and (one["state"] == "leased" or one["echo_at"] or one["last_failed_at"])
                self._queue(tx, "conversation", row["id"], row["rev"], (sink,), in_doubt=bool(in_doubt))

    def _ask_to_delete_note(self, tx: Tx, row: sqlite3.Row) -> None:
        """Feedback goes by its id; for events there is no way."""
        if not row["is_sent"] or not self._sinks:
            return
        if row["kind"] == "feedback":
            self._queue(tx, "feedback", _told_id(row), self._now, self._sinks)
        else:
            self.counts["events_left"] += 1

    def _queue(self, tx: Tx, kind: str, name: str, rev: int, sinks: Sequence[str], *, in_doubt: bool = False) -> None:
        for sink in sinks:
            row = tx.one("add_deletion", kind=kind, id=name, rev=rev)
            assert row is not None
            doubt = doubt_until(self._now) if in_doubt else None
            tx.run("put_deletion", sink=sink, item=row["key"], now=self._now, doubt=doubt)
            self.counts["queued"] += 1


def _told_id(row: sqlite3.Row) -> str:
    """The id that the sink was told of an annotation."""
    try:
        return str(orjson.loads(row["body"])["id"])
    except (ValueError, KeyError, TypeError):
        return str(row["id"])
