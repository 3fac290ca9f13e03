"""What is known of a tenant's conversations, asked by their hashes; implements `core.place.Known` on the database.

Every question is one look-up on an index, or a few; none reads a conversation whole. To be used inside the transaction
that stores what is decided.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from ..core.history import call_ids
from ..core.message import Message, text_of
from ..core.place import Held, Scope, Spot, Standing

if TYPE_CHECKING:
    import sqlite3

    from ..db.sqlite import Tx


#: Of a message that makes more calls than agents do, so many are looked for; one that is known proves it.
MOST_CALLS = 64


class Tenant:
    """The conversations of one tenant."""

    def __init__(self, tx: Tx, tenant: str) -> None:
        self._tx = tx
        self._tenant = tenant
        self._read: dict[int, sqlite3.Row] = {}

    def conversation(self, key: int) -> sqlite3.Row:
        """A conversation's row, read once; it is there."""
        row = self._read.get(key) or self._tx.one("conversation", key=key)
        assert row is not None
        self._read[key] = row
        return row

    def named(self, name: str, user: str) -> Held | None:
        """The newest of the chat's; one that was never named is called so from now on when the name is our own id."""
        values = {"tenant": self._tenant, "thread": f"id:{name}"}
        tries = (self._tx.one("named_of_user", **values, user=one) for one in (user, ""))
        row = next(filter(None, tries), None) if user else self._tx.one("named", **values)
        if row is None and (row := self._tx.one("of_tenant_with_id", tenant=self._tenant, id=name, user=user)):
            self._tx.run("call_thread", key=row["key"], thread=f"id:{name}")
            self._tx.run("call_tips", key=row["key"], thread=f"id:{name}")
        return _held(row) if row else None

    def in_session(self, session: str, user: str) -> Held | None:
        row = self._tx.one("named", tenant=self._tenant, thread=f"session:{session}")
        return _held(row) if row and user in ("", row["user"]) else None

    def at_tip(self, tip: bytes, scope: Scope, connection: str, kin: bytes) -> Held | None:
        of_chat = scope.user is None and (scope.thread or "").startswith("id:")
        of_anybody = scope.user is None or scope.thread is None
        name = "tip_of_chat" if of_chat else "tip_of_anybody" if of_anybody else "tip_of_user"
        found = self._tx.one(name, tip=tip, connection=connection, kin=kin, **scope._asdict())
        if found is None:
            return None
        row = self.conversation(found["conversation"])
        return _held(row, tip, found["former"] or 0, found["choice"])

    def inside(self, chain: bytes, scope: Scope) -> list[Spot]:
        return self._spots(self._tx.all("inside", chain=chain, tenant=self._tenant, **scope._asdict()))

    def paired(self, pair: bytes, scope: Scope) -> list[Spot]:
        return self._spots(self._tx.all("paired", pair=pair, tenant=self._tenant, **scope._asdict()))

    def holding(self, calls: frozenset[str], scope: Scope) -> list[Held]:
        rows = {
            row["key"]: row
            for call in sorted(calls)[:MOST_CALLS]
            for row in self._tx.all("holding", call=call, tenant=self._tenant, **scope._asdict())
        }
        return [_held(row) for row in rows.values()]

    def answer_of(self, completion: str) -> Spot | None:
        row = self._tx.one("answer_of", completion=completion, tenant=self._tenant)
        if row and (former := self._tx.one("former_tip", message=row["message"])):
            return Spot(_held(former, former["hash"], former["former"]), former["tip_place"])
        return Spot(_held(row), row["place"]) if row else None

    def place_of(self, held: Held, chain: bytes) -> Standing | None:
        row = self._tx.one("place_of", conversation=held.key, chain=chain)
        return _standing(row) if row else None

    def newest(self, held: Held, count: int, upto: int) -> list[Standing]:
        rows = self._tx.all("newest_standing", conversation=held.key, upto=upto, count=count)
        return [_standing(row) for row in reversed(rows)]

    def behind(self, held: Held, place: int, count: int) -> list[Standing]:
        rows = self._tx.all("standing_behind", conversation=held.key, place=place, count=count)
        return [_standing(row) for row in rows]

    def text(self, standing: Standing) -> str:
        return text_of(self._message(standing).content)

    def call_ids(self, standing: Standing) -> frozenset[str]:
        given = [row["value"] for row in self._tx.all("call_ids", message=standing.key)]
        return call_ids(Message("assistant", tool_calls=[{"id": one} for one in given]))

    def _message(self, standing: Standing) -> Message:
        row = self._tx.one("message", key=standing.key)
        assert row is not None
        values: dict[str, Any] = orjson.loads(row["body"])
        return Message.from_json({"role": row["role"], **values})

    def _spots(self, rows: list[sqlite3.Row]) -> list[Spot]:
        return [Spot(_held(row), row["place"]) for row in rows]


def _held(row: sqlite3.Row, tip: bytes | None = None, former: int = 0, choice: int = 0) -> Held:
    return Held(
        row["key"],
        row["last_place"],
        row["tip_place"],
        tip or row["tip"] or row["tenant"].encode(),  # what is not heard leaves the tenant's root
        row["connection"],
        row["kin"],
        bool(row["appended"]),
        former,
        choice,
    )


def _standing(row: sqlite3.Row) -> Standing:
    return Standing(
        row["key"],
        row["place"],
        row["role"],
        row["chain"],
        row["digest"],
        row["started"] or 0,
        row["created_at"],
        bool(row["cut"]),
        bool(row["retry"]),
        bool(row["of_tools"]),
    )
