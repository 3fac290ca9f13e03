"""An erasure, from the first look to the last byte: journal, store, local server, sink, and what was set aside.

    1  what was journaled is recorded, so that it is found            5  the local server's database
    2  what is meant is told; `dry_run` ends here                     6  files that nobody can read through
    3  the store, with tombstones; the sinks are asked to delete      7  both databases are written anew (`db/scrubbing`)
    4  what is on its way to the local server has ended               8  no raw file of before is left; the sinks had a moment

It runs in the process that owns the databases, in a thread of its own. What cannot be done is told in `troubles`, and the
rest is done all the same: to be run again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from .errors import TeelogError
from .journal import emptying
from .outbox import meant as found
from .outbox.erasing import Erasing
from .outbox.meant import Meant
from .outbox.store import ANALYTICS

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Collection, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from .config import Config
    from .outbox.reading import Reading
    from .outbox.store import Store

_log = structlog.get_logger("teelog")

#: The verb of a request.
ERASE = "erase"
#: A long backlog takes longer to be recorded, and is told.
RECORD_SECONDS = 60.0
#: A segment is finished a second after its first record.
GONE_SECONDS = 10.0
#: How long the sinks are given before the answer, which does not depend on it.
SINK_SECONDS = 3.0
_LOOK_SECONDS = 0.05


def sinks_to_ask(config: Config) -> tuple[str, ...]:
    """The sinks that are asked to delete; the local server is erased from at once."""
    return () if config.delivery.url is None else (ANALYTICS,)


class Local(Protocol):
    """An erasure from the local server's database (`analytics.erasing`)."""

    @property
    def counts(self) -> Counter[str]: ...
    def found(self) -> Iterator[dict[str, Any]]: ...
    def run(self, gone: Mapping[str, int], names: Collection[str], now: int) -> None: ...
    def scrub(self) -> None: ...


@dataclass(frozen=True)
class Place:
    """
    Where an erasure takes place.

    Args:
        folder: The data folder.
        databases: Their files; what was set aside of them lies beside them.
        store: What the recorder has stored.
        reading: How records that nothing could be made of are read.
        local: Opens the local server's database for what is meant; None from it: there is none.
        sinks: Those that are asked to delete.
        catch_up: Record what is in the journal, or make sure that somebody does.
        settled: Wait for what is on its way to the local server.
        queued: Called when there is something to ask them; None: nobody delivers now.

    """

    folder: Path
    databases: tuple[Path, ...]
    store: Store
    reading: Reading
    local: Callable[..., AbstractContextManager[Local | None]]
    sinks: tuple[str, ...]
    catch_up: Callable[[], None]
    settled: Callable[[], None] = lambda: None
    queued: Callable[[], None] | None = None


def _is_old(name: str, database: str) -> bool:
    """Whether a file is a database's from before it was mended, or that one's log."""
    return name.startswith(f"{database}.") and ".damaged" in name


