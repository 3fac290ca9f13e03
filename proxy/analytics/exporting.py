"""Conversations of the local server, one after the other, for `teelog export`: as `GET /conversations/{id}` answers them.

Read from the file itself, beside the server or without one. Each read is one conversation long, so that the server's log
does not grow behind a slow reader, and no more than one is in memory. They come by id: each once; one that is new may be
missed, and one that is forgotten meanwhile is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..db.reader import Reader
from ..errors import ApiError
from . import conversations
from .store import definitions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Ids of one read.
PAGE = 500


def exported(path: Path, *, since: int | None, until: int | None, user: str | None) -> Iterator[dict[str, Any]]:
    """Those last changed from `since` to before `until` (unix ms), of a user; None is any. `DatabaseError`."""
    reader = Reader(path, *definitions())
    after, values = "", {"since": since, "until": until, "user": user, "limit": PAGE}
    try:
        while page := reader.read(lambda tx, after=after: tx.all("exported_ids", after=after, **values)):  # type: ignore[misc]
            after = page[-1]["id"]
            for row in page:
                try:
                    yield reader.read(lambda tx, name=row["id"]: conversations.told(tx, name))  # type: ignore[misc]
                except ApiError:
                    continue  # forgotten since
    finally:
        reader.close()
