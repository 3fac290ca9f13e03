"""Conversations in the database: an exchange is placed, and the conversation grows by it.

Everything here runs inside one write transaction, so that what was looked up still holds when it is acted on. A message
that is replaced gives up its place and stays known by its ids. `core/conversation.py` decides, this file stores.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from itertools import chain, count
from typing import TYPE_CHECKING, Any

import orjson

from ..core.conversation import Held, Placing, Standing, conversation_id, is_sampled, place
from ..core.entry import Addition, Entry, additions, conversation_properties, prompt_additions
from ..core.jsontext import write
from ..core.message import Message
from ..core.wire import Logged, Snapshot
from .references import dereferenced

if TYPE_CHECKING:
    import sqlite3

    from ..db.sqlite import Tx


@dataclass(slots=True, frozen=True)
class Recorded:
    """What became of a record."""

    #: "recorded"; "seen" (it was recorded before), "sampled_out", "unanswered" (nothing new came of it); or for what is
    #: no conversation's: "refused", "not_rebuilt", "unknown_answer" (a later answer to what we have not seen),
    #: "set_aside", "feedback", "event". Counters have these names.
    outcome: str
    #: The conversation's id, where there is one.
    conversation: str = ""
    key: int = 0
    rev: int = 0
    #: Names by which feedback may have asked for the new messages.
    names: tuple[str, ...] = ()


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
        entry = dereferenced(tx, entry)
        placing = place(entry.history, entry.caller, entry.connection, _Tenant(tx, entry.tenant))
        new = additions(entry, placing)
        if not new:
            return Recorded("unanswered")
        row = self._begun(tx, entry) if placing.held is None else tx.one("conversation", key=placing.held.key)
        assert row is not None
        if not entry.answers and placing.keep < row["tip_place"]:
            return Recorded("unanswered", row["id"])  # an answer is not given up for one that never came
        rev = max(row["rev"] + 1, now)
        keys = _Growth(tx, row, rev).grow(entry, placing, new) if row["sampled"] else []
        _go_on(tx, row, entry, placing, new, rev)
        outcome = "recorded" if row["sampled"] else "sampled_out"
        return Recorded(outcome, row["id"], row["key"], rev, tuple({*keys, row["id"], row["given"] or row["id"]}))

    def _begun(self, tx: Tx, entry: Entry) -> sqlite3.Row:
        """A new conversation."""
        given = entry.caller.conversation_id
        taken = bool(given) and tx.one("conversation_with_id", id=given) is not None
        name = conversation_id(given, taken=taken, chance=self._chance(entry.id))
        row = tx.one(
            "begin_conversation",
            id=name,
            tenant=entry.tenant,
            given=given or None,
            created_at=entry.started,
            sampled=is_sampled(self._chance(name), self._sample_rate),
        )
        assert row is not None
        return row

    def _chance(self, name: str) -> bytes:
        """16 bytes that nobody else can guess, the same for the same name."""
        return hmac.digest(self._secret, name.encode(), "sha256")[:16]


class _Tenant:
    """What is known within one tenant; implements `core.conversation.Known`."""

    def __init__(self, tx: Tx, tenant: str) -> None:
        self._tx = tx
        self._tenant = tenant

    def named(self, conversation_id: str) -> Held | None:
        return _held(self._tx.one("conversation_named", tenant=self._tenant, name=conversation_id))

    def newest_at(self, tip: bytes, user: str | None, connection: str | None) -> Held | None:
        query = "newest" + ("" if user is None else "_of_user") + ("" if connection is None else "_on_line")
        values = {"user": user, "connection": connection}
        named = {name: value for name, value in values.items() if value is not None}
        return _held(self._tx.one(query, tenant=self._tenant, tip=tip, **named))

    def standing(self, held: Held) -> list[Standing]:
        return [Standing(*row) for row in self._tx.all("standing", conversation=held.key)]


def _held(row: sqlite3.Row | None) -> Held | None:
    if row is None:
        return None
    return Held(row["key"], row["last_place"], row["tip_place"], row["tip"] or b"", bool(row["appended"]))


class _Growth:
    """One conversation while it grows by one exchange."""

    def __init__(self, tx: Tx, row: sqlite3.Row, rev: int) -> None:
        self._tx = tx
        self._row = row
        self._rev = rev

    def grow(self, entry: Entry, placing: Placing, new: list[Addition]) -> list[str]:
        """Messages go and come; the names by which the new ones are known."""
        self._put_prompt(prompt_additions(entry))
        if placing.keep < self._row["last_place"]:
            self._replace(placing.keep + 1, self._row["last_place"])
        added = [self._add(addition, at) for at, addition in enumerate(new, placing.keep + 1)]
        newest = added[-1][0]
        keys = [(entry.id, "exchange", newest)]
        if entry.answers and entry.completion_id:
            keys.append((entry.completion_id, "completion", newest))
        for (message, _), addition in zip(added, new, strict=True):
            keys += [(call["id"], "tool_call", message) for call in addition.message.tool_calls if call.get("id")]
            if addition.is_answer and addition.own_id:
                keys.append((addition.own_id, "message", message))
        self._tx.many("add_key", ({"value": value, "kind": kind, "message": to} for value, kind, to in keys))
        return [name for _, name in added] + [value for value, kind, _ in keys if kind != "tool_call"]

    def _add(self, addition: Addition, at: int) -> tuple[int, str]:
        """A message takes a place: its key and its id."""
        own = self._free_id(addition)
        row = self._tx.one(
            "add_message",
            conversation=self._row["key"],
            place=at,
            id=own,
            rev=self._rev,
            created_at=addition.created_at,
            chain=addition.chain,
            digest=addition.digest,
            pair=addition.pair,
            body=write(addition.message.to_json()),
            properties=write(addition.properties),
        )
        assert row is not None
        return row["key"], own

    def _free_id(self, addition: Addition) -> str:
        """The client's own id, or ours; even ours may be taken, by a client that has put it on another message."""
        own = "" if addition.is_answer else addition.own_id
        return free_id(self._tx, *filter(None, (own, addition.id)))

    def _put_prompt(self, prompt: list[Addition]) -> None:
        """The newest system prompt stands at place 0; one of several messages begins before it."""
        if not prompt:
            return
        standing = {row["place"]: row for row in self._tx.all("prompt", conversation=self._row["key"])}
        start = 1 - len(prompt)
        for at, addition in enumerate(prompt, start):
            body = write(addition.message.to_json())
            if at not in standing:
                self._add(addition, at)
            elif standing[at]["body"] != body:
                self._tx.run("say_again", key=standing[at]["key"], body=body)
        if standing and min(standing) < start:
            self._replace(min(standing), start - 1)

    def _replace(self, first: int, last: int) -> None:
        self._tx.run("keep_ids", conversation=self._row["key"], first=first, last=last)
        self._tx.run("replace", conversation=self._row["key"], first=first, last=last)


