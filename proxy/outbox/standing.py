"""How the outbox stands, for `/status` and `/metrics`: of each sink what it lacks, what failed, and what was counted.

All of it is cheap however much waits: sizes are told from a sample.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.fields import time_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from ..db.sqlite import Tx

#: Rows whose size is taken for that of all; a conversation may have megabytes, and all of them are read.
SAMPLE = 50


def standing(tx: Tx, sinks: Sequence[str], now: int) -> dict[str, Any]:
    """
    As `/status` shows it; `now` is unix milliseconds.

    Of each sink: `depth` (due, or being sent), `failing` (of those, what has been tried in vain), `waiting` (annotations
    before their message), `oldest_seconds`, `bytes` (of the depth, about), `dead` by reason, with their bytes (about) and the
    age of the oldest, the last error and its time.
    """
    told: dict[str, dict[str, Any]] = {sink: _empty() for sink in sinks}
    for row in tx.all("depth"):
        if row["state"] in ("ready", "leased") and row["sink"] in told:
            one = told[row["sink"]]
            one["depth"] += row["n"]
            one["oldest_seconds"] = max(one["oldest_seconds"], (now - row["since"]) / 1000)
        elif row["state"] == "waiting" and row["sink"] in told:
            told[row["sink"]]["waiting"] = row["n"]
    for row in tx.all("dead_letters"):
        if row["sink"] in told:
            told[row["sink"]]["dead"][row["dead_reason"]] = row["n"]
    for sink, one in told.items():
        failing = tx.one("failing", sink=sink)
        one["failing"] = failing["n"] if failing else 0
        one["bytes"] = _about_bytes(tx, tx.all("some_dirty", sink=sink, limit=SAMPLE), one["depth"])
        if one["dead"] and (oldest := tx.one("oldest_dead", sink=sink)):
            some = tx.all("some_dead", sink=sink, limit=SAMPLE)
            one["dead_bytes"] = _about_bytes(tx, some, sum(one["dead"].values()))
            one["dead_oldest_seconds"] = max(0, now - oldest["since"]) / 1000
        if error := tx.one("last_error", sink=sink):
            one["last_error"] = error["last_error"]
            one["last_error_at"] = time_text(error["last_failed_at"])
    counters = {row["name"]: row["value"] for row in tx.all("counters")}
    return {"sinks": told, "failed_exchanges": _failed(tx, now), "counters": counters}


def _empty() -> dict[str, Any]:
    return {
        "depth": 0, "failing": 0, "waiting": 0, "oldest_seconds": 0.0, "bytes": 0, "dead": {}, "dead_bytes": 0,
        "dead_oldest_seconds": 0.0, "last_error": None, "last_error_at": None,
    }  # fmt: skip


def _about_bytes(tx: Tx, some: Sequence[sqlite3.Row], count: int) -> int:
    """The size of so many rows, from that of some of them."""
    sizes = [size_of(tx, row["kind"], row["item"]) for row in some]
    return round(sum(sizes) * count / len(some)) if some else 0


def size_of(tx: Tx, kind: str, item: int) -> int:
    """The bytes of what a row of the outbox sends; a deletion has none."""
    if kind == "deletion":
        return 0
    row = tx.one("conversation_bytes" if kind == "conversation" else "annotation_bytes", item=item)
    return row["bytes"] if row else 0


def _failed(tx: Tx, now: int) -> dict[str, Any]:
    """Records that nothing could be made of: how many, their bytes, and the ages of the newest and the oldest."""
    row = tx.one("failed_exchanges")
    assert row is not None
    newest, oldest = (None if at is None else max(0, now - at) / 1000 for at in (row["newest"], row["oldest"]))
    return {"count": row["n"], "bytes": row["bytes"], "newest_seconds": newest, "oldest_seconds": oldest}
