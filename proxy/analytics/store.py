"""The local analytics server's memory: conversations, feedback and events.

Each method is one transaction; its answer is in the wire format's answer form (`core/wire.py`), so that API and pages
tell the same. `ApiError` 404 and 422 come out of here, `DatabaseError` when the file refuses: then nothing happened.

Works know a transaction and the names of statements, not the engine. PostgreSQL would be a second `Database` behind them,
with scripts and named statements of its own dialect, and with another form of what is SQLite's in the SQL that is put
together: `statements` (`_FIELDS`, `_bucket`, the functions that read JSON) and `demands`.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import nullcontext
from importlib import resources
from typing import TYPE_CHECKING, Any, TypeVar

from ..core.ids import uuid7
from ..core.search_words import spaced_text
from ..core.session_filter import EVERY, Page, Place
from ..core.tally import letter_of, packed_again
from ..core.traits import timed_traits_of, traits_of
from ..db.queries import load_queries
from ..db.sqlite import Database
from ..errors import ApiError
from . import conversations, deletion, derived, notes, sessions, sharing, statements

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ..core.session_filter import SessionFilter
    from ..db.sqlite import Tx
    from .sessions import Sessions

T = TypeVar("T")


#: The schema's scripts, oldest first; a released one is never edited.
MIGRATIONS = (
    "schema.sql", "schema_2.sql", "schema_3.sql", "schema_4.sql", "schema_5.sql", "schema_6.sql", "schema_7.sql",
    "schema_8.sql", "schema_9.sql", "schema_10.sql", "schema_11.sql",
)  # fmt: skip
#: What they, and what they make, call in SQL.
FUNCTIONS: dict[str, Callable[..., Any]] = {
    **statements.FUNCTIONS,
    "spaced_text": spaced_text,
    "traits_of": traits_of,
    "timed_traits_of": timed_traits_of,
    "time_letter": letter_of,
    "packed_again": packed_again,
}


def definitions() -> tuple[dict[str, str], list[str]]:
    """The statements, and the schema's scripts."""
    folder = resources.files(__package__)
    queries, figures, *migrations = (
        (folder / name).read_text("utf-8") for name in ("queries.sql", "figures.sql", *MIGRATIONS)
    )
    return load_queries(queries) | load_queries(figures), migrations


def open_database(path: Path, *, full_sync: bool = False) -> Database:
    """The server's file, made or brought to the newest schema; `DatabaseError` when it cannot be had."""
    queries, migrations = definitions()
    database = Database(path, queries=queries, migrations=migrations, full_sync=full_sync, functions=FUNCTIONS)
    try:
        database.write(deletion.keep_as_marks)
        database.write(derived.complete)
    except BaseException:
        database.close()
        raise
    return database


def wall_clock() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


