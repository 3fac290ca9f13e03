"""Feedback and events: kept until what they speak of is known, and sent after it.

A thumb may come before the exchange that it speaks of is recorded, and it must not reach a sink before the message. So
it waits twice: until its message is known by one of its names, and until the sink has acknowledged a rev with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from ..core.exchange import ANYBODY
from ..core.jsontext import write
from ..core.wire import build_event, build_feedback

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ..core.exchange import Note
    from ..db.sqlite import Tx
    from .tombstones import Tombstones


def take(tx: Tx, note: Note, sinks: Sequence[str], now: int, tombs: Tombstones) -> bool:
    """Keep a note and, where it can already be sent, let it be sent; false: what it speaks of, or who, was erased."""
    about_kind, about = _about(note)
    if _is_erased(tx, note, about_kind, about, tombs):
        return False
    told = note.body
    if tx.one("annotated_by_another", kind=note.kind, id=note.id, tenant=note.tenant):
        told = told | {"id": f"{note.id}~{note.tenant[:8]}"}  # the sink would take it for the other's, said anew
    row = tx.one(
        "put_annotation",
        kind=note.kind,
        tenant=note.tenant,
        id=note.id,
        body=write(told),
        about_kind=about_kind,
        about=about,
    )
    assert row is not None
    for sink in sinks:
        tx.run("put_note", sink=sink, kind=note.kind, item=row["key"], waits=about is not None, now=now)
    if about_kind is not None:
        _settle(tx, row["key"], about_kind, about, note.tenant, sinks, now)
    return True


def user_of(body: Mapping[str, Any]) -> str:
    """Whose a note is, as its body says; empty where it does not."""
    told = body.get("userProperties")
    names = [told.get(name) for name in ("userId", "id")] if isinstance(told, dict) else []
    return next((str(one) for one in names if one), "")


def settle(tx: Tx, names: Iterable[str], sinks: Sequence[str], now: int) -> None:
    """Something has become known by these names: whoever waited for one of them waits no longer for that."""
    if not tx.one("any_open"):
        return
    for name in names:
        for row in tx.all("open_about", about=name):
            _settle(tx, row["key"], row["about_kind"], name, row["tenant"], sinks, now)


def body(tx: Tx, key: int) -> tuple[str, bytes]:
    """What is posted for an annotation, and where to (the path)."""
    row = tx.one("annotation", key=key)
    assert row is not None
    said = orjson.loads(row["body"])
    if row["kind"] == "feedback":
        return "/feedback", orjson.dumps(build_feedback(said, row["message_id"] or said["messageId"]))
    told = build_event(said, message_id=row["message_id"], conversation_id=row["conversation_id"])
    return "/events", orjson.dumps(told)


def _about(note: Note) -> tuple[str | None, str | None]:
    """What kind of thing a note speaks of, and its name."""
    names: dict[str, Any] = {"message": note.body.get("messageId"), "conversation": note.body.get("conversationId")}
    kind = "message" if note.kind == "feedback" else note.body.get("entityType")
    name = names.get(str(kind))
    return (str(kind), name) if isinstance(name, str) else (None, None)


def _is_erased(tx: Tx, note: Note, kind: str | None, name: str | None, tombs: Tombstones) -> bool:
    if not tombs.any:
        return False
    user = user_of(note.body)
    if tombs.at("name", note.id) is not None or (user and tombs.covers(note.started, "user", user)):
        return True
    is_known = kind is not None and _found(tx, kind, name, note.tenant) is not None
    return name is not None and not is_known and tombs.at("name", name) is not None


def _found(tx: Tx, kind: str, name: str | None, tenant: str) -> tuple[int | None, int, int, bool] | None:
    """What goes by a name: message, conversation, the rev that has it, and whether it is recorded."""
    if kind == "message":
        row = tx.one("message_called", name=name, tenant=tenant)
        return None if row is None else (row["key"], row["conversation"], row["rev"], row["sampled"])
    row = tx.one("named", tenant=tenant, thread=f"id:{name}") or tx.one("conversation_with_id", id=name)
    if row is None or tenant not in (ANYBODY, row["tenant"]):
        return None
    return None, row["key"], 1, row["sampled"]  # any rev of it will do


def _settle(tx: Tx, key: int, kind: str, name: str | None, tenant: str, sinks: Sequence[str], now: int) -> None:
    """Find what an annotation speaks of; where a sink has it already, it is due there; where none ever will, it goes."""
    found = _found(tx, kind, name, tenant)
    if not found:
        return
    message, conversation, needs_rev, is_sampled = found
    if not is_sampled:
        tx.run("forget_note", key=key)
        tx.run("forget_annotation", key=key)
        return
    tx.run("settle", key=key, message=message, conversation=conversation, needs_rev=needs_rev)
    for sink in sinks:
        tx.run("free_notes", sink=sink, conversation=conversation, now=now)
