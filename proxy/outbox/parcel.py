"""A row of the outbox as it is sent: who may send it, and the POST that is made of it at that moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from ..core.trim import BODY_LIMIT, fitted
from ..core.wire import build_conversation
from . import notes
from .conversations import snapshot

if TYPE_CHECKING:
    from ..db.sqlite import Tx


@dataclass(slots=True, frozen=True)
class Lease:
    """The right to send one row until `until`."""

    key: int
    kind: str
    item: int
    token: int
    wanted_rev: int
    #: With this one, since the last success.
    tries: int
    until: int


@dataclass(slots=True, frozen=True)
class Parcel:
    """A row as it is sent: the path and body of a POST, and the rev that is in it; or what is to be deleted."""

    path: str
    body: bytes
    rev: int
    #: For a DELETE: no rev up to this one is to be taken any more.
    deletes: int | None = None


def parcel_of(tx: Tx, lease: Lease, limit: int = BODY_LIMIT) -> Parcel:
    """
    What to send for a lease, as of now; a conversation is made to fit into `limit` bytes, where it can be.

    `LookupError` when it is gone.
    """
    if lease.kind == "deletion":
        row = tx.one("deletion", key=lease.item)
        if row is None:
            raise LookupError("the deletion is gone")
        folder = "/conversations/" if row["kind"] == "conversation" else "/feedback/"
        return Parcel(folder + quote(row["id"], safe="", errors="replace"), b"", lease.wanted_rev, row["rev"])
    if lease.kind != "conversation":
        path, body = notes.body(tx, lease.item)
        return Parcel(path, body, lease.wanted_rev)
    found = snapshot(tx, lease.item)
    if found is None:
        raise LookupError("the conversation is gone")
    told, rev = found
    return Parcel("/conversations", fitted(build_conversation(told), limit), rev)
