"""Which conversations an erasure means, and which records and notes besides: by user, by conversation, by age.

Several kinds narrow each other, several of a kind widen: `--user a --user b --before 2026-01-01` means what either has
said, where nothing was said since. A conversation's id is the one that analytics shows. Pure but for the store it asks.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import orjson

from ..core.fields import time_text
from ..errors import CommandRefused
from .notes import user_of

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from .store import Store

#: Conversations of one read.
PAGE = 200


@dataclass(slots=True, frozen=True)
class Meant:
    """What is to be erased; None where nothing is said of it."""

    users: tuple[str, ...] | None = None
    ids: tuple[str, ...] | None = None
    #: Unix milliseconds.
    before: int | None = None

    @classmethod
    def read(cls, given: Mapping[str, Any], now: int) -> Meant:
        """From JSON; `CommandRefused` names what is wrong."""
        if unknown := set(given) - {one.name for one in fields(cls)}:
            raise CommandRefused(f"there is no filter {', '.join(sorted(unknown))}")
        lists: dict[str, tuple[str, ...] | None] = {}
        for name in ("users", "ids"):
            values = given.get(name) or ()
            if not isinstance(values, list | tuple) or not all(map(_is_name, values)):
                raise CommandRefused(f"{name} are texts that can be written, none of them empty")
            lists[name] = tuple(values) or None
        before = given.get("before")
        if before is not None and (not isinstance(before, int) or before > now):
            raise CommandRefused("before is a time that has passed")
        meant = cls(before=before, **lists)
        if meant == cls():
            raise CommandRefused("erase what? name --user, --conversation or --before")
        return meant

    @property
    def values(self) -> dict[str, Any]:
        """For queries."""
        return {"users": as_list(self.users), "ids": as_list(self.ids), "before": self.before}

    def means_note(self, body: Mapping[str, Any], told_at: int) -> bool:
        """Whether feedback or an event is somebody's who is erased, whatever it speaks of."""
        if self.users is None or self.ids is not None or user_of(body) not in self.users:
            return False
        return self.before is None or told_at < self.before


def as_list(values: tuple[str, ...] | list[str] | None) -> str | None:
    """A JSON array; None for nothing."""
    return None if values is None else orjson.dumps(values).decode()


def _is_name(value: object) -> bool:
    """Whether a value can be an id; SQLite would read what stands before a zero as all of it."""
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    return value.encode("utf-8", "ignore").decode() == value


def conversations(store: Store, meant: Meant) -> Iterator[sqlite3.Row]:
    """The conversations that are meant, with `messages` (how many) and `last` (when the newest came)."""
    after = 0
    while True:
        page = store.read(lambda tx, after=after: tx.all("meant", after=after, limit=PAGE, **meant.values))  # type: ignore[misc]
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1]["key"]


def line(row: sqlite3.Row) -> dict[str, Any]:
    """What is told of one of them."""
    return {
        "conversation": row["id"],
        "messages": row["messages"],
        "since": time_text(row["created_at"]),
        "last": time_text(row["last"]),
    }
