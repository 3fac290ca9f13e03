"""`teelog outbox`: asks the running teelog over its control socket, or opens the databases itself when none runs.

Which of the two is told by the lock on the data folder; whoever holds it is the only writer, so a teelog that is started
meanwhile waits for this command to end. Lines and sums go to stdout, words that are no answer to stderr. Exit codes: 0
done, 1 nothing matched; `CommandRefused`, `StartError`, `DatabaseError` are the caller's to print.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

from . import log
from .core.redact import Redactor
from .errors import CommandRefused, StartError
from .folder import Folder
from .outbox.commands import Commands
from .outbox.control import ask
from .outbox.reading import Reading
from .outbox.store import Store
from .outbox_lines import sentence, summary, table, told_whole

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeAlias

    from .config import Config

    Alone: TypeAlias = Callable[[Config, Store, Mapping[str, Any]], Iterator[dict[str, Any]]]

#: A recorder that has just died is up again within this time.
PATIENCE_SECONDS = 10.0
_STEP_SECONDS = 0.2
_FILTERS = ("state", "kind", "sink", "reason")


def run(config: Config, chosen: argparse.Namespace) -> int:
    """Do what was asked for; the exit code."""
    request = _request(chosen)
    if chosen.verb == "drop" and not chosen.yes:
        *_, done = answer(config, {**request, "verb": "list", "limit": 1})
        meant = min(done["matched"], request.get("limit", done["matched"]))
        print(f"teelog: {meant:,} would be dropped for good: say --yes", file=sys.stderr)
        return 2 if meant else 1
    *lines, done = answer(config, request)
    if chosen.json:
        for line in lines if chosen.verb == "show" else [*lines, done]:
            sys.stdout.write(orjson.dumps(line).decode() + "\n")
    elif chosen.verb == "list":
        sys.stdout.writelines(table(lines, time.time_ns() // 1_000_000))
        print(summary(done))
    elif chosen.verb == "show":
        print("\n".join(told_whole(line) for line in lines) if lines else "nothing has this id")
    else:
        print(sentence(chosen.verb, done))
    return 0 if done["matched"] else 1


def _request(chosen: argparse.Namespace) -> dict[str, Any]:
    """What is asked of the owner of the databases; `CommandRefused` for everything when that was not said."""
    ids = [*getattr(chosen, "ids", ()), *getattr(chosen, "ids_too", ())]
    filters = {name: value for name in _FILTERS if (value := getattr(chosen, name, None)) is not None}
    if (span := getattr(chosen, "older_than", None)) is not None:
        filters["before"] = time.time_ns() // 1_000_000 - span * 1000
    if chosen.verb in ("retry", "drop") and not (ids or filters or chosen.all):
        raise CommandRefused(f"{chosen.verb} what? name ids, filters, or say --all")
    limit = getattr(chosen, "limit", None)
    return {"verb": chosen.verb, "ids": ids, **filters} | ({} if limit is None else {"limit": limit})


def answer(config: Config, request: Mapping[str, Any], alone: Alone | None = None) -> Iterator[dict[str, Any]]:
    """The lines of an answer, the sum last, from whoever owns the databases; `alone` answers while nothing runs."""
    if not config.data_dir.is_dir():
        raise CommandRefused(f"there is no data_dir {config.data_dir}: name that of your teelog with --data-dir")
    folder, pause = Folder(config.data_dir), threading.Event()
    for _ in range(round(PATIENCE_SECONDS / _STEP_SECONDS)):
        if (lock := _owned(folder)) is not None:
            try:
                yield from _alone(config, folder, request, alone or _commands)
            finally:
                os.close(lock)
            return
        with suppress(FileNotFoundError, ConnectionRefusedError):
            yield from ask(folder.path, request)
            return
        pause.wait(_STEP_SECONDS)
    raise CommandRefused(
        f"a teelog runs on data_dir {folder.path}, but its recorder does not answer: its log and /status say why"
    )


def _owned(folder: Folder) -> int | None:
    """The lock on the folder, which no running teelog lets go; None when one has it."""
    try:
        return folder.lock("teelog", lambda _seconds: None, 0)
    except StartError:
        return None


def _alone(config: Config, folder: Folder, request: Mapping[str, Any], alone: Alone) -> Iterator[dict[str, Any]]:
    """The answer while nothing runs."""
    path = folder.path / "teelog.db"
    if not path.exists():
        raise CommandRefused(f"there is no {path}: nothing has been recorded in this data_dir yet")
    log.configure(config.log)  # what is recorded now is told as ever, on stderr
    # a recorder whose relay has just been killed ends by itself
    lock = folder.lock("recorder", threading.Event().wait, PATIENCE_SECONDS)
    try:
        store = Store(path, secret=folder.secret(), sample_rate=config.privacy.sample_rate)
        try:
            yield from alone(config, store, request)
        finally:
            store.close()
    finally:
        os.close(lock)


def _commands(config: Config, store: Store, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    redactor = Redactor(config.privacy.patterns)
    return Commands(store, reading_of(config, redactor), redactor).answer(request)


def reading_of(config: Config, redactor: Redactor) -> Reading:
    """How the running teelog would read records."""
    secret = Folder(config.data_dir).secret()
    return Reading.configured(config.conversation, config.privacy, redactor, config.store_levels, secret)
