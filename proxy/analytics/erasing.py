"""An erasure from the local server's database: by user, by id, by age, and whatever a teelog has erased of its own.

Works on the database alone, whoever owns it: this process beside the server, or the command while nothing runs. What goes
leaves marks (`deletion`), so that nothing of it comes back. In steps of some conversations; `DatabaseError` when the file
refuses, and what was erased until then stays so.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson

from ..core.fields import time_text
from . import deletion

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from ..db.sqlite import Database, Tx

#: Conversations of one read, or of one transaction.
PAGE = 100


class Erasing:
    """
    One erasure.

    Args:
        database: The local server's.
        users, ids, before: What is meant (`before`: not changed since, unix milliseconds); None is any.
        is_anothers: Which of some ids a teelog beside it still holds, and so decides about.

    """

    def __init__(
        self,
        database: Database,
        *,
        users: Sequence[str] | None,
        ids: Sequence[str] | None,
        before: int | None,
        is_anothers: Callable[[Collection[str]], Collection[str]],
    ) -> None:
        self._database = database
        self._users, self._ids, self._before = users, ids, before
        self._is_anothers = is_anothers
        #: What went: conversations, messages, feedback, events.
        self.counts: Counter[str] = Counter()

    def found(self) -> Iterator[dict[str, Any]]:
        """What is told of each conversation that is meant, and is nobody else's."""
        after, values = "", {"users": _listed(self._users), "ids": _listed(self._ids), "before": self._before}
        while True:
            page = self._database.read(lambda tx, after=after: tx.all("meant", after=after, limit=PAGE, **values))  # type: ignore[misc]
            kept = self._is_anothers([row["id"] for row in page])
            yield from (_line(row) for row in page if row["id"] not in kept)
            if len(page) < PAGE:
                return
            after = page[-1]["id"]

    def run(self, gone: Mapping[str, int], names: Collection[str], now: int) -> None:
        """
        Erase what is meant, and what a teelog has erased.

        Args:
            gone: Ids of the latter, and the newest rev of each.
            names: What its messages were called.
            now: Unix milliseconds.

        """
        every = dict(gone) | {line["conversation"]: gone.get(line["conversation"], 0) for line in self.found()}
        for some in _steps(list(every)):
            self._database.write(lambda tx, some=some: self._erase(tx, {name: every[name] for name in some}, now))  # type: ignore[misc]
        for some in _steps(list(names)):
            self._database.write(lambda tx, some=some: deletion.forget_messages(tx, some, now))  # type: ignore[misc]
        self._database.write(self._of_users)
        self._database.write(lambda tx: tx.run("forget_origins", ids=_listed(list(every))))
        self._database.write(_forget_sums)

    def scrub(self) -> None:
        """Leave nothing of it in the files; `DatabaseUnavailable`."""
        self._database.scrub()

    def _erase(self, tx: Tx, some: Mapping[str, int], now: int) -> None:
        for name, rev in some.items():
            spoken = tx.one("spoken_of", id=name)
            messages = sum(row["place"] is not None for row in tx.all("messages", conversation=name))
            if deletion.delete_conversation(tx, name, now, rev) and spoken:
                said = {"feedback": spoken["feedback"], "events": spoken["events"]}
                self.counts.update(conversations=1, messages=messages, **said)

    def _of_users(self, tx: Tx) -> None:
        """What erased users have said of other conversations."""
        if self._users is None or self._ids is not None:
            return
        values = {"users": _listed(self._users), "before": self._before}
        self.counts["feedback"] += tx.run("drop_feedback_of_users", **values)
        self.counts["events"] += tx.run("drop_events_of_users", **values)


def _forget_sums(tx: Tx) -> None:
    """What is kept of hours and weeks of which something is gone still tells of it, until it is summed anew."""
    for sums in ("sums", "traits", "findings", "sheaves"):
        tx.run(f"drop_stale_{sums}")


def _line(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "conversation": row["id"],
        "messages": row["messages"],
        "since": time_text(row["created_at"]),
        "last": time_text(row["updated_at"]),
    }


def _steps(names: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), PAGE):
        yield list(names[start : start + PAGE])


def _listed(values: Sequence[str] | None) -> str | None:
    return None if values is None else orjson.dumps(values).decode()
