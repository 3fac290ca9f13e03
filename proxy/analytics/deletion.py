"""What somebody deleted: gone with all that was said of it, and not brought back by a post that comes late.

Clients post whole histories, again and again. Of a deleted conversation a mark of its id is kept, and how many messages it
had: a post with no more than those is answered and not stored; one with more is a chat that went on. What came after the
deletion is then a conversation of its own, `<id>~2` (`~3` when that is deleted, too). A teelog that erases says up to
which of its revisions: it goes on under another id itself, so that none of those is taken, whatever is in it. Of the
messages marks are kept too: late feedback does not wait for them.

A mark is a hash that is keyed by chance of this file's own: it names nobody. Works of a transaction.
"""

from __future__ import annotations

import os
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from .upsert import teelog_rev

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from ..db.sqlite import Tx

_SALT_SIZE, _MARK_SIZE = 16, 16


def delete_conversation(tx: Tx, name: str, now: int, rev: int = 0) -> dict[str, Any] | None:
    """
    Removes a conversation with its messages, feedback and events; what the format answers then, None where there is none.

    No snapshot of a teelog up to `rev` is taken afterwards, whether it was here or not.
    """
    rows = tx.all("messages", conversation=name)
    placed = sum(row["place"] is not None for row in rows)
    is_here = tx.one("conversation", id=name) is not None
    if is_here or rev:
        put_deleted(tx, name, placed, now, rev)
    if not is_here:
        return None
    forget_messages(tx, [row["id"] for row in rows], now)
    tx.run("drop_events_of", id=name)
    tx.run("drop_conversation", id=name)
    return {"success": True, "message": f"the conversation {name} was deleted, with its feedback and events"}


def put_deleted(tx: Tx, name: str, messages: int, now: int, rev: int = 0) -> None:
    """A conversation stays deleted."""
    tx.run("put_deleted", mark=_new_mark(tx, "conversation", name), messages=messages, rev=rev, deleted_at=now)


def forget_messages(tx: Tx, names: list[str], now: int) -> None:
    """Nothing that is said of these messages later is kept, nor what waits for them."""
    for name in names:
        tx.run("put_deleted_message", mark=_new_mark(tx, "message", name), deleted_at=now)
        tx.run("drop_waiting_feedback", message=name)
        tx.run("drop_waiting_events", message=name)


def speaks_of_deleted(tx: Tx, record: Mapping[str, Any]) -> bool:
    """Whether feedback or an event is about a message or conversation that was deleted, and none of its id is here."""
    message, conversation = record.get("messageId"), record.get("conversationId")
    if message is not None and not tx.one("conversation_of_message", message=message):
        return any(tx.one("deleted_message", mark=mark) for mark in _marks(tx, "message", message))
    if conversation is not None and not tx.one("conversation", id=conversation):
        return _deletion(tx, conversation) is not None
    return False


def keep_as_marks(tx: Tx) -> None:
    """Deletions of an older teelog, which kept the ids, become marks."""
    if named := tx.all("named_deletions"):
        for row in named:
            put_deleted(tx, row["id"], row["messages"], row["deleted_at"])
        tx.run("drop_named_deletions")


def delete_feedback(tx: Tx, name: str) -> dict[str, Any]:
    """Removes one piece of feedback; 404. What the format answers then."""
    if not tx.run("drop_feedback", id=name):
        raise ApiError(404, f"there is no feedback {name!r}")
    return {"success": True, "message": f"the feedback {name} was deleted"}


def past_deletion(tx: Tx, name: str, posted: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """The id and the record under which a post is logged; None when all of its messages were deleted."""
    base, number = name, 1
    rev = teelog_rev(posted)
    while (deletion := _deletion(tx, name)) is not None:
        later = posted["messages"][deletion["messages"] :]
        if not later or (rev is not None and rev <= deletion["rev"]):
            return None
        number += 1
        name, posted = f"{base}~{number}", {**posted, "messages": later}
    return name, posted


def _deletion(tx: Tx, name: str) -> sqlite3.Row | None:
    found = (tx.one("deleted", mark=mark) for mark in _marks(tx, "conversation", name))
    return next(filter(None, found), None)


def _new_mark(tx: Tx, kind: str, name: str) -> bytes:
    marks = _marks(tx, kind, name)
    if not marks:
        tx.run("add_salt", value=os.urandom(_SALT_SIZE))
        marks = _marks(tx, kind, name)
    return marks[0]


def _marks(tx: Tx, kind: str, name: str) -> list[bytes]:
    """The mark of a name, and where a damaged file was mended those of more salts than one."""
    said = f"{kind}\n{name}".encode("utf-8", "surrogatepass")
    return [blake2b(said, key=row["value"], digest_size=_MARK_SIZE).digest() for row in tx.all("salts")]
