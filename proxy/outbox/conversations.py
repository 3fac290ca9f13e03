"""Conversations in the database: an exchange is placed, and the conversation grows by it.

Everything here runs inside one write transaction, so that what was looked up still holds when it is acted on. A message
that is replaced gives up its place and stays known by its ids; what the log loses by that is told as an event.
`core/conversation.py` decides, `growth.py` moves the messages, this file keeps the conversation's own row.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

from ..core.additions import Addition, additions
from ..core.conversation import of_side_request, place
from ..core.entry import Entry, conversation_properties, side_event
from ..core.exchange import Note
from ..core.history import History
from ..core.ids import conversation_id, is_sampled
from ..core.jsontext import write, written
from ..core.message import Message
from ..core.place import Placing, Spot, thread_of
from ..core.wire import Logged, Snapshot, replaced_event
from .growth import Growth
from .matching import Tenant
from .past import remaining
from .references import dereferenced
from .rewording import bring_back, copy
from .tombstones import Tombstones

if TYPE_CHECKING:
    import sqlite3

    from ..db.sqlite import Tx


@dataclass(slots=True, frozen=True)
class Recorded:
    """What became of a record."""

    #: "recorded"; "seen" (it was recorded before), "sampled_out", "unanswered" (nothing new came of it), "late" (what the
    #: client made of it is recorded already); or for what is no conversation's: "side_request", "refused" (by the upstream),
    #: "no_answer" (we had to answer in its stead), "not_rebuilt", "unknown_answer" (a later answer to what we have not seen),
    #: "set_aside", "feedback", "event"; or "erased" (it belongs to what was). Counters have these names.
    outcome: str
    #: The conversation's id, where there is one.
    conversation: str = ""
    key: int = 0
    rev: int = 0
    #: Names by which feedback may have asked for the new messages.
    names: tuple[str, ...] = ()
    #: Events that tell what the conversation has lost.
    events: tuple[Note, ...] = ()


#: A side request quotes a chat up to its last answer; the next question would stand here.
_NEXT = Message("user", "")


class Conversations:
    """
    How exchanges are put into conversations.

    Args:
        secret: Keeps the ids of our own conversations unguessable, and the same when a record is made use of again.
        sample_rate: The share of conversations that is recorded, 0 to 1.

    """

    def __init__(self, secret: bytes, sample_rate: float) -> None:
        self._secret = secret
        self._sample_rate = sample_rate

    def record(self, tx: Tx, entry: Entry, now: int) -> Recorded:
        """Place an exchange and store it; `now` is the least rev it gives."""
        if tx.one("exchange_seen", id=entry.id):
            return Recorded("seen")
        left = remaining(tx, self.tombstones(tx), entry if entry.side else dereferenced(tx, entry))
        if left is None:
            return Recorded("erased")
        entry = left
        if entry.side:
            return self._aside(tx, entry, now)
        known = Tenant(tx, entry.tenant)
        placing = place(entry.asking, known)
        row = known.conversation(placing.held.key) if placing.held else None
        if placing.how == "late" and row and placing.standing:
            growth = Growth(tx, row, row["rev"])
            growth.know_as(entry, placing.standing.key)
            return Recorded("late", row["id"], names=tuple(growth.names))
        if row and row["freed"] and not bring_back(tx, row, entry.history, placing.keep):
            # analytics has more than we could send: what is there stays, and this is told apart
            assert placing.held is not None
            origin = Spot(placing.held, placing.held.tip_place)
            row, placing = None, Placing(start=entry.history.root, appends=placing.appends, origin=origin)
        new = additions(entry, placing)
        if not new or (placing.how == "beside" and not entry.answers):
            return Recorded("unanswered", row["id"] if row else "")
        if row and not entry.answers and placing.keep < row["tip_place"]:
            return Recorded("unanswered", row["id"])  # an answer is not given up for one that never came
        if row is None:
            if self.tombstones(tx).covers(entry.started, "before"):
                return Recorded("erased")
            row, new, placing = self._begun(tx, entry, placing, new)
        return self._grown(tx, row, entry, placing, new, now)

    def tombstones(self, tx: Tx) -> Tombstones:
        """What was erased."""
        return Tombstones(tx, self._secret)

    def _aside(self, tx: Tx, entry: Entry, now: int) -> Recorded:
        """What a front end asked for itself: an event of its chat, or a conversation that nobody goes on with."""
        held = of_side_request(
            entry.asking, History.of([*entry.quoted, _NEXT], entry.history.root), Tenant(tx, entry.tenant)
        )
        row = tx.one("conversation", key=held.key) if held else None
        name = row["id"] if row else entry.caller.conversation_id
        is_anothers = row is None and tx.one("named", tenant=entry.tenant, thread=f"id:{name}")
        if (
            name and not is_anothers
        ):  # front ends ask for a title before the chat's first question: that event waits for its conversation
            event = Note(entry.id, "event", entry.tenant, side_event(entry, name), entry.started)
            return Recorded("side_request", name, events=() if row and not row["sampled"] else (event,))
        placing = Placing(start=entry.history.root)
        new = [replace(one, chain=None, digest=None, pair=None) for one in additions(entry, placing)]
        if not new:
            return Recorded("unanswered")
        begun, new, placing = self._begun(tx, entry, placing, new)
        return self._grown(tx, begun, entry, placing, new, now)

    def _grown(
        self, tx: Tx, row: sqlite3.Row, entry: Entry, placing: Placing, new: list[Addition], now: int
    ) -> Recorded:
        """The conversation after the exchange."""
        rev = max(row["rev"] + 1, now)
        growth = Growth(tx, row, rev)
        if placing.how == "beside":
            growth.put_beside(entry, placing)
        else:
            growth.grow(entry, placing, new)
        _go_on(tx, row, entry, placing, growth, rev)
        names = tuple({*growth.names, row["id"], entry.caller.conversation_id or row["id"]})
        events = self._events(row, entry, placing, growth) if row["sampled"] else ()
        return Recorded("recorded" if row["sampled"] else "sampled_out", row["id"], row["key"], rev, names, events)

    def _begun(
        self, tx: Tx, entry: Entry, placing: Placing, new: list[Addition]
    ) -> tuple[sqlite3.Row, list[Addition], Placing]:
        """A new conversation, and what comes into it: of one that begins like another, the times are known."""
        name = self._free_name(tx, entry)
        origin = placing.origin
        held = tx.one("conversation", key=origin.held.key) if origin else None
        properties = {"forkedFrom": held["id"]} if held else {}
        copies = placing.copies and held is not None and not held["freed"]
        if placing.appends and not copies:
            properties["history"] = "partial"
        row = tx.one(
            "begin_conversation",
            id=name,
            tenant=entry.tenant,
            thread=_thread(entry),
            created_at=entry.started,
            sampled=bool(held["sampled"]) if held else is_sampled(self._chance(name), self._sample_rate),
            properties=write(properties),
        )
        assert row is not None
        if origin and copies:
            return row, new, replace(placing, keep=copy(tx, row, origin, entry.id))
        if origin:
            rows = tx.all("times", conversation=origin.held.key, place=origin.place)
            times = {one["chain"]: one["created_at"] for one in rows}
            new = [replace(one, created_at=times.get(one.chain or b"", one.created_at)) for one in new]
        return row, new, placing

    def _free_name(self, tx: Tx, entry: Entry) -> str:
        """What analytics will know a new conversation by; one that was erased goes on as `<id>~2`."""
        given, tombs = "" if entry.side else entry.caller.conversation_id, self.tombstones(tx)
        name = conversation_id(given, taken=False, chance=self._chance(entry.id))
        if not _is_taken(tx, tombs, name):
            return name
        if tombs.at("thread", entry.tenant, f"id:{given}", entry.caller.user) is not None:
            numbered = (f"{given}~{number}" for number in count(2))
            return next(one for one in numbered if not _is_taken(tx, tombs, one))
        return conversation_id(given, taken=True, chance=self._chance(entry.id))

    def _events(self, row: sqlite3.Row, entry: Entry, placing: Placing, growth: Growth) -> tuple[Note, ...]:
        """What the log has lost: answers for which others were wanted, or a history that the client has changed."""
        lost = [one for one in growth.replaced if one["chain"]]
        if not lost or placing.how in ("retried", "extended") or not any(one["role"] == "assistant" for one in lost):
            return ()
        kind = "conversation:rewritten" if placing.how == "rewritten" else "message:regenerated"
        about = (
            {"conversationId": row["id"]} if placing.how == "rewritten" else {"messageId": growth.stands_instead(entry)}
        )
        told = replaced_event(kind, about, [_logged(one) for one in lost], entry.ended)
        return (
            Note(f"{entry.id}.replaced", "event", entry.tenant, told | {"id": f"{entry.id}.replaced"}, entry.ended),
        )

    def _chance(self, name: str) -> bytes:
        """16 bytes that nobody else can guess, the same for the same name."""
        return hmac.digest(self._secret, name.encode(), "sha256")[:16]


def _is_taken(tx: Tx, tombs: Tombstones, name: str) -> bool:
    return bool(tx.one("conversation_with_id", id=name)) or tombs.at("id", name) is not None


def _go_on(tx: Tx, row: sqlite3.Row, entry: Entry, placing: Placing, growth: Growth, rev: int) -> None:
    """The conversation's own row, and where it may be gone on with."""
    user = entry.caller.user or row["user"]
    thread = row["thread"] or _thread(entry)
    who = {"user": user, "thread": thread, "connection": entry.connection, "kin": entry.kin}
    tx.run(
        "go_on",
        key=row["key"],
        rev=rev,
        last_place=growth.last_place,
        tip_place=growth.tip_place,
        tip=None if entry.side else growth.tip,  # nobody goes on with a title
        properties=write(written(row["properties"]) | conversation_properties(entry)),
        user_properties=write({"userId": user}) if user else row["user_properties"],
        **who,
    )
    if row["freed"] or (placing.appends and not row["appended"]):
        tx.run("come_back", key=row["key"], appended=placing.appends)
    if entry.side:
        return
    if placing.how != "beside":
        tx.run("forget_tips", conversation=row["key"], all=placing.how not in ("regenerated", "retried"))
    for tip, former, choice in growth.tips:
        tx.run("add_tip", conversation=row["key"], hash=tip, rev=rev, former=former, choice=choice, **who)


def _thread(entry: Entry) -> str:
    return "" if entry.side else thread_of(entry.caller)


def snapshot(tx: Tx, key: int) -> tuple[Snapshot, int] | None:
    """A conversation as it stands, and its rev; None when it is gone, or nothing of what was said is here any more."""
    row = tx.one("conversation", key=key)
    if row is None or row["freed"]:
        return None
    messages = [_logged(one) for one in tx.all("messages", conversation=key)]
    if not messages:
        return None
    properties = written(row["properties"]) | {"teelogRev": row["rev"]}
    return Snapshot(row["id"], messages, row["created_at"], properties, written(row["user_properties"])), row["rev"]


def _logged(row: sqlite3.Row) -> Logged:
    message = Message.from_json({"role": row["role"], **written(row["body"])})
    return Logged(message, row["id"], row["created_at"], written(row["properties"]))
