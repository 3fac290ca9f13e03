"""`teelog analytics`: the local analytics server alone, in one process, for many proxies to deliver to, and for any client.

It owns its data folder as `teelog serve` would, by the same lock, and keeps the same key and the same database there: one
can be run in place of the other. A database that turns out to be damaged ends the process with exit code 1; the next
start mends it. SIGTERM: what is under way is answered, and the exit code is 0; a second one ends at once.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from . import __version__, log
from .child_settings import Settings
from .db.mend import doubt
from .folder import Folder, database_path
from .greeting import owned, shown_once, tell_who_reaches_pages
from .local_server import open_analytics, serve_analytics
from .network_folder import refuse_network
from .sockets import CURES, listen, url_of

if TYPE_CHECKING:
    from .config import Config
    from .db.sqlite import Database

_log = structlog.get_logger("teelog")

#: How soon a database that turns out to be damaged is noticed.
_DAMAGE_SECONDS = 0.5


async def main(config: Config) -> int:
    """Run until stopped; the exit code. `StartError` and `DatabaseError` when it cannot begin."""
    log.configure(config.log)
    if not config.allow_network_folder:
        refuse_network(config.data_dir)
    stopped = _signalled()
    folder = Folder(config.data_dir)
    owning = asyncio.ensure_future(owned(folder))
    stopping = asyncio.ensure_future(stopped.wait())
    await asyncio.wait((owning, stopping), return_when=asyncio.FIRST_COMPLETED)
    if not owning.done():
        owning.cancel()
        return 0
    lock = owning.result()
    listening = listen(config.analytics.host, config.analytics.port, "analytics.port", CURES["analytics"])
    url = url_of(listening)
    keys = tuple(key.reveal() for key in config.analytics.api_keys) or (shown_once(folder, url),)
    settings = Settings(config, b"", keys, listening.detach(), url)
    database = await asyncio.to_thread(open_analytics, settings)
    assert database is not None, "it has a socket"
    runner = await serve_analytics(settings, database)
    _log.info("teelog.ready", version=__version__, analytics=url, data_dir=str(config.data_dir))
    tell_who_reaches_pages(config, url)
    code = await _until_stopped(stopped, database, config)
    await runner.cleanup()
    os.close(lock)
    _log.info("teelog.stopped", exit_code=code)
    return code


async def _until_stopped(stopped: asyncio.Event, database: Database, config: Config) -> int:
    """The exit code, once a signal came or the database is damaged."""
    while not stopped.is_set():
        if database.is_damaged:
            path = database_path(config)
            doubt(path)
            _log.error("database.damaged", file=str(path), hint="the next start puts what can be read into a new one")
            return 1
        with suppress(TimeoutError):
            await asyncio.wait_for(stopped.wait(), _DAMAGE_SECONDS)
    return 0


def _signalled() -> asyncio.Event:
    """Set by SIGTERM or SIGINT; a second one ends the process."""
    stopped = asyncio.Event()

    def end() -> None:
        if stopped.is_set():
            os._exit(0)
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, end)
    return stopped
