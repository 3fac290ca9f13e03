"""`teelog erase`: asks the running teelog over its control socket, or does it itself when none runs.

The report goes to stdout: a line for each conversation, then what went where; `--json` has the same as objects, the sum
last. Exit codes: 0 done, 1 nothing matched, 2 wrong use, a fault, or not all of it could be done (each reason on stderr).
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson

from .core.redact import Redactor
from .erase_lines import report, table
from .erasure import ERASE, Erasure, Place, sinks_to_ask
from .errors import CommandRefused
from .folder import database_path
from .journal.leftover import finish
from .journal.reader import JournalReader
from .local_server import erasing
from .log import printable
from .outbox.recorder import Recorder
from .outbox_command import answer, reading_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Mapping

    from .config import Config
    from .outbox.reading import Reading
    from .outbox.store import Store


def run(config: Config, chosen: argparse.Namespace) -> int:
    """Do what was asked for; the exit code."""
    request = {"verb": ERASE, "users": chosen.users, "ids": chosen.ids, "before": chosen.before}
    if not (chosen.users or chosen.ids or chosen.before is not None):
        raise CommandRefused("erase what? name --user, --conversation or --before")
    *lines, done = answer(config, request | ({"dry_run": True} if chosen.dry_run else {}), _alone)
    if chosen.json:
        sys.stdout.writelines(orjson.dumps(one).decode() + "\n" for one in (*lines, done))
    else:
        sys.stdout.writelines(table(lines))
        sys.stdout.writelines(f"{line}\n" for line in report(done))
    for trouble in done["troubles"]:
        print(printable(f"teelog: {trouble}"), file=sys.stderr)
    return 2 if done["troubles"] else 0 if done["matched"] else 1


def _alone(config: Config, store: Store, request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The answer while nothing runs: what a killed teelog has left in the journal is recorded here."""
    reading = reading_of(config, Redactor(config.privacy.patterns))
    place = Place(
        config.data_dir,
        (config.data_dir / "teelog.db", database_path(config)),
        store,
        reading,
        partial(erasing, config, None),
        sinks=sinks_to_ask(config),
        catch_up=lambda: _record(config, store, reading),
    )
    return Erasure(place).answer(request)


def _record(config: Config, store: Store, reading: Reading) -> None:
    folder = config.data_dir / "journal"
    if not finish(folder):
        return
    source = JournalReader(folder)
    try:
        recorder = Recorder(store, source, reading)
        while recorder.step():
            pass
    finally:
        source.close()
