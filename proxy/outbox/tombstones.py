"""What was erased stays erased: the marks that are left of it, and what they keep from coming back.

    name               its exchanges' ids, its own, its messages': whatever comes again under one of them, or speaks of it
    note               the ids of what was said of it; programs count their thumbs, so for each tenant apart
    user, thread       whoever was erased, or the chat: what began before that and comes late
    chain, pair        of each message what a history is recognised by: a client brings all of it again with its next turn
    id                 what analytics knew the conversation by: nothing else is ever called so
    before             what was erased by its age alone

A mark is a keyed hash, from which neither an id nor a word can be told, and the time up to which it counts: a chat that
goes on afterwards is a conversation of its own, without what was erased (`past.py`). They are kept for good.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..db.sqlite import Tx

_SIZE = 16


class Tombstones:
    """
    The marks, inside one transaction.

    Args:
        tx: It.
        secret: Of this installation.

    """

    def __init__(self, tx: Tx, secret: bytes) -> None:
        self._tx = tx
        self._secret = secret

    @property
    def any(self) -> bool:
        """Whether anything was ever erased."""
        return self._tx.one("any_tombstone") is not None

    def put(self, at: int, kind: str, *what: str | bytes) -> None:
        """Something is erased, as far as it began up to a time (unix milliseconds)."""
        self._tx.run("put_tombstone", mark=self._mark(kind, what), at=at)

    def at(self, kind: str, *what: str | bytes) -> int | None:
        """Up to when something is erased; None: it is not."""
        row = self._tx.one("tombstone", mark=self._mark(kind, what))
        return None if row is None else int(row["at"])

    def covers(self, began: int, kind: str, *what: str | bytes) -> bool:
        """Whether something that began at a time is erased."""
        at = self.at(kind, *what)
        return at is not None and began <= at

    def _mark(self, kind: str, what: tuple[str | bytes, ...]) -> bytes:
        pieces = (one if isinstance(one, bytes) else one.encode("utf-8", "surrogatepass") for one in (kind, *what))
        framed = b"".join(len(one).to_bytes(8, "big") + one for one in pieces)
        return hmac.digest(self._secret, framed, "sha256")[:_SIZE]
