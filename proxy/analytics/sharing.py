"""Conversations for others: a link to read one without signing in, and a copy of one to go on with.

Works of a transaction, all of them; `ApiError` 404. A link works while the conversation is public, which sharing makes it
and whoever posts `visibility: private` ends; taking it back forgets the link, and the next one is another. A copy has
messages of its own, names its origin, and keeps the user properties: who erases a user's conversations erases it, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ApiError
from . import conversations

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..db.sqlite import Tx

#: What a copy is: not a conversation that a user held, so lists and figures leave it out as they do side requests.
FORK = "fork"
_COPIED = ("role", "content", "name", "tool_calls", "links", "properties", "createdAt")


def share(tx: Tx, name: str, now: int, token: str) -> None:
    """Makes a conversation public under a link; one that has a link keeps it."""
    conversations.conversation(tx, name)
    tx.run("share", token=token, conversation=name, now=now)
    tx.run("set_visibility", id=name, visibility="public")


def unshare(tx: Tx, name: str) -> None:
    """Makes a conversation private; its link leads nowhere."""
    conversations.conversation(tx, name)
    tx.run("unshare", conversation=name)
    tx.run("set_visibility", id=name, visibility="private")


def shared_as(tx: Tx, name: str) -> str:
    """The token of a conversation's link; empty when it has none, or it does not work."""
    row = tx.one("share_of", conversation=name)
    return row["token"] if row else ""


def shared(tx: Tx, token: str) -> dict[str, Any]:
    """The answer form of the conversation behind a link; 404 for one that does not work."""
    row = tx.one("shared_conversation", token=token)
    if row is None:
        raise ApiError(404, "this link leads to no conversation; it may have been taken back")
    return conversations.told(tx, row["conversation"])


def fork(tx: Tx, name: str, message: str, now: int, mint: Callable[[str], str]) -> dict[str, Any]:
    """A copy of a conversation up to a message (empty: all of it). The answer form; 404."""
    origin = conversations.conversation(tx, name)
    kept = origin["messages"]
    if message:
        place = next((place for place, one in enumerate(kept) if one["id"] == message), None)
        if place is None:
            raise ApiError(404, f"the conversation {name!r} has no message {message!r}")
        kept = kept[: place + 1]
    properties = dict(origin["properties"] or {})
    properties = {name: properties[name] for name in ("model", "endpoint") if name in properties}
    posted = {
        "type": origin["type"],
        "properties": {**properties, "source": "portal", "kind": FORK, "forkedFrom": name},
        "userProperties": origin["userProperties"],
        "messages": [{field: one[field] for field in _COPIED} for one in kept],
    }
    return conversations.log(tx, posted, now, mint)
