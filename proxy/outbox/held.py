"""What the outbox holds, for a person: looked through, tried again, given up.

A line is a row of the outbox (state waiting, ready, leased or dead) or a record that nothing could be made of (kind
"exchange", state "failed"). `retry` makes dead rows due now, in their newest rev; failed records are read again by
`replay`. `drop` leaves alone what is being sent: its holder's answer would otherwise come from behind. What is dropped is
counted. Writes come in steps of `STEP` rows, so that the recorder waits for milliseconds only.

`CommandRefused` for what cannot be asked, `DatabaseError` when the file refuses; what was done until then stays done.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import orjson

from ..core.fields import time_text
from ..errors import CommandRefused
from .leases import end_deletions
from .standing import size_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator, Mapping

    from ..db.sqlite import Tx
    from .store import Store

#: The kind and the state of records that nothing could be made of.
EXCHANGE, FAILED = "exchange", "failed"
KINDS = ("conversation", "feedback", "event", "deletion", EXCHANGE)
STATES = ("waiting", "ready", "leased", "dead", FAILED)
#: Rows that one transaction looks at or changes.
STEP = 200

_TIMES = ("due", "lease_until", "first_failed_at", "last_failed_at", "sent_at", "echo_at")


@dataclass(slots=True, frozen=True)
class Wanted:
    """Which lines are meant: those that fit everything that is set."""

    ids: tuple[str, ...] = ()
    state: str | None = None
    sink: str | None = None
    kind: str | None = None
    #: Part of the reason or of the last error, in whatever case.
    reason: str | None = None
    #: Dirty, or failed, since before this time (unix ms).
    before: int | None = None
    #: No more than so many; None: all.
    limit: int | None = None

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Wanted:
        """From JSON; `CommandRefused` names what is wrong."""
        if unknown := set(given) - {one.name for one in fields(cls)}:
            raise CommandRefused(f"there is no filter {', '.join(sorted(unknown))}")
        ids = given.get("ids") or ()
        if not isinstance(ids, list | tuple) or not all(isinstance(one, str) for one in ids):
            raise CommandRefused("ids are texts")
        for name, kind in (
            ("state", str),
            ("sink", str),
            ("kind", str),
            ("reason", str),
            ("before", int),
            ("limit", int),
        ):
            if given.get(name) is not None and not isinstance(given[name], kind):
                raise CommandRefused(f"{name} cannot be {given[name]!r}")
        wanted = cls(**{**given, "ids": tuple(ids)})
        for name, value, known in (("state", wanted.state, STATES), ("kind", wanted.kind, KINDS)):
            if value is not None and value not in known:
                raise CommandRefused(f"there is no {name} {value}: {', '.join(known)}")
        return wanted

    def _values(self) -> dict[str, Any]:
        ids = orjson.dumps(self.ids).decode() if self.ids else None
        return {"ids": ids, "reason": self.reason and self.reason.lower(), "before": self.before}

    @property
    def row_values(self) -> dict[str, Any] | None:
        """For the queries over the outbox; None where no row of it can be meant."""
        if self.kind == EXCHANGE or self.state == FAILED:
            return None
        return {**self._values(), "state": self.state, "sink": self.sink, "kind": self.kind}

    @property
    def failed_values(self) -> dict[str, Any] | None:
        """For the queries over failed records; None where none can be meant."""
        if self.sink is not None or self.kind not in (None, EXCHANGE) or self.state not in (None, FAILED):
            return None
        return self._values()


# ── looking ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def lines(store: Store, wanted: Wanted) -> Iterator[dict[str, Any]]:
    """The lines that are meant, oldest first, those of failed records last; never a body."""
    shown = 0
    for row in rows(store, wanted):
        shown += 1
        yield store.read(lambda tx, row=row: _line(tx, row))  # type: ignore[misc]
    left = None if wanted.limit is None else wanted.limit - shown
    for row in failed(store, replace(wanted, limit=left)):
        yield {"id": row["id"], "kind": EXCHANGE, "state": FAILED, "since": time_text(row["at"]),
               "reason": row["reason"], "bytes": row["bytes"]}  # fmt: skip


def totals(store: Store, wanted: Wanted) -> dict[str, int]:
    """How many lines are meant, by state, whatever the limit."""

    def work(tx: Tx) -> dict[str, int]:
        by_state: dict[str, int] = {}
        if (values := wanted.row_values) is not None:
            by_state = {row["state"]: row["n"] for row in tx.all("held_total", **values)}
        if (values := wanted.failed_values) is not None and (row := tx.one("failed_total", **values)) and row["n"]:
            by_state[FAILED] = row["n"]
        return {state: by_state[state] for state in STATES if state in by_state}

    return store.read(work)


def rows(store: Store, wanted: Wanted, *, sent: bool = False) -> Iterator[sqlite3.Row]:
    """The rows of the outbox that are meant; `sent`: also those that lack nothing."""
    if (values := wanted.row_values) is not None:
        yield from _paged(store, "held", {**values, "sent": sent}, wanted.limit)


def failed(store: Store, wanted: Wanted) -> Iterator[sqlite3.Row]:
    """The failed records that are meant."""
    if (values := wanted.failed_values) is not None:
        yield from _paged(store, "failed", values, wanted.limit)


def _paged(store: Store, query: str, values: Mapping[str, Any], limit: int | None) -> Iterator[sqlite3.Row]:
    """A query's rows in short reads; the writer's log cannot grow behind a person who reads slowly."""
    after, left = 0, limit
    while left is None or left > 0:
        size = STEP if left is None else min(left, STEP)
        page = store.read(lambda tx, after=after, size=size: tx.all(query, **values, after=after, limit=size))  # type: ignore[misc]
        yield from page
        if len(page) < size:
            return
        after, left = page[-1]["key"], None if left is None else left - size


def _line(tx: Tx, row: sqlite3.Row) -> dict[str, Any]:
    size = size_of(tx, row["kind"], row["item"])
    return {
        "id": row["id"],
        "kind": row["kind"],
        "state": row["state"],
        "sink": row["sink"],
        "tries": row["tries"],
        "since": _time(row["dirty_since"]),
        "due": _time(row["due"]),
        "last_error": row["last_error"],
        "dead_reason": row["dead_reason"],
        "bytes": size,
    }


def whole(tx: Tx, row: sqlite3.Row) -> dict[str, Any]:
    """A line with all that its row says."""
    told = {name: row[name] for name in ("wanted_rev", "sent_rev")} | {name: _time(row[name]) for name in _TIMES}
    return _line(tx, row) | told


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else time_text(milliseconds)


# ── steering ────────────────────────────────────────────────────────────────────────────────────────────────────────


def retry(store: Store, wanted: Wanted, now: int) -> int:
    """Dead rows that are meant become due; how many."""
    if wanted.state not in (None, "dead"):
        return 0
    return _each(store, "retried", rows(store, replace(wanted, state="dead")), lambda tx, key: _retry(tx, key, now))


def _retry(tx: Tx, key: int, now: int) -> int:
    row = tx.one("retry", key=key, now=now)
    if row is None:
        return 0
    if row["kind"] in ("feedback", "event"):
        about = tx.one("annotated", key=row["item"])
        if about and about["conversation"] is not None:
            tx.run("free_notes", sink=row["sink"], conversation=about["conversation"], now=now)
    return 1


def drop(store: Store, wanted: Wanted) -> tuple[int, int]:
    """What is meant is given up for good, and counted; how many lines, and how many were being sent and stay."""
    leased = totals(store, wanted).get("leased", 0)
    dropped = _each(store, "dropped", rows(store, wanted), _drop)
    left = None if wanted.limit is None else wanted.limit - dropped
    records = failed(store, replace(wanted, limit=left))
    dropped += _each(store, "dropped", records, lambda tx, key: tx.run("drop_failed", key=key))
    return dropped, leased


def _drop(tx: Tx, key: int) -> int:
    dropped = tx.run("drop", key=key)
    end_deletions(tx)
    return dropped


def _each(store: Store, count: str, found: Iterator[sqlite3.Row], change: Callable[[Tx, int], int]) -> int:
    """Change what was found, in steps; how many were changed."""
    keys, changed = [row["key"] for row in found], 0
    for start in range(0, len(keys), STEP):

        def step(tx: Tx, some: list[int] = keys[start : start + STEP]) -> int:
            done = sum(change(tx, key) for key in some)
            if done:
                tx.run("count", name=count, n=done)
            return done

        changed += store.write(step)
    return changed