def free_id(tx: Tx, *wanted: str) -> str:
    """The first of some message ids that no standing message has, or the last with a number."""
    others = (f"{wanted[-1]}~{number}" for number in count(2))
    return next(one for one in chain(wanted, others) if not tx.one("message_id_taken", id=one))


def _go_on(tx: Tx, row: sqlite3.Row, entry: Entry, placing: Placing, new: list[Addition], rev: int) -> None:
    """The conversation's own row after an exchange."""
    tip, tip_place = row["tip"], row["tip_place"]
    for at, addition in enumerate(new, placing.keep + 1):
        if addition.message.role == "assistant":
            tip, tip_place = addition.chain, at
        elif not tip_place:
            tip = addition.chain or tip
    user = entry.caller.user
    tx.run(
        "go_on",
        key=row["key"],
        user=user or row["user"],
        connection=entry.connection,
        rev=rev,
        last_place=placing.keep + len(new),
        tip_place=tip_place,
        tip=tip,
        appended=placing.appends,
        properties=write(orjson.loads(row["properties"]) | conversation_properties(entry)),
        user_properties=write({"userId": user}) if user else row["user_properties"],
    )


def snapshot(tx: Tx, key: int) -> tuple[Snapshot, int] | None:
    """A conversation as it stands, and its rev; None when it is gone."""
    row = tx.one("conversation", key=key)
    if row is None:
        return None
    messages = [
        Logged(Message.from_json(_json(one["body"])), one["id"], one["created_at"], _json(one["properties"]))
        for one in tx.all("messages", conversation=key)
    ]
    properties = _json(row["properties"]) | {"teelogRev": row["rev"]}
    return Snapshot(row["id"], messages, row["created_at"], properties, _json(row["user_properties"])), row["rev"]


def _json(text: str) -> dict[str, Any]:
    value: dict[str, Any] = orjson.loads(text)
    return value
