"""What an upsert makes of a conversation: the posted record and the stored one, merged.

Omitted fields are kept, null clears, objects and the list of messages are replaced whole. Messages keep their ids: the
one they came with, else that of the message that stood at the same place and said the same, so that feedback stays
where it was given. `createdAt` is that of the first write. Pure: time and new ids are handed in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: Message fields in which two posts of the same message may differ without it having changed.
_TIMES = ("createdAt", "updatedAt")


def merged(old: Mapping[str, Any] | None, posted: Mapping[str, Any], now: int) -> dict[str, Any]:
    """The conversation as it is after a post, its messages still as posted; 422 when it is of another type."""
    if old is None:
        return {"createdAt": now, "updatedAt": now, **posted}
    if old["type"] != posted["type"]:
        raise ApiError(422, f"the conversation {old['id']!r} is of type {old['type']}, which cannot change")
    times = {"createdAt": old["createdAt"], "updatedAt": _bumped(old, posted, now)}
    return {**old, **posted, **times}


def teelog_rev(posted: Mapping[str, Any]) -> int | None:
    """The revision of a snapshot that a teelog sent; None for what others post."""
    properties = posted.get("properties") or {}
    rev = properties.get("teelogRev")
    return rev if properties.get("source") == "teelog" and type(rev) is int and 0 <= rev < 2**63 else None


def settled(
    old: Sequence[Mapping[str, Any]], posted: Sequence[Mapping[str, Any]], now: int, mint: Callable[[], str]
) -> list[dict[str, Any]]:
    """The posted messages with their ids and times.

    Args:
        old: The stored messages, each with its `place` (None: no longer in the list).
        posted: In their order; ids given are unique.
        now: Unix milliseconds.
        mint: A new message id.

    """
    by_id = {message["id"]: message for message in old}
    by_place = {message["place"]: message for message in old if message["place"] is not None}
    given = {message["id"] for message in posted if "id" in message}
    return [_settled(message, by_id, by_place.get(place), given, now, mint) for place, message in enumerate(posted)]


def _settled(
    posted: Mapping[str, Any],
    by_id: Mapping[str, Mapping[str, Any]],
    there: Mapping[str, Any] | None,
    given: set[str],
    now: int,
    mint: Callable[[], str],
) -> dict[str, Any]:
    name = posted.get("id")
    if name is None and there and there["id"] not in given and _says_the_same(there, posted):
        name = there["id"]
    before = by_id.get(name) if name is not None else None
    message = {"createdAt": before["createdAt"] if before else now, **posted, "id": name or mint()}
    if "updatedAt" not in posted:
        message["updatedAt"] = before["updatedAt"] if before and _unchanged(before, message) else now
    return message


def _says_the_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return bool(one["role"] == other["role"] and one["content"] == other["content"])


def _unchanged(before: Mapping[str, Any], message: Mapping[str, Any]) -> bool:
    return all(before[name] == message.get(name) for name in before if name not in (*_TIMES, "place", "id_given"))


def _bumped(old: Mapping[str, Any], posted: Mapping[str, Any], now: int) -> int:
    """When the conversation changed: now, unless the client knows better; a client that echoes our time does not."""
    said = posted.get("updatedAt")
    before: int = old["updatedAt"]
    if said is None or (said <= before and teelog_rev(posted) is None):
        return now
    return int(max(said, before))
