"""Answers that came after their exchange: what was logged before it was whole is told again, under the same id.

An answer made in the background is logged when it is asked for, still empty; one that was cut, as far as it came. A later
exchange that brings more of it (`reading.Later`) finds it by its completion id, within the tenant. The message keeps its
id; further messages in it come before it, so that what stands behind moves on. Hashes are made anew from there. An answer
that came to its end is not touched again. Everything runs inside the recorder's transaction.

An exchange is recorded when it ends, so that a stream whose client has gone unnoticed can be recorded after the one that
resumed it: what nobody has asked for yet is kept in memory for a while (`Early`), and lost with the process.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from ..core.caller import LONGEST_UPSTREAM_ID, checked_id
from ..core.jsontext import write
from ..core.message import Message, chain, digest, is_heard, pairs
from ..core.responses_answer import FINAL, GOING_ON
from .conversations import Recorded
from .growth import free_id

if TYPE_CHECKING:
    import sqlite3

    from ..core.entry import Entry
    from ..db.sqlite import Tx
    from .reading import Later

#: How many answers, and bytes of them, wait for their question.
MOST_EARLY, MOST_EARLY_BYTES = 256, 32 * 1024 * 1024
#: Places that no conversation reaches.
_FAR = 1 << 40


def take_later(tx: Tx, later: Later, now: int) -> Recorded:
    """Tell an answer again, if it is known and there is more of it; `now` is the least rev it gives."""
    entry = later.entry
    if tx.one("exchange_seen", id=entry.id):
        return Recorded("seen")
    row = tx.one("answer_of_completion", tenant=entry.tenant, completion=entry.completion_id)
    if row is None:
        return Recorded("unknown_answer")
    logged, properties = _message(row), orjson.loads(row["properties"])
    if _has_ended(properties):
        return Recorded("seen", row["conversation_id"])
    kept = logged.extra.get("unfinished")
    if kept:
        entry = later.behind(kept)
    goes_on = (kept or not _says_something(logged)) and entry.answers and entry.answers[-1] != logged
    if not (goes_on or _has_ended(entry.properties)):
        return Recorded("unanswered", row["conversation_id"])
    rev = max(row["conversation_rev"] + 1, now)
    names = _Retelling(tx, row, rev).store(entry, _properties(properties, entry, row["created_at"]))
    return Recorded("recorded", row["conversation_id"], row["conversation"], rev, (*names, row["conversation_id"]))


class Early:
    """Answers that were recorded before the exchange that asked for them; the oldest go first when they are too many."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], Later] = {}
        self._size = 0

    def keep(self, later: Later) -> None:
        """Keep the newest part of an answer, or its end."""
        name = (later.entry.tenant, later.entry.completion_id)
        before = self._kept.get(name)
        if before and _has_ended(before.entry.properties):
            return
        if before:
            self._drop(name)
        self._kept[name] = later
        self._size += later.size
        while len(self._kept) > MOST_EARLY or self._size > MOST_EARLY_BYTES:
            self._drop(next(iter(self._kept)))

    def of(self, entry: Entry) -> Later | None:
        """What came of an entry's answer before it; again and again, since a transaction may fail."""
        return self._kept.get((entry.tenant, entry.completion_id)) if entry.answers and entry.completion_id else None

    def _drop(self, name: tuple[str, str]) -> None:
        self._size -= self._kept.pop(name).size


def _says_something(message: Message) -> bool:
    return message != Message(message.role)


def _has_ended(properties: dict[str, Any]) -> bool:
    """Whether nothing more will come of an answer."""
    reason = properties.get("finishReason")
    return reason in FINAL or ("interrupted" not in properties and reason not in GOING_ON)


def _properties(logged: dict[str, Any], entry: Entry, logged_at: int) -> dict[str, Any]:
    """An answer's properties when more of it came; its latency is the time since it was asked for."""
    told = {name: value for name, value in entry.properties.items() if name != "timeToFirstTokenMs"}
    kept = {name: value for name, value in logged.items() if name not in ("interrupted", "finishReason", "error")}
    return kept | told | {"latencyMs": logged["latencyMs"] + entry.ended - logged_at}


