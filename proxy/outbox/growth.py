"""One conversation while it grows by one exchange: messages take places, give them up, and are put back.

A message that is replaced keeps its row and stays known by its ids; `replaced` holds what lost its place, so that it can be
told as an event. Runs inside the recorder's transaction.
"""

from __future__ import annotations

from itertools import chain, count
from typing import TYPE_CHECKING

from ..core.additions import Addition, additions, other_tips, prompt_additions
from ..core.jsontext import write, written
from ..core.message import link
from .rewording import say_as_they_do, say_what_was_freed, swap

if TYPE_CHECKING:
    import sqlite3

    from ..core.entry import Entry
    from ..core.place import Placing
    from ..db.sqlite import Tx


class Growth:
    """
    What an exchange does to a conversation.

    Args:
        tx: The transaction.
        row: The conversation, as it was.
        rev: The revision that comes of it.

    """

    def __init__(self, tx: Tx, row: sqlite3.Row, rev: int) -> None:
        self._tx = tx
        self._row = row
        self._rev = rev
        self._keeps = bool(row["sampled"])
        #: Rows of messages that have lost their places by this.
        self.replaced: list[sqlite3.Row] = []
        #: By what the new messages may have been asked for.
        self.names: list[str] = []
        #: The conversation's own row afterwards; the tip is where it is gone on with.
        self.last_place = row["last_place"]
        self.tip_place = row["tip_place"]
        self.tip: bytes | None = row["tip"]
        #: What may be gone on with in its stead: hash, replaced message, other choice.
        self.tips: list[tuple[bytes, int | None, int]] = []

    def grow(self, entry: Entry, placing: Placing, new: list[Addition]) -> None:
        """The exchange's messages come in behind `placing.keep`."""
        if self._keeps:
            self._put_prompt(entry)
        if placing.drop:
            self._drop(entry, placing)
        self._let_stand_what_they_have(entry, placing)
        self._replace(placing.keep + 1, self._row["last_place"])
        last = before = placing.start
        added = []
        for at, addition in enumerate(new, placing.keep + 1):
            before = before if addition.is_answer else addition.chain or before
            added.append(self._add(addition, at, entry))
            last = addition.chain or last
            if addition.message.role == "assistant":
                self.tip, self.tip_place = last, at
        self.last_place = placing.keep + len(new)
        if entry.answers:
            self.tips = [(tip, None, choice) for tip, choice in other_tips(entry, before)]
            if placing.how in ("regenerated", "retried"):
                self.tips += self._former()
        else:
            self.tip = (self.tip or placing.start) if self.tip_place else None
        self._know(entry, new, added)

    def put_beside(self, entry: Entry, placing: Placing) -> None:
        """Another answer to the same question, which stands beside the first."""
        assert placing.standing is not None
        first = self._tx.one("message", key=placing.standing.key)
        assert first is not None
        (answer,) = additions(entry, placing)[-1:]
        key = self._add(answer, None, entry)
        if self._keeps:
            properties = written(first["properties"])
            properties.setdefault("alternatives", []).append({**answer.message.to_json(), "id": answer.id})
            self._tx.run("tell", key=first["key"], properties=write(properties))
        self.know_as(entry, first["key"])  # analytics knows no other
        if answer.chain and placing.standing.place == self._row["tip_place"]:
            self.tips = [(answer.chain, key, 0)]

    # ── places ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _add(self, addition: Addition, at: int | None, entry: Entry) -> int:
        """A message takes a place, or stands beside one; its key."""
        message, name = addition.message, self._free_id(addition)
        self.names.append(name)
        return self._tx.add(
            "add_message",
            conversation=self._row["key"],
            place=at,
            id=name,
            rev=self._rev,
            created_at=addition.created_at,
            started=entry.started if addition.is_answer else None,
            cut=addition.is_answer and entry.cut,
            retry=addition.is_answer and entry.caller.retries,
            role=message.role,
            of_tools=bool(message.tool_calls or message.function_call) or message.role in ("tool", "function"),
            chain=addition.chain,
            digest=addition.digest,
            pair=addition.pair,
            body=write(message.to_json()) if self._keeps else "{}",
            properties=write(addition.properties) if self._keeps else "{}",
        )

    def _free_id(self, addition: Addition) -> str:
        """The client's own id, or ours; even ours may be taken, by a client that has put it on another message."""
        own = "" if addition.is_answer else addition.own_id
        return free_id(self._tx, self._row["tenant"], *filter(None, (own, addition.id)))

    def _replace(self, first: int, last: int) -> None:
        """Messages give up their places."""
        if first > last:
            return
        values = {"conversation": self._row["key"], "first": first, "last": last}
        self.replaced += self._tx.all("between", **values)
        self._tx.run("keep_ids", **values)
        self._tx.run("replace", **values)

    def _drop(self, entry: Entry, placing: Placing) -> None:
        """What was asked over and over gives way to the last time; the chain begins there."""
        self._replace(1, placing.drop)
        last = entry.history.root
        for row in self._tx.all("between", conversation=self._row["key"], first=1, last=placing.keep):
            last = link(last, row["digest"]) if row["digest"] else last
            self._tx.run("rehash", key=row["key"], chain=last if row["digest"] else None)

    def _let_stand_what_they_have(self, entry: Entry, placing: Placing) -> None:
        """The answer at the end becomes the one that the client goes on with: another one, or its own version."""
        held = placing.held
        if held and held.former:
            self._replace(held.tip_place, held.last)
            self._tx.run("put_back", key=held.former, place=held.tip_place, chain=held.tip)
            say_what_was_freed(self._tx, held.former, entry.history)
        elif held and self._keeps and (held.choice or placing.said):
            standing = self._tx.one("at_place", conversation=held.key, place=held.tip_place)
            assert standing is not None
            if placing.said:
                say_as_they_do(self._tx, standing, placing.said, placing.start)
            else:
                swap(self._tx, standing, held.choice, placing.start)
        if held and held.tip_place == placing.keep:
            self.tip = placing.start

    def _put_prompt(self, entry: Entry) -> None:
        """The newest system prompt stands at place 0; one of several messages begins before it."""
        if not (prompt := prompt_additions(entry)):
            return
        standing = {row["place"]: row for row in self._tx.all("prompt", conversation=self._row["key"])}
        start = 1 - len(prompt)
        for at, addition in enumerate(prompt, start):
            body = write(addition.message.to_json())
            if at not in standing:
                self._add(addition, at, entry)
            elif standing[at]["body"] != body:
                self._tx.run("say_again", key=standing[at]["key"], body=body)
        if standing and min(standing) < start:
            values = {"conversation": self._row["key"], "first": min(standing), "last": start - 1}
            self._tx.run("keep_ids", **values)
            self._tx.run("replace", **values)

    # ── names ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _former(self) -> list[tuple[bytes, int | None, int]]:
        """The answer that was replaced may be gone on with, too, if nothing came behind it."""
        heard = [one for one in self.replaced if one["chain"]]
        return [(one["chain"], one["key"], 0) for one in heard if len(heard) == 1 and one["role"] == "assistant"]

    def stands_instead(self, entry: Entry) -> str:
        """The id of the message that stands where another was replaced: the answer, or what was put back."""
        row = self._tx.one("at_place", conversation=self._row["key"], place=self.replaced[0]["place"])
        return row["id"] if row else entry.id

    def know_as(self, entry: Entry, message: int) -> None:
        """An exchange's answer is this message."""
        keys = [(entry.id, "exchange")]
        if entry.answers and entry.completion_id:
            keys.append((entry.completion_id, "completion"))
        self._tx.many("add_key", ({"value": value, "kind": kind, "message": message} for value, kind in keys))
        self.names += [value for value, _ in keys]

    def _know(self, entry: Entry, new: list[Addition], added: list[int]) -> None:
        self.know_as(entry, added[-1])
        named = [
            {"value": call, "kind": "tool_call", "message": key}
            for key, addition in zip(added, new, strict=True)
            for call in (*(one.get("id") for one in addition.message.tool_calls), addition.message.tool_call_id)
            if call
        ]
        named += [
            {"value": addition.own_id, "kind": "message", "message": key}
            for key, addition in zip(added, new, strict=True)
            if addition.is_answer and addition.own_id
        ]
        if named:
            self._tx.many("add_key", named)


def free_id(tx: Tx, tenant: str, *wanted: str) -> str:
    """The first of some message ids that no standing message and no other tenant's has, or the last with a number."""
    others = (f"{wanted[-1]}~{number}" for number in count(2))
    return next(one for one in chain(wanted, others) if not tx.one("message_id_taken", id=one, tenant=tenant))