class Store:
    """What was logged.

    Args:
        database: From `open_database`; the caller closes it.
        now: Unix milliseconds.
        chance: So many random bytes.

    """

    def __init__(
        self,
        database: Database,
        *,
        now: Callable[[], int] = wall_clock,
        chance: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._database = database
        self.now = now
        self._chance = chance
        self._looking = asyncio.Semaphore(1)

    def __repr__(self) -> str:
        return f"<Store {self._database!r}>"

    async def log_conversation(self, posted: Mapping[str, Any]) -> dict[str, Any]:
        """Upserts a record of `read_conversation`; an older snapshot of a teelog changes nothing; 422."""
        return await self._database.awrite(lambda tx: conversations.log(tx, posted, self.now(), self._mint))

    async def conversation(self, name: str) -> dict[str, Any]:
        """One conversation; 404."""
        return await self._database.aread(lambda tx: conversations.told(tx, name))

    async def external_conversation(self, external: str) -> dict[str, Any]:
        """The newest conversation of an external id; 404."""
        return await self._database.aread(lambda tx: conversations.told_by_external_id(tx, external))

    async def delete_conversation(self, name: str, rev: int = 0) -> dict[str, Any]:
        """Removes a conversation with all that was said of it, for good; 404. A teelog's snapshots up to `rev` too."""
        answer = await self._database.awrite(lambda tx: deletion.delete_conversation(tx, name, self.now(), rev))
        if answer is None:  # what may be on its way here is refused all the same
            raise ApiError(404, f"there is no conversation {name!r}")
        return answer

    async def delete_feedback(self, name: str) -> dict[str, Any]:
        """Removes one piece of feedback; 404."""
        return await self._database.awrite(lambda tx: deletion.delete_feedback(tx, name))

    async def conversations(
        self, limit: int, offset: int = 0, *, asked: SessionFilter = EVERY, after: Place | None = None
    ) -> dict[str, Any]:
        """A page of the conversations that pass a filter, last changed first, in the list envelope; 422."""
        page = Page(limit, offset, after)
        return await self._listed(asked, lambda tx: sessions.answers(tx, asked, page))

    async def sessions(self, asked: SessionFilter, page: Page) -> Sessions:
        """The same page as people see it: of each conversation what a list shows; 422."""
        return await self._listed(asked, lambda tx: sessions.lines(tx, asked, page))

    async def _listed(self, asked: SessionFilter, work: Callable[[Tx], T]) -> T:
        """A list; what looks through words or JSON may take seconds, so that one at a time does, beside other lists."""
        async with self._looking if asked.words or asked.properties else nullcontext():
            return await self._database.aread(work)

    async def log_feedback(self, posted: Mapping[str, Any]) -> dict[str, Any]:
        """Upserts a record of `read_feedback`; it waits, unseen, when its message has not been logged."""
        return await self._database.awrite(lambda tx: notes.log_feedback(tx, posted, self.now(), self._mint))

    async def feedback(self, name: str) -> dict[str, Any]:
        """One piece of feedback with its conversation and message; 404."""
        return await self._database.aread(lambda tx: notes.feedback(tx, name))

    async def feedbacks(self, limit: int, offset: int) -> dict[str, Any]:
        """A page of positive and one of negative feedback, newest first, in the feedback envelope."""
        return await self._database.aread(lambda tx: notes.feedback_page(tx, limit, offset))

    async def log_event(self, posted: Mapping[str, Any]) -> dict[str, Any]:
        """Upserts a record of `read_event`."""
        return await self._database.awrite(lambda tx: notes.log_event(tx, posted, self.now(), self._mint))

    async def read(self, work: Callable[[Tx], T]) -> T:
        """What a work that only reads returns (those of `questions` and `sheets`)."""
        return await self._database.aread(work)

    async def write(self, work: Callable[[Tx], T]) -> T:
        """What a work returns after its transaction (those of `keeper`)."""
        return await self._database.awrite(work)

    @property
    def folder(self) -> Path:
        """Where its file lies, and what is too large for memory may."""
        return self._database.folder

    async def transcript(self, name: str) -> dict[str, Any]:
        """A conversation with all that was said and happened around it, and the token of its link (`share`); 404."""
        return await self._database.aread(
            lambda tx: conversations.transcript(tx, name) | {"share": sharing.shared_as(tx, name)}
        )

    async def share(self, name: str, *, public: bool) -> None:
        """Gives a conversation a link for everybody, or takes it back; 404."""
        if public:
            token = self._chance(16).hex()
            await self._database.awrite(lambda tx: sharing.share(tx, name, self.now(), token))
        else:
            await self._database.awrite(lambda tx: sharing.unshare(tx, name))

    async def shared(self, token: str) -> dict[str, Any]:
        """The conversation that a link leads to; 404."""
        return await self._database.aread(lambda tx: sharing.shared(tx, token))

    async def fork(self, name: str, message: str) -> dict[str, Any]:
        """Copies a conversation up to a message; 404."""
        return await self._database.awrite(lambda tx: sharing.fork(tx, name, message, self.now(), self._mint))

    async def forget_before(self, before: int) -> int:
        """Removes all conversations last changed before a time (unix ms) with what was said of them; how many."""
        forgotten = 0
        while True:
            step = await self._database.awrite(lambda tx: conversations.forget(tx, before))
            forgotten += step
            if step < conversations.FORGET_AT_ONCE:
                return forgotten

    def _mint(self, kind: str) -> str:
        return f"{kind}_{uuid7(self.now(), self._chance(10))}"
