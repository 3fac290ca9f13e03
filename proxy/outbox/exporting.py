"""Conversations that teelog itself holds, one after the other, for `teelog export` where delivery goes elsewhere.

In the form in which the local analytics server would answer them, read from the file beside its owner or without one;
each read is one conversation long. What was replaced, and what others said of a conversation, is not in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.wire import build_conversation, emit_conversation, read_conversation
from ..db.reader import Reader
from .conversations import snapshot
from .store import MIGRATIONS, QUERIES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ..core.wire import Snapshot

#: Keys of one read.
PAGE = 500


def exported(path: Path, *, since: int | None, until: int | None, user: str | None) -> Iterator[dict[str, Any]]:
    """Those whose newest message came from `since` to before `until` (unix ms), of a user; None is any. `DatabaseError`."""
    reader = Reader(path, QUERIES, MIGRATIONS)
    after, values = 0, {"since": since, "until": until, "user": user, "limit": PAGE}
    try:
        while page := reader.read(lambda tx, after=after: tx.all("exported_keys", after=after, **values)):  # type: ignore[misc]
            after = page[-1]["key"]
            for row in page:
                found = reader.read(lambda tx, key=row["key"]: snapshot(tx, key))  # type: ignore[misc]
                if found is not None:
                    yield _answered(found[0])
    finally:
        reader.close()


def _answered(told: Snapshot) -> dict[str, Any]:
    """A snapshot in the answer form."""
    record = read_conversation(build_conversation(told))
    messages = [{**message, "updatedAt": message["createdAt"]} for message in record["messages"]]
    return emit_conversation(record | {"messages": messages})
