"""The recorder process: it records, delivers, and serves analytics; a child of the relay process, and it ends with that.

It owns both databases, and mends at its start what is damaged of them. One that turns out to be damaged later ends the
process: the next one mends it. Whatever ends it, what matters is on disk.
"""

from __future__ import annotations

import asyncio
import os
import time
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from . import log
from .child import Parent
from .db.mend import doubt
from .errors import DatabaseUnavailable, TeelogError
from .folder import Folder, database_path
from .local_server import erasing, lack_of, open_analytics, serve_analytics
from .recording import Recording, open_store, send_again

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Protocol

    from aiohttp import web

    from .child_settings import Settings

    class _Damageable(Protocol):
        @property
        def is_damaged(self) -> bool: ...


T = TypeVar("T")

#: How long it may go on recording, and delivering, when it ends (DESIGN: SIGTERM).
DELIVER_SECONDS = 5.0
#: How often a database is opened that the disk does not give, and how long apart.
OPEN_TRIES = 10
_OPEN_SECONDS = 0.1
#: How soon a database that turns out to be damaged is noticed.
_DAMAGE_SECONDS = 0.5


async def main() -> int:
    """Run until the parent says so, or is gone; an exit code when it cannot begin."""
    parent = await Parent.connect()
    settings: Settings = await parent.settings()
    log.configure(settings.config.log)
    folder = Folder(settings.config.data_dir)
    try:
        lock = await asyncio.to_thread(folder.lock, "recorder", time.sleep)  # noqa: TID251 - in a thread of its own
        recording, runner, files = await _begun(settings, folder, parent)
    except (TeelogError, OSError) as error:
        parent.say({"fault": str(error)})  # who logs it, once
        return 1
    recording.start()
    damaged = asyncio.get_running_loop().create_task(_end_when_damaged(parent, files))
    parent.say({"ready": True})
    drain = await parent.listen(recording.status)
    damaged.cancel()
    recording.rest()
    if drain:
        await recording.drain(DELIVER_SECONDS)
        if runner is not None:
            await runner.cleanup()
        await recording.close()
        os.close(lock)
    # with the parent gone there is nothing to wait for: all that matters is on disk
    os._exit(0)


async def _begun(
    settings: Settings, folder: Folder, parent: Parent
) -> tuple[Recording, web.AppRunner | None, Mapping[Path, _Damageable]]:
    """All there is, but for what `start` starts; and the databases by their files."""
    own, local = folder.path / "teelog.db", database_path(settings.config)
    store = await _opened(lambda: open_store(own, settings))
    analytics = await _opened(lambda: open_analytics(settings))
    if analytics is not None:
        await send_again(store, lack_of(local))  # what damage took of the local server's, the store still has
    recording = Recording(settings, store, partial(erasing, settings.config, analytics), local)
    if analytics is None:
        return recording, None, {own: store}
    return recording, await serve_analytics(settings, analytics, parent.ask), {own: store, local: analytics}


async def _opened(work: Callable[[], T]) -> T:
    """What `work` opens; a disk that refuses now and then is asked again, before the whole process has to be."""
    for left in range(OPEN_TRIES - 1, -1, -1):
        try:
            return await asyncio.to_thread(work)
        except DatabaseUnavailable:
            if not left:
                raise
        await asyncio.sleep(_OPEN_SECONDS)
    raise AssertionError("there is a last try")


async def _end_when_damaged(parent: Parent, files: Mapping[Path, _Damageable]) -> None:
    """End this process when a database turns out to be damaged: the next one mends it at its start."""
    while not (found := [path for path, one in files.items() if one.is_damaged]):  # noqa: ASYNC110 - by threads
        await asyncio.sleep(_DAMAGE_SECONDS)
    for path in found:
        doubt(path)
    parent.say({"fault": f"{found[0]} is damaged; what can be read of it is put into a new one"})
    os._exit(1)
