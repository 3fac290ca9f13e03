"""The local analytics server beside the recorder, made from the configuration; nothing of it where delivery goes elsewhere."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from .analytics.api import make_app, serve_on
from .analytics.erasing import Erasing
from .analytics.store import FUNCTIONS, Store, definitions, open_database
from .folder import database_path
from .mending import mended

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from aiohttp import web

    from .analytics.delivery_page import Delivery
    from .child_settings import Settings
    from .config import Config
    from .db.sqlite import Database


def lack_of(path: Path) -> Path:
    """A file that stands beside the database while it may lack some of what it has acknowledged."""
    return path.with_name(path.name + ".lacks")


def open_analytics(settings: Settings) -> Database | None:
    """Its database, mended where it was damaged, new where it is gone; None where delivery goes elsewhere."""
    if settings.analytics_socket < 0:
        return None
    path = database_path(settings.config)
    lack = lack_of(path)
    is_new = lack.exists() or not path.exists()
    with suppress(OSError):  # there is no room for it: that much is risked
        lack.touch(mode=0o600)  # first, so that a kill in the middle of mending does not hide it
    if not mended(path, definitions()[1], FUNCTIONS) and not is_new:
        lack.unlink(missing_ok=True)
    # what it has taken is acknowledged for good: it must not be the one that a power loss takes it from
    return open_database(path, full_sync=settings.config.journal.durability != "memory")


@contextmanager
def erasing(
    config: Config,
    database: Database | None,
    *,
    users: tuple[str, ...] | None,
    ids: tuple[str, ...] | None,
    before: int | None,
    is_anothers: Callable[[Collection[str]], Collection[str]],
) -> Iterator[Erasing | None]:
    """An erasure from its database, the open one or else its file; None where there is none. `DatabaseError`."""
    filters = {"users": users, "ids": ids, "before": before, "is_anothers": is_anothers}
    if database is not None:
        yield Erasing(database, **filters)  # type: ignore[arg-type]
    elif not database_path(config).exists():
        yield None
    else:
        found = open_database(database_path(config))
        try:
            yield Erasing(found, **filters)  # type: ignore[arg-type]
        finally:
            found.close()


async def serve_analytics(settings: Settings, database: Database, delivery: Delivery | None = None) -> web.AppRunner:
    """The server, on the socket that the parent has bound; `delivery` asks the parent, where there is one, for its `/status`."""
    config = settings.config
    app = make_app(
        Store(database),
        api_keys=settings.api_keys,
        web_keys=[key.reveal() for key in config.analytics.web_keys],
        web_delete=config.analytics.web_delete,
        cors_origins=config.analytics.cors_origins,
        hosts=(config.analytics.host, *config.listen.allowed_hosts),
        retention_days=config.privacy.retention_days,
        delivery=delivery,
    )

    async def close(_app: web.Application) -> None:
        await asyncio.to_thread(database.close)

    app.on_cleanup.append(close)
    return await serve_on(app, socket.socket(fileno=settings.analytics_socket))
