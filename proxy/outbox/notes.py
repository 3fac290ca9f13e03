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
    import sqlite3
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
    ids = {"messageId": row["message_id"], "conversationId": row["conversation_id"]}
    if row["tenant"] != ANYBODY:
        said, ids = _of_tenant(tx, said, ids, row["tenant"])
    told = build_event(said, message_id=ids["messageId"], conversation_id=ids["conversationId"])
    return "/events", orjson.dumps(told)


def _of_tenant(
    tx: Tx, said: dict[str, Any], ids: dict[str, str | None], tenant: str
) -> tuple[dict[str, Any], dict[str, str | None]]:
    """An event without names that are not its tenant's, wherever a sink might look for them; and what the others mean."""
    properties = said.get("properties") or {}
    known: dict[str, str | None] = {}
    for name, value in ids.items():
        known[name] = value
        given = said.get(name) or properties.get(name)
        if value is None and isinstance(given, str):
            found = _found(tx, name.removesuffix("Id"), given, tenant)
            known[name] = found["id"] if found else None
    kept = {name: value for name, value in said.items() if known.get(name, value) is not None}
    if properties:
        kept["properties"] = {
            name: known.get(name, value) for name, value in properties.items() if known.get(name, "") is not None
        }
    return kept, known


def _found(tx: Tx, kind: str, name: str, tenant: str) -> sqlite3.Row | None:
    """The tenant's message or conversation of a name."""
    if kind == "message":
        return tx.one("message_called", name=name, tenant=tenant)
    row = tx.one("named", tenant=tenant, thread=f"id:{name}") or tx.one("conversation_with_id", id=name)
    return row if row and tenant in (ANYBODY, row["tenant"]) else None


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
    if tombs.at("note", note.tenant, note.id) is not None or (user and tombs.covers(note.started, "user", user)):
        return True
    is_known = kind is not None and _found(tx, kind, name or "", note.tenant) is not None
    return name is not None and not is_known and tombs.at("name", name) is not None


def _settle(tx: Tx, key: int, kind: str, name: str | None, tenant: str, sinks: Sequence[str], now: int) -> None:
    """Find what an annotation speaks of; where a sink has it already, it is due there; where none ever will, it goes."""
    row = _found(tx, kind, name or "", tenant)
    if row is None:
        return
    message, conversation, needs_rev = None, row["key"], 1  # any rev of a conversation will do
    if kind == "message":
        message, conversation, needs_rev = row["key"], row["conversation"], row["rev"]
    if not row["sampled"]:
        tx.run("forget_note", key=key)
        tx.run("forget_annotation", key=key)
        return
    tx.run("settle", key=key, message=message, conversation=conversation, needs_rev=needs_rev)
    for sink in sinks:
        tx.run("free_notes", sink=sink, conversation=conversation, now=now)
