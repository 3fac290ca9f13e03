"""What the operator is told at the start: where everything is, whose the folder is, the key, and what looks odd.

Words only; nothing is decided here.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from . import __version__
from .core.hosts import is_loopback
from .folder import LOCK_SECONDS
from .hints import likelier

if TYPE_CHECKING:
    from .config import Config
    from .folder import Folder

_log = structlog.get_logger("teelog")


@dataclass(frozen=True)
class Addresses:
    """Where everything is, once it is up."""

    #: Without `/v1`.
    proxy: str
    #: The local analytics server and a key of it; empty when delivery goes elsewhere.
    analytics: str
    analytics_key: str


async def owned(folder: Folder) -> int:
    """The lock on the data folder; says that it waits for another one's end, and stops waiting at Ctrl-C."""
    given_up = threading.Event()

    def wait(seconds: float) -> None:
        if not told:
            told.append(True)
            _log.warning(
                "teelog.waits",
                reason="another teelog has the data folder: stop that one, or give this one its own --data-dir",
                data_dir=str(folder.path),
                seconds=LOCK_SECONDS,
            )
        given_up.wait(seconds)

    told: list[bool] = []
    try:
        return await asyncio.to_thread(folder.lock, "teelog", wait)
    finally:
        given_up.set()


def shown_once(folder: Folder, url: str) -> str:
    """The local server's key; a new one is shown to whoever sits at the terminal."""
    key, fresh = folder.analytics_key()
    if fresh and sys.stderr.isatty():
        sys.stderr.write(
            f"A key to sign in with at {url} was made; it is shown this once:\n\n  {key}\n\n"
            f"and stays in {folder.path / 'analytics.key'}.\n\n"
        )
    return key


def announce(config: Config, addresses: Addresses) -> None:
    """Where everything is, who else can reach it, and which base URL looks like a slip of the pen."""
    listen = config.listen
    _log.info(
        "teelog.started",
        version=__version__,
        base_url=addresses.proxy + "/v1",
        upstream=config.upstream.base_url,
        delivers_to=config.delivery.url or f"the local analytics server, {addresses.analytics}",
        data_dir=str(config.data_dir),
        **({} if is_loopback(listen.host) else {"listens_on": _bound(listen.host, addresses.proxy)}),
    )
    if addresses.analytics:
        tell_who_reaches_pages(config, addresses.analytics)
    for name, upstream in {"upstream": config.upstream, **config.upstreams}.items():
        odd, other = likelier(upstream.base_url)
        if odd:
            hint = f"{odd}; perhaps {other} is meant: `teelog check` tries it"
            _log.warning("teelog.base_url", upstream=name, base_url=upstream.base_url, hint=hint)


def tell_who_reaches_pages(config: Config, url: str) -> None:
    """That others than this machine reach the local server, where they do."""
    if not is_loopback(config.analytics.host):
        _log.warning(
            "teelog.pages_open",
            listens_on=_bound(config.analytics.host, url),
            hint="others reach the local server and its pages too, and need a key: set analytics.host to 127.0.0.1, or "
            "publish a container's port to this machine alone, as 127.0.0.1:8081:8081",
        )


def _bound(host: str, url: str) -> str:
    """What is listened on: the configured host, and the port of the URL by which it is reached from here."""
    port = url.rpartition(":")[2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