class Erasure:
    """
    What `teelog erase` asks for.

    Args:
        place: Where.
        record_seconds: How long what was journaled may take to be recorded.
        gone_seconds: How long its files may take to go then.
        clock: Unix milliseconds.
        sleep: Waits for seconds.

    """

    def __init__(
        self,
        place: Place,
        *,
        record_seconds: float = RECORD_SECONDS,
        gone_seconds: float = GONE_SECONDS,
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        sleep: Callable[[float], object] = time.sleep,  # noqa: TID251 - in a thread of its own
    ) -> None:
        self._place = place
        self._record_seconds = record_seconds
        self._gone_seconds = gone_seconds
        self._clock = clock
        self._sleep = sleep

    def answer(self, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """A line for each conversation that is meant, the sum last; `CommandRefused`."""
        now, place = self._clock(), self._place
        given = {name: value for name, value in request.items() if name not in ("verb", "dry_run")}
        meant = Meant.read(given, now)
        troubles = [] if self._is_recorded() else ["not all that was journaled is recorded yet: run it again later"]
        lines = [found.line(row) for row in found.conversations(place.store, meant)]
        yield from lines
        with place.local(users=meant.users, ids=meant.ids, before=meant.before, is_anothers=self._known) as local:
            also = list(local.found()) if local else []
            yield from also
            if request.get("dry_run"):
                aside = [path.name for path in self._aside()]
                yield {"matched": len(lines) + len(also), "dry_run": True, "files": aside, "troubles": troubles}
            else:
                yield self._erase(meant, now, local, troubles)

    def _erase(self, meant: Meant, now: int, local: Local | None, troubles: list[str]) -> dict[str, Any]:
        place = self._place
        erasing = Erasing(place.store, place.reading, meant, now, place.sinks)
        erasing.run()
        if local is not None:
            place.settled()
            local.run(erasing.erased, erasing.names, now)
        went = {"store": dict(+erasing.counts), "local": dict(+local.counts) if local else {}}
        matched = len(erasing.erased) + sum(erasing.counts[name] for name in ("feedback", "event", "records", "queued"))
        matched += local.counts.total() if local else 0
        aside = self._aside()
        files = self._remove(aside, troubles) if matched else []
        for one in (place.store, *((local,) if local else ())):
            self._scrub(one, troubles)
        if not self._is_empty(emptying.newest(place.folder / "journal"), self._gone_seconds):
            troubles.append("raw exchanges of before still lie in the journal: run it again")
        told = {
            "matched": matched, "dry_run": False, **went, "files": files, "forks": erasing.forks,
            "kept": [path.name for path in aside] if not matched else [], "sink": self._sink_told(erasing.counts),
            "going_on": emptying.left_open(place.folder / "journal"), "troubles": troubles,
        }  # fmt: skip
        _log.warning(
            "conversations.erased",
            conversations=len(erasing.erased),
            matched=matched,
            files=len(files),
            troubles=troubles,
        )
        return told

    # --- the journal

    def _is_recorded(self) -> bool:
        """Whether what is in the journal now was recorded in time."""
        upto = emptying.newest(self._place.folder / "journal")
        self._place.catch_up()
        return self._is_empty(upto, self._record_seconds)

    def _is_empty(self, upto: int, seconds: float) -> bool:
        return emptying.wait_until_gone(self._place.folder / "journal", upto, seconds, self._sleep)

    # --- files

    def _aside(self) -> list[Path]:
        """What was set aside, unreadable or damaged: nobody can tell whose words are in it."""
        aside = emptying.set_aside(self._place.folder / "journal")
        for database in self._place.databases:
            beside = database.parent.iterdir() if database.parent.is_dir() else ()
            aside += sorted(path for path in beside if _is_old(path.name, database.name))
        return aside

    def _remove(self, paths: list[Path], troubles: list[str]) -> list[str]:
        removed = []
        for path in paths:
            try:
                path.unlink(missing_ok=True)
                removed.append(path.name)
            except OSError as error:
                troubles.append(f"{path} cannot be removed: {error.strerror}")
        return removed

    def _scrub(self, one: Store | Local, troubles: list[str]) -> None:
        try:
            one.scrub()
        except TeelogError as error:
            troubles.append(
                f"bytes of what was erased may still lie in a database: {error}; run it again, with as much room as it takes "
                "beside it and in the folder for temporary files (SQLITE_TMPDIR)"
            )

    # --- others

    def _known(self, ids: Collection[str]) -> Collection[str]:
        """Which of some conversations the store has."""
        rows = self._place.store.read(lambda tx: tx.all("known_ids", ids=found.as_list(list(ids))))
        return {row["id"] for row in rows}

    def _sink_told(self, counts: Counter[str]) -> dict[str, int]:
        """What the sinks were asked, and what of it they have not done yet."""
        end = time.monotonic()
        if counts["queued"] and self._place.queued:
            self._place.queued()
            end += SINK_SECONDS
        while (left := self._deletions_left())["n"] and time.monotonic() < end:
            self._sleep(_LOOK_SECONDS)
        return {
            "asked": counts["queued"], "waiting": left["n"] - left["dead"], "refused": left["dead"],
            "events_left": counts["events_left"],
        }  # fmt: skip

    def _deletions_left(self) -> Any:
        return self._place.store.read(lambda tx: tx.one("deletions_left"))