class _Retelling:
    """One answer told again; `row` is its last message."""

    def __init__(self, tx: Tx, row: sqlite3.Row, rev: int) -> None:
        self._tx = tx
        self._row = row
        self._rev = rev
        #: What was logged of the answer before its last message.
        self._earlier: list[sqlite3.Row] = []
        while (before := self._before_part()) and _is_part(before["id"], row["id"]):
            self._earlier.insert(0, before)

    def store(self, entry: Entry, properties: dict[str, Any]) -> list[str]:
        """The messages take their places; the names by which feedback may have asked for them."""
        *earlier, last = self._told(entry.answers)
        place = self._row["place"]
        moved = len(earlier) - len(self._earlier)
        for surplus in self._earlier[len(earlier) :]:
            here = {"conversation": self._row["conversation"], "first": surplus["place"], "last": surplus["place"]}
            self._tx.run("keep_ids", **here)
            self._tx.run("replace", **here)
        self._move(place, moved)
        behind = place - len(self._earlier)
        keys = [self._tell_earlier(at, behind + at, message, entry.ended) for at, message in enumerate(earlier)]
        keys.append(self._tell(self._row, last, entry.ended, properties))
        self._hash_again(self._earlier[0]["place"] if self._earlier else place, moved)
        found = [{"value": entry.id, "kind": "exchange", "message": self._row["key"]}]
        for key, message in zip(keys, (*earlier, last), strict=True):
            found += [{"value": one["id"], "kind": "tool_call", "message": key} for one in message.tool_calls]
            if name := checked_id(message.id, LONGEST_UPSTREAM_ID):
                found.append({"value": name, "kind": "message", "message": key})
        self._tx.many("add_key", found)
        return [self._row["id"], entry.id, entry.completion_id]

    def _told(self, answers: list[Message]) -> list[Message]:
        """What the answer says now; one that failed before it said anything leaves what was logged."""
        if any(map(_says_something, answers)):
            return answers
        logged = _message(self._row)
        rest = {key: value for key, value in logged.extra.items() if key != "unfinished"}
        return [*map(_message, self._earlier), replace(logged, extra=rest)]

    def _tell_earlier(self, at: int, place: int, message: Message, now: int) -> int:
        if at < len(self._earlier):
            return self._tell(self._earlier[at], message, now, {})
        return self._tx.add(
            "add_message",
            conversation=self._row["conversation"],
            place=place,
            id=free_id(self._tx, self._row["tenant"], f"{self._row['id']}.{at}"),
            rev=self._rev,
            created_at=now,
            started=self._row["started"],
            cut=False,
            retry=bool(self._row["retry"]),
            role=message.role,
            of_tools=_of_tools(message),
            chain=None,
            digest=None,
            pair=None,
            body=write(message.to_json()),
            properties="{}",
        )

    def _tell(self, row: sqlite3.Row, message: Message, now: int, properties: dict[str, Any]) -> int:
        body = write(message.to_json())
        self._tx.run(
            "tell_again",
            key=row["key"],
            created_at=now,
            of_tools=_of_tools(message),
            body=body,
            properties=write(properties),
        )
        return int(row["key"])

    def _move(self, first: int, by: int) -> None:
        """What stands from a place on moves on; by way of places that nobody has, since no two may share one."""
        for step in (by + _FAR, -_FAR) if by else ():
            start = first if step > 0 else first + by + _FAR
            self._tx.run("move_messages", conversation=self._row["conversation"], first=start, by=step)

    def _hash_again(self, first: int, moved: int) -> None:
        """Hashes from a place on, and the tip when it stands there."""
        here = {"conversation": self._row["conversation"]}
        rows = self._tx.all("standing_from", **here, first=first)
        messages = [_message(row) for row in rows]
        before = self._tx.one("newest_standing", **here, upto=first - 1, count=1)
        asked = self._tx.one("question_before", **here, place=first)
        root = self._row["tenant"].encode()
        hashes = chain(messages, before["chain"] if before else root)
        paired = pairs(messages, asked["digest"] if asked else None, root)
        told = list(zip(rows, messages, hashes, paired, strict=True))
        unheard = {"chain": None, "digest": None, "pair": None}
        self._tx.many(
            "hash_again",
            (
                {"key": row["key"]}
                | ({"chain": hashed, "digest": digest(message), "pair": pair} if is_heard(message) else unheard)
                for row, message, hashed, pair in told
            ),
        )
        at_place = {row["place"]: hashed for row, _, hashed, _ in told}
        tip_place = self._row["tip_place"] + (moved if self._row["tip_place"] >= self._row["place"] else 0)
        tip = at_place.get(tip_place, self._row["tip"])
        key = self._row["conversation"]
        self._tx.run("go_on_later", key=key, rev=self._rev, moved=moved, tip_place=tip_place, tip=tip)

    def _before_part(self) -> sqlite3.Row | None:
        """The message before what is known to be the answer's."""
        place = self._row["place"] - len(self._earlier) - 1
        return self._tx.one("at_place", conversation=self._row["conversation"], place=place) if place > 0 else None


def _is_part(name: str, answer: str) -> bool:
    """Whether an id is of a message before the last of an answer; a question's has a letter after the point."""
    return name.startswith(f"{answer}.") and name[len(answer) + 1 :].partition("~")[0].isdigit()


def _message(row: sqlite3.Row) -> Message:
    return Message.from_json({"role": row["role"], **orjson.loads(row["body"])})


def _of_tools(message: Message) -> bool:
    return bool(message.tool_calls or message.function_call)
