"""The introductions: the only file that knows all rooms. It runs the two processes of the walk, and each only with the
rooms it needs: a process's imports are most of its memory at rest.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from . import log
from .errors import CommandRefused
from .memory import keep_some, share_heaps

if TYPE_CHECKING:
    import argparse
    from collections.abc import Coroutine

    from .config import Config, Loaded

_log = structlog.get_logger("teelog")


def serve(loaded: Loaded) -> int:
    """`teelog serve`: run until a signal ends it; the exit code."""
    from .relay_process import RelayProcess  # noqa: PLC0415 - the recorder process does without it

    log.configure(loaded.config.log)
    if loaded.ignored_proxies:
        hint = (
            "requests go to upstream and sink directly: set upstream.trust_env or delivery.trust_env to use the proxy"
        )
        _log.warning("teelog.proxy_ignored", variables=list(loaded.ignored_proxies), hint=hint)
    for said in loaded.unused:
        _log.warning("teelog.unused", hint=said)
    keep_some()
    return run(RelayProcess(loaded.config, proxies=loaded.proxies).main())


def analytics(loaded: Loaded) -> int:
    """`teelog analytics`: the local analytics server alone, until a signal ends it; the exit code."""
    from . import analytics_process  # noqa: PLC0415 - see above

    return run(analytics_process.main(loaded.config))


def export(config: Config, chosen: argparse.Namespace) -> int:
    """`teelog export`: from the local server's file where there is one, else from what teelog itself holds."""
    from . import export_command  # noqa: PLC0415 - see above
    from .analytics.exporting import exported  # noqa: PLC0415
    from .folder import database_path  # noqa: PLC0415
    from .outbox.exporting import exported as exported_by_outbox  # noqa: PLC0415

    local, own = database_path(config), config.data_dir / "teelog.db"
    if config.delivery.url is None and local.exists():
        return export_command.run(chosen, f"the local analytics server's {local}", partial(exported, local))
    if not own.exists():
        raise CommandRefused(f"there is no {own}: name the data_dir of your teelog with --data-dir")
    place = f"{own}, which is what teelog itself still holds: there is no local analytics server's database"
    return export_command.run(chosen, place, partial(exported_by_outbox, own))


def recorder() -> int:
    """The child process: run until the parent says so, or is gone."""
    share_heaps()
    from . import recorder_process  # noqa: PLC0415 - the relay process does without it

    return run(recorder_process.main())


def run(main: Coroutine[Any, Any, int]) -> int:
    """Run a coroutine on the fastest loop there is."""
    try:
        import uvloop  # noqa: PLC0415 - where it installs
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(main)
