"""Logged messages in the client's words: another choice, its version of an answer, what was freed or is begun with.

The message keeps its id and its place; only what it says changes, and what it is recognised by. Runs inside the recorder's
transaction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from ..core.jsontext import write
from ..core.message import Message, digest, pair

if TYPE_CHECKING:
    import sqlite3

    from ..core.history import History
    from ..core.place import Spot
    from ..db.sqlite import Tx

#: Of a message, what a client brings back with its history; `free` in queries.sql takes it out and leaves the rest.
CONTENT = ("content", "tool_calls", "function_call")


def swap(tx: Tx, standing: sqlite3.Row, choice: int, tip: bytes) -> None:
    """Another choice of the same answer (from 1) stands; the first is beside it now, with its finish reason."""
    properties, first = orjson.loads(standing["properties"]), orjson.loads(standing["body"])
    others = properties["alternatives"]
    other = dict(others[choice - 1])
    reasons = properties.pop("finishReason", None), other.pop("finishReason", None)
    others[choice - 1] = first | ({"finishReason": reasons[0]} if reasons[0] else {})
    if reasons[1]:
        properties["finishReason"] = reasons[1]
    tx.run("tell", key=standing["key"], properties=write(properties))
    _say(tx, standing, Message.from_json({**other, "role": "assistant"}), tip)


def say_as_they_do(tx: Tx, standing: sqlite3.Row, said: Message, tip: bytes) -> None:
    """The client has a part of the answer only, and goes on from that; what it does not send (reasoning) stays."""
    kept = {name: value for name, value in orjson.loads(standing["body"]).items() if name not in CONTENT}
    _say(tx, standing, Message.from_json({**kept, **said.to_json()}), tip)


def bring_back(tx: Tx, row: sqlite3.Row, history: History, upto: int) -> bool:
    """What was freed up to a place is said again by the client's history; false: not all of it."""
    if row["freed"] == 2:
        return False
    brought = {history.chain[at]: history.rest[at] for at in history.heard()}
    standing = tx.all("freed", conversation=row["key"], upto=upto)
    freed = [one for one in standing if one["chain"]]
    if len(standing) < upto or any(one["chain"] not in brought for one in freed):
        return False  # fewer: a damaged file took some
    for one in freed:
        said = brought[one["chain"]].to_json()
        tx.run("say_again", key=one["key"], body=write(said | orjson.loads(one["body"])))
    return True


def say_what_was_freed(tx: Tx, key: int, history: History) -> None:
    """A replaced answer that stands again had been freed with its conversation: the client goes on from it, and has it."""
    row = tx.one("message", key=key)
    assert row is not None
    body = orjson.loads(row["body"])
    said = next((one for one in reversed(history.rest[: history.behind]) if digest(one) == row["digest"]), None)
    if said and not any(name in body for name in CONTENT):
        tx.run("say_again", key=key, body=write(said.to_json() | body))


def copy(tx: Tx, row: sqlite3.Row, origin: Spot, name: str) -> int:
    """The beginning of another conversation, with ids `<name>.c<n>`; how many places it takes."""
    rows = tx.all("up_to", conversation=origin.held.key, place=origin.place)
    for at, one in enumerate(rows, 1):
        own = {"conversation": row["key"], "place": at, "id": f"{name}.c{at}"}
        tx.add("add_message", **{name: one[name] for name in _COPIED}, **own)
    return len(rows)


_COPIED = (
    "rev", "created_at", "started", "cut", "retry", "role", "of_tools", "chain", "digest", "pair", "body", "properties"
)  # fmt: skip


def _say(tx: Tx, standing: sqlite3.Row, message: Message, tip: bytes) -> None:
    asked = tx.one("question_before", conversation=standing["conversation"], place=standing["place"])
    talk = tx.one("conversation", key=standing["conversation"])
    assert talk is not None
    digested = digest(message)
    values: dict[str, Any] = {
        "chain": tip,
        "digest": digested,
        "pair": pair(asked["digest"], digested, talk["tenant"].encode()) if asked else None,
        "body": write(message.to_json()),
    }
    tx.run("say_otherwise", key=standing["key"], **values)
