"""What somebody deleted: gone with all that was said of it, and not brought back by a post that comes late.

Clients post whole histories, again and again. Of a deleted conversation the id is kept, and how many messages it had: a
post with no more than those is answered and not stored; one with more is a chat that went on. What came after the
deletion is then a conversation of its own, `<id>~2` (`~3` when that is deleted, too). Works of a transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..db.sqlite import Tx


def delete_conversation(tx: Tx, name: str, now: int) -> dict[str, Any]:
    """Removes a conversation with its messages, feedback and events; 404. What the format answers then."""
    placed = [row for row in tx.all("messages", conversation=name) if row["place"] is not None]
    if tx.one("conversation", id=name) is None:
        raise ApiError(404, f"there is no conversation {name!r}")
    tx.run("put_deletion", id=name, messages=len(placed), deleted_at=now)
    tx.run("drop_events_of", id=name)
    tx.run("drop_conversation", id=name)
    return {"success": True, "message": f"the conversation {name} was deleted, with its feedback and events"}


def delete_feedback(tx: Tx, name: str) -> dict[str, Any]:
    """Removes one piece of feedback; 404. What the format answers then."""
    if not tx.run("drop_feedback", id=name):
        raise ApiError(404, f"there is no feedback {name!r}")
    return {"success": True, "message": f"the feedback {name} was deleted"}


def past_deletion(tx: Tx, name: str, posted: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]] | None:
    """The id and the record under which a post is logged; None when all of its messages were deleted."""
    base, number = name, 1
    while (deletion := tx.one("deletion", id=name)) is not None:
        later = posted["messages"][deletion["messages"] :]
        if not later:
            return None
        number += 1
        name, posted = f"{base}~{number}", {**posted, "messages": later}
    return name, posted
