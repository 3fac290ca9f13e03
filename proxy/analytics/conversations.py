"""Conversations in the store: one upserted, one read, a page of them, the old ones forgotten.

Works of a transaction, all of them; `ApiError` 404 and 422 come out of here. An upsert writes only the messages that
differ. A message that leaves the list stays reachable when feedback names it, and so does an answer whose id its client
chose: somebody may still speak of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.tally import usd_of
from ..core.wire import emit_conversation, emit_event, emit_feedback, emit_message
from ..errors import ApiError
from . import rows
from .deletion import past_deletion
from .upsert import merged, settled, teelog_rev

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping, Sequence

    from ..db.sqlite import Tx

#: Conversations that one transaction forgets, so that others wait for milliseconds only.
FORGET_AT_ONCE = 200
#: Of one answer, about: as much as twenty of the largest bodies, and no more than memory has.
BYTES_LIMIT = 128 * 1024 * 1024


def log(tx: Tx, posted: Mapping[str, Any], now: int, mint: Callable[[str], str]) -> dict[str, Any]:
    """Upserts a record of `read_conversation`; an older snapshot of a teelog changes nothing. The answer form.

    What was deleted is not taken again (`deletion`).
    """
    name = posted.get("id") or mint("conv")
    logged = past_deletion(tx, name, posted)
    if logged is None:
        return _unstored(name, posted, now, mint)
    name, posted = logged
    row = tx.one("conversation", id=name)
    old = None if row is None else rows.conversation_record(row, [])
    record = merged(old, {**posted, "id": name}, now)
    rev, applied = teelog_rev(posted), None if row is None else row["rev"]
    if rev is not None and applied is not None and rev < applied:
        return told(tx, name)
    stored = _stored(tx, name)
    record["messages"] = settled(stored, posted["messages"], now, lambda: mint("msg"))
    tx.run("put_conversation", **rows.conversation_row(record, applied if rev is None else rev))
    given = {message["id"] for message in posted["messages"] if "id" in message}
    _replace_messages(tx, name, stored, record["messages"], given)
    return emit_conversation(record)


def conversation(tx: Tx, name: str) -> dict[str, Any]:
    """A conversation's record with the messages of its list; 404."""
    row = tx.one("conversation", id=name)
    if row is None:
        raise ApiError(404, f"there is no conversation {name!r}")
    return _with_messages(tx, row)


def told(tx: Tx, name: str) -> dict[str, Any]:
    """A conversation's answer form; 404."""
    return emit_conversation(conversation(tx, name))


def refuse_large(tx: Tx, names: Sequence[str], most: int = BYTES_LIMIT) -> None:
    """Refuses to answer with these conversations together (422); one, and one again, can always be answered."""
    weights = {name: tx.all("weight", conversation=name)[0]["bytes"] for name in set(names)}
    if len(names) > 2 and sum(weights[name] for name in names) > most:
        raise ApiError(422, "the answer is too large: ask for fewer with limit")


def told_by_external_id(tx: Tx, external: str) -> dict[str, Any]:
    """The answer form of the newest conversation with an external id; 404."""
    row = tx.one("conversation_by_external_id", external_id=external)
    if row is None:
        raise ApiError(404, f"there is no conversation with the external id {external!r}")
    return emit_conversation(_with_messages(tx, row))


def transcript(tx: Tx, name: str) -> dict[str, Any]:
    """A conversation's answer form; beside it what it cost, what was `replaced`, all `feedback`, and the `events` around it; 404."""
    record = conversation(tx, name)
    replaced = [message for message in _stored(tx, name) if message["place"] is None]
    feedback = [rows.feedback_record(row) for row in tx.all("feedback_of_conversation", conversation=name)]
    cost = tx.all("cost_of_conversation", conversation=name)[0]["cost"]
    return emit_conversation(record) | {
        "costUsd": usd_of(cost),
        "replaced": [emit_message(message, record) for message in replaced],
        "feedback": [emit_feedback(one) for one in feedback],
        "events": [emit_event(rows.event_record(row)) for row in tx.all("events_of_conversation", conversation=name)],
    }


def forget(tx: Tx, before: int) -> int:
    """Removes some of the conversations last changed before a time, with what was said of them; how many."""
    outdated = tx.all("outdated_conversations", before=before, limit=FORGET_AT_ONCE)
    for row in outdated:
        tx.run("drop_events_of", id=row["id"])
        tx.run("drop_conversation", id=row["id"])
    tx.run("drop_outdated_feedback", before=before)
    tx.run("drop_outdated_events", before=before)
    tx.run("drop_outdated_deletions", before=before)
    tx.run("drop_outdated_deleted_messages", before=before)
    return len(outdated)


def _unstored(name: str, posted: Mapping[str, Any], now: int, mint: Callable[[str], str]) -> dict[str, Any]:
    """What a post of a deleted conversation is answered: as if it were taken, so that nobody tries again."""
    record = merged(None, {**posted, "id": name}, now)
    return emit_conversation(record | {"messages": settled([], posted["messages"], now, lambda: mint("msg"))})


def _with_messages(tx: Tx, row: sqlite3.Row) -> dict[str, Any]:
    every = tx.all("messages", conversation=row["id"])
    return rows.conversation_record(row, [rows.message_record(one) for one in every if one["place"] is not None])


def _stored(tx: Tx, conversation: str) -> list[dict[str, Any]]:
    """All messages with what only the store knows of them, those that left the list too."""
    return [
        rows.message_record(row) | {"place": row["place"], "id_given": bool(row["id_given"])}
        for row in tx.all("messages", conversation=conversation)
    ]


def _replace_messages(
    tx: Tx,
    conversation: str,
    stored: Sequence[Mapping[str, Any]],
    messages: Sequence[Mapping[str, Any]],
    given: set[str],
) -> None:
    """Writes the rows that differ: of a chat that goes on, only the new messages."""
    before = {message["id"]: message for message in stored}
    after: dict[str, dict[str, Any]] = {}
    for place, message in enumerate(messages):
        name = message["id"]
        id_given = name in given or (name in before and before[name]["id_given"])
        after[name] = {**message, "place": place, "id_given": id_given}
    changed = {name: message for name, message in after.items() if not _equal(before.get(name), message)}
    # First every place is made free, then it is taken: two messages may change places.
    tx.many("lift_message", [{"conversation": conversation, "id": name} for name in changed.keys() & before.keys()])
    tx.many("retire_message", [{"conversation": conversation, "id": name} for name in before.keys() - after.keys()])
    tx.many(
        "put_message",
        [rows.message_row(one, conversation, one["place"], id_given=one["id_given"]) for one in changed.values()],
    )
    tx.run("drop_retired_messages", conversation=conversation)
    tx.run("attach_feedback", conversation=conversation)
    tx.run("attach_events", conversation=conversation)


def _equal(before: Mapping[str, Any] | None, message: Mapping[str, Any]) -> bool:
    return before is not None and all(value == message.get(name) for name, value in before.items())
