"""Feedback and events in the store: logged, attached to their message, read back.

Works of a transaction, all of them. A note may arrive before the message it speaks of: it waits, unseen, and joins it
when it is logged (`attach_feedback`, `attach_events`). A bare message id means the newest conversation that holds it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.wire import emit_conversation, emit_event, emit_feedback, emit_message
from ..errors import ApiError
from . import rows
from .conversations import BYTES_LIMIT, conversation, refuse_large
from .deletion import speaks_of_deleted

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping

    from ..db.sqlite import Tx


def log_feedback(tx: Tx, posted: Mapping[str, Any], now: int, mint: Callable[[str], str]) -> dict[str, Any]:
    """Upserts a record of `read_feedback`. The answer form; what speaks of a deleted message is not stored.

    Without an id, what the same person said of the same message before is replaced whole; one who is not known adds.
    """
    record: dict[str, Any]
    if "id" in posted:
        row = tx.one("feedback", id=posted["id"])
        kept = {} if row is None else rows.feedback_record(row)
        record = {"createdAt": now, **kept, "updatedAt": now, **posted}
    else:
        row = tx.one("feedback_of_author", message=posted["messageId"], author=rows.author_of(posted))
        record = {"createdAt": now, "updatedAt": now, **posted, "id": mint("fb") if row is None else row["id"]}
    if row is not None:
        record["createdAt"] = row["created_at"]
    record["conversationId"] = _attached(row, record["messageId"]) or _holder(tx, record["messageId"])
    if not speaks_of_deleted(tx, record):
        tx.run("put_feedback", **rows.feedback_row(record))
    return emit_feedback(record)


def feedback(tx: Tx, name: str) -> dict[str, Any]:
    """One piece of feedback with its conversation and message; 404, also while it waits for its message."""
    row = tx.one("feedback", id=name)
    if row is None or row["conversation"] is None:
        raise ApiError(404, f"there is no feedback {name!r}, or its message has not been logged yet")
    return _told(tx, row, {})


def feedback_page(tx: Tx, limit: int, offset: int, most: int = BYTES_LIMIT) -> dict[str, Any]:
    """A page of each type, newest first, in the feedback envelope; 422 when their conversations are too much together."""
    totals = {row["type"]: row["total"] for row in tx.all("count_feedback")}
    envelope: dict[str, Any] = {}
    read: dict[str, dict[str, Any]] = {}
    pages = {
        kind: tx.all("newest_feedback", type=kind, limit=limit, offset=offset) for kind in ("positive", "negative")
    }
    refuse_large(tx, [row["conversation"] for found in pages.values() for row in found], most)
    for kind, found in pages.items():
        envelope[f"{kind}FeedbackCount"] = totals.get(kind, 0)
        envelope[f"{kind}Feedback"] = [_told(tx, row, read) for row in found]
    return envelope


def log_event(tx: Tx, posted: Mapping[str, Any], now: int, mint: Callable[[str], str]) -> dict[str, Any]:
    """Upserts a record of `read_event`. The answer form; what speaks of something deleted is not stored."""
    name = posted.get("id") or mint("evt")
    row = tx.one("event", id=name)
    kept = {"createdAt": now} if row is None else rows.event_record(row)
    record = {**kept, **posted, "id": name}
    answer = emit_event(record)
    if record.get("conversationId") is None and record.get("messageId") is not None:
        record["conversationId"] = _holder(tx, record["messageId"])
    if not speaks_of_deleted(tx, record):
        tx.run("put_event", **rows.event_row(record))
    return answer


def _attached(row: sqlite3.Row | None, message: str) -> str | None:
    """The conversation that feedback already belongs to, if it still speaks of the same message."""
    return row["conversation"] if row is not None and row["message"] == message else None


def _holder(tx: Tx, message: str) -> str | None:
    row = tx.one("conversation_of_message", message=message)
    return None if row is None else str(row["conversation"])


def _told(tx: Tx, row: sqlite3.Row, read: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Feedback with the whole conversation and the message it speaks of; `read` keeps what was read for others."""
    name = row["conversation"]
    if name not in read:
        read[name] = conversation(tx, name)
    (message,) = tx.all("message", conversation=name, id=row["message"])
    return emit_feedback(rows.feedback_record(row)) | {
        "conversation": emit_conversation(read[name]),
        "message": emit_message(rows.message_record(message), read[name]),
    }
