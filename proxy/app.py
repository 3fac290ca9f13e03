"""The introductions: the only file that knows all rooms. It makes the two processes of the walk.

Order of start, and why: the folder and its lock (nobody else writes there), the sockets (a port in use stops the start
before anything has happened), the recorder process, the journal, the door. Chats are served while the recorder still
starts: what they leave waits in the journal. The end goes the other way: `/readyz` says 503, streams finish, the
journal is closed, the recorder records and delivers for `DELIVER_SECONDS`, and the rest stays on disk.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import structlog

from . import export_command, log
from .analytics.api import make_app, serve_on
from .analytics.exporting import exported
from .analytics.store import Store as AnalyticsStore
from .analytics.store import definitions as analytics_definitions
from .analytics.store import open_database
from .child import Child, Parent, StartedChild
from .config import Secret
from .core.capture import CaptureRules
from .core.redact import Redactor
from .db.mend import doubt
from .errors import CommandRefused, DatabaseUnavailable, TeelogError
from .folder import Folder
from .greeting import Addresses, announce, owned, shown_once
from .journal.folder import resting
from .journal.pipe import PipeSource
from .journal.reader import JournalReader
from .journal.writer import JournalWriter
from .mending import mended
from .network_folder import refuse_network
from .outbox.client import AnalyticsClient
from .outbox.commands import Commands
from .outbox.control import Control
from .outbox.courier import Courier
from .outbox.exporting import exported as exported_by_outbox
from .outbox.reading import Reading
from .outbox.recorder import Recorder
from .outbox.store import ANALYTICS, SETTLE, Store
from .outbox.store import MIGRATIONS as OUTBOX_MIGRATIONS
from .outbox.tidying import keep_tidy
from .relay.checkpoints import Checkpoints
from .relay.forward import Forwarder, Route
from .relay.keys import KeyRing
from .relay.own import OwnEndpoints
from .relay.recording import Record
from .relay.server import Front
from .relay.upstream import Upstream
from .room import Room
from .sockets import BACKLOG, CURES, listen, url_of
from .space import Ballast, reserve_of
from .status import Status
from .status_page import StatusPage

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable, Coroutine, Mapping

    from aiohttp import web

    from .config import Config, Loaded, Proxy
    from .config import Upstream as UpstreamConfig
    from .db.sqlite import Database

T = TypeVar("T")

_log = structlog.get_logger("teelog")

#: How long the recorder may go on delivering when the process ends (DESIGN: SIGTERM), and how long all of its end takes.
DELIVER_SECONDS = 5.0
RECORDER_END_SECONDS = DELIVER_SECONDS + 10.0
JOURNAL_END_SECONDS = 10.0
#: How often a database is opened that the disk does not give, and how long apart.
OPEN_TRIES = 10
_OPEN_SECONDS = 0.1
#: How soon a database that turns out to be damaged is noticed.
_DAMAGE_SECONDS = 0.5
#: Where the two processes share a processor, the relay is never the one to wait.
RECORDER_NICENESS = 10


def serve(loaded: Loaded) -> int:
    """`teelog serve`: run until a signal ends it; the exit code."""
    log.configure(loaded.config.log)
    if loaded.ignored_proxies:
        hint = (
            "requests go to upstream and sink directly: set upstream.trust_env or delivery.trust_env to use the proxy"
        )
        _log.warning("teelog.proxy_ignored", variables=list(loaded.ignored_proxies), hint=hint)
    for said in loaded.unused:
        _log.warning("teelog.unused", hint=said)
    return run(RelayProcess(loaded.config, proxies=loaded.proxies).main())


def export(config: Config, chosen: argparse.Namespace) -> int:
    """`teelog export`: from the local server's file where there is one, else from what teelog itself holds."""
    local, own = _analytics_path(config), config.data_dir / "teelog.db"
    if config.delivery.url is None and local.exists():
        return export_command.run(chosen, f"the local analytics server's {local}", partial(exported, local))
    if not own.exists():
        raise CommandRefused(f"there is no {own}: name the data_dir of your teelog with --data-dir")
    place = f"{own}, which is what teelog itself still holds: there is no local analytics server's database"
    return export_command.run(chosen, place, partial(exported_by_outbox, own))


def _analytics_path(config: Config) -> Path:
    place = config.analytics.database.removeprefix("sqlite:///")
    return Path(place) if place else config.data_dir / "analytics.db"


def recorder() -> int:
    """The child process: run until the parent says so, or is gone."""
    return run(_recorder())


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


@dataclass(frozen=True)
class Settings:
    """What the recorder process is told at its start."""

    config: Config
    secret: bytes
    #: Keys of the local server: the configured ones, or the one in the folder.
    api_keys: tuple[str, ...]
    #: Its listening socket, inherited, and its address; -1: delivery goes elsewhere.
    analytics_socket: int = -1
    analytics_url: str = ""
    #: Where exchanges come from with durability "memory"; -1: from the journal's files.
    pipe: int = -1
    #: On the way to another sink.
    delivery_proxy: Proxy | None = None


class RelayProcess:
    """
    The relay process: the door, the journal's writer, and the recorder process.

    Args:
        config: All of it.
        on_ready: Called once all is up; a number it returns ends the process with that exit code.
        proxies: As in `Loaded`.

    """

    def __init__(
        self,
        config: Config,
        on_ready: Callable[[Addresses], Awaitable[int | None]] | None = None,
        *,
        proxies: Mapping[str, Proxy] | None = None,
    ) -> None:
        self._config = config
        self._proxies = proxies or {}
        self._on_ready = on_ready
        self._stop = asyncio.Event()
        #: Set by a second signal: end at once, with everything on disk.
        self._hurry = asyncio.Event()
        self._listening = False
        self._was_ready = False
        self._exit_code = 0

    async def main(self) -> int:
        """Run until stopped; `StartError` when it cannot begin."""
        config, loop = self._config, asyncio.get_running_loop()
        if not config.allow_network_folder:
            refuse_network(config.data_dir)
        self._handle_signals()  # first: as process 1 of a container, signals without a handler do not come
        folder = Folder(config.data_dir)
        owning = loop.create_task(owned(folder))
        stopping = loop.create_task(self._stop.wait())
        await asyncio.wait((owning, stopping), return_when=asyncio.FIRST_COMPLETED)
        if not owning.done():
            owning.cancel()
            return self._exit_code
        lock = owning.result()
        door = listen(config.listen.host, config.listen.port, "listen.port", CURES["listen"])
        settings, analytics = self._settings(folder)
        reserve = reserve_of(folder.path, config.journal.reserve_bytes)
        journal, prepare = self._journal(folder, settings, loop, reserve)
        child = Child(prepare)
        record = Record(journal, loop)

        async def rests() -> tuple[int, float]:
            return await asyncio.to_thread(resting, folder.journal, time.time())

        status = Status(record, child, rests, folder.path, reserve)
        front, upstreams = self._front(settings, record, status, child, rests)
        journal.start()
        watching = loop.create_task(status.watch())
        child.start()
        server = front.server()
        listener = await loop.create_server(server, sock=door, backlog=BACKLOG)
        self._listening = True
        checkpoints = Checkpoints(journal, loop, server.replies)
        if config.journal.durability != "memory":
            checkpoints.start()
        key = settings.api_keys[0] if settings.analytics_url else ""
        addresses = Addresses(url_of(door), settings.analytics_url, key)
        announce(config, addresses)
        greeting = loop.create_task(self._when_ready(child, addresses))
        await stopping
        self._listening = False
        greeting.cancel()
        _log.info("teelog.draining", open=front.open)
        await front.drain(server, listener, config.listen.drain_seconds, self._hurry)
        checkpoints.stop()
        for upstream in upstreams:
            upstream.close()
        await asyncio.to_thread(journal.close, JOURNAL_END_SECONDS)
        watching.cancel()
        await asyncio.to_thread(status.close)
        await self._end(child)
        await asyncio.gather(greeting, return_exceptions=True)
        if analytics is not None:
            analytics.close()
        os.close(lock)
        _log.info("teelog.stopped", exit_code=self._exit_code)
        return self._exit_code

    async def _end(self, child: Child) -> None:
        """The recorder's end; a second signal cuts it short, and what is on disk is made use of at the next start."""
        draining = asyncio.ensure_future(child.drain(RECORDER_END_SECONDS))
        hurrying = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait((draining, hurrying), return_when=asyncio.FIRST_COMPLETED)
        hurrying.cancel()
        if not draining.done():
            child.kill()
        await draining

    async def _when_ready(self, child: Child, addresses: Addresses) -> None:
        await child.ready.wait()
        self._was_ready = True
        _log.info("teelog.ready", base_url=addresses.proxy + "/v1", analytics=addresses.analytics or None)
        if self._on_ready is None:
            return
        try:
            code = await self._on_ready(addresses)
        except Exception:
            _log.exception("teelog.failed")
            code = 1
        if code is not None:
            self._exit_code = code
            self._stop.set()

    def _settings(self, folder: Folder) -> tuple[Settings, socket.socket | None]:
        config = self._config
        settings = Settings(config, folder.secret(), tuple(key.reveal() for key in config.analytics.api_keys))
        if config.delivery.url is not None:
            return replace(settings, delivery_proxy=self._proxies.get("delivery")), None
        analytics = listen(config.analytics.host, config.analytics.port, "analytics.port", CURES["analytics"])
        url = url_of(analytics)
        keys = settings.api_keys or (shown_once(folder, url),)
        return replace(settings, api_keys=keys, analytics_socket=analytics.fileno(), analytics_url=url), analytics

    def _journal(
        self, folder: Folder, settings: Settings, loop: asyncio.AbstractEventLoop, reserve: int
    ) -> tuple[JournalWriter, Callable[[], StartedChild]]:
        """The journal, and what each start of the recorder is given."""
        config = self._config.journal
        inherited = (settings.analytics_socket,) if settings.analytics_socket >= 0 else ()
        if config.durability != "memory":
            journal = JournalWriter(folder.journal, config, loop, reserve=reserve)
            return journal, lambda: StartedChild(settings, inherited)
        first, writing = os.pipe()
        journal = JournalWriter(folder.journal, config, loop, pipe=writing)
        unread = [first]

        def prepare() -> StartedChild:
            # each recorder has a pipe of its own: half a record of the last one's must not begin the next one's
            if unread:
                reading = unread.pop()
            else:
                reading, writing = os.pipe()
                journal.attach(writing)
            return StartedChild(replace(settings, pipe=reading), (*inherited, reading), (reading,))

        return journal, prepare

    def _front(
        self,
        settings: Settings,
        record: Record,
        status: Status,
        child: Child,
        rests: Callable[[], Awaitable[tuple[int, float]]],
    ) -> tuple[Front, list[Upstream]]:
        from . import metrics  # noqa: PLC0415 - it is large, and the recorder process does without it

        config, loop = self._config, asyncio.get_running_loop()
        sections = {"v1": config.upstream, **config.upstreams}
        rules = CaptureRules(
            more_headers=config.conversation.headers,
            tenant=config.conversation.tenant,
            secret=settings.secret,
            secrets=tuple(section.api_key.reveal().encode() for section in sections.values() if section.api_key),
        )
        client_keys = KeyRing(key.reveal() for key in config.listen.client_keys)
        routes = {
            name: Route(f"/{name}", self._upstream(name, section, loop), client_keys)
            for name, section in sections.items()
        }

        async def exposed() -> tuple[str, bytes]:
            told, journal = await child.ask(), await rests()
            return metrics.CONTENT_TYPE, metrics.text(record.counts(), journal, told, child.starts)

        own = OwnEndpoints(
            config.listen,
            record,
            rules,
            client_keys=client_keys,
            admin_keys=KeyRing(_revealed(config.listen.admin_key)),
            analytics_keys=KeyRing((*settings.api_keys, *(key.reveal() for key in config.analytics.web_keys))),
            # a recorder that dies later is no reason to send clients away: what they leave waits in the journal
            ready=lambda: self._listening and (self._was_ready or child.starts > 1),
            status=status.told,
            status_page=StatusPage().render,
            metrics=exposed,
        )
        forwarder = Forwarder(
            record, rules, loop, record_limit=config.journal.record_max_bytes, body_idle=config.listen.body_idle_seconds
        )
        front = Front(config.listen, routes, forwarder, own)
        return front, [route.upstream for route in routes.values()]

    def _upstream(self, name: str, section: UpstreamConfig, loop: asyncio.AbstractEventLoop) -> Upstream:
        """The upstream of a route; the first one has no name."""
        if name == "v1":
            return Upstream("", section, loop, self._proxies.get("upstream"))
        return Upstream(name, section, loop, self._proxies.get(f"upstreams.{name}"))

    def _handle_signals(self) -> None:
        def end() -> None:
            if self._hurry.is_set():  # a third one: whatever still holds it up
                os._exit(0)
            if self._stop.is_set():
                self._hurry.set()
            self._stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, end)


def _revealed(secret: Secret | None) -> tuple[str, ...]:
    return (secret.reveal(),) if secret else ()


# --- the recorder process


async def _recorder() -> int:
    """Record, deliver and serve analytics; ends with the parent."""
    parent = await Parent.connect()
    settings: Settings = await parent.settings()
    config = settings.config
    log.configure(config.log)
    os.nice(RECORDER_NICENESS)
    folder = Folder(config.data_dir)
    try:
        lock = await asyncio.to_thread(folder.lock, "recorder", time.sleep)  # noqa: TID251 - in a thread of its own
        store, analytics = await _databases(folder, settings)
        runner = await _serve_analytics(settings, analytics)
    except (TeelogError, OSError) as error:
        parent.say({"fault": str(error)})  # who logs it, once
        return 1
    loop = asyncio.get_running_loop()
    redactor = Redactor(config.privacy.patterns)
    client = AnalyticsClient(
        config.delivery.url or settings.analytics_url,
        # each sink its own: the local server's key is not for a foreign one, nor the other way round
        config.delivery.api_key if config.delivery.url is not None else Secret(settings.api_keys[0]),
        timeout_seconds=config.delivery.timeout_seconds,
        redact=redactor.text,
        proxy=settings.delivery_proxy,
    )
    courier = Courier(store, client, config.delivery)
    reading = Reading.configured(config.conversation, config.privacy, redactor)
    ballast = Ballast(folder.path, reserve_of(folder.path, config.journal.reserve_bytes))
    source = PipeSource(settings.pipe) if settings.pipe >= 0 else JournalReader(folder.journal)
    thread = Recorder(
        store,
        source,
        reading,
        name="pipe" if settings.pipe >= 0 else "journal",
        recorded=lambda: loop.call_soon_threadsafe(courier.wake),
        refuses=ballast.reason,
    )
    keeping = loop.create_task(ballast.keep())
    thread.start()
    control = Control(
        folder.path, Commands(store, reading, redactor, lambda: loop.call_soon_threadsafe(courier.wake)).answer
    )
    control.start()
    delivering = loop.create_task(courier.run())
    tidying = loop.create_task(keep_tidy(store, config.conversation))
    parent.say({"ready": True})

    room = Room(folder.path)
    looking = loop.create_task(room.keep_looking())
    damaged = loop.create_task(_end_when_damaged(parent, store, analytics, config))

    async def status() -> dict[str, Any]:
        told = await store.status(time.time_ns() // 1_000_000) | {"waits": thread.waits, "disk": room.told()}
        told["sinks"][ANALYTICS] |= courier.status() | {name: told["disk"][name] for name in ("lasts_seconds", "lasts")}
        if isinstance(source, JournalReader):
            told["journal_damage"] = {"stretches": source.damaged, "bytes": source.damaged_bytes}
        return told

    drain = await parent.listen(status)
    for task in (looking, tidying, damaged, keeping):
        task.cancel()
    if drain:
        await asyncio.to_thread(thread.drain, DELIVER_SECONDS)
        await courier.drain(DELIVER_SECONDS)
        await delivering
        if runner is not None:
            await runner.cleanup()
        await client.close()
        await asyncio.to_thread(control.close)
        await asyncio.to_thread(store.close)
        os.close(lock)
    # with the parent gone there is nothing to wait for: all that matters is on disk
    os._exit(0)


async def _databases(folder: Folder, settings: Settings) -> tuple[Store, Database | None]:
    """Both, in order; what damage took of the local server's, the store still has."""
    store = await _opened(lambda: _open_store(folder, settings))
    analytics, again = await _opened(lambda: _open_analytics(settings))
    if again:
        await store.send_again(ANALYTICS, time.time_ns() // 1_000_000)
    return store, analytics


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


def _open_store(folder: Folder, settings: Settings) -> Store:
    config = settings.config
    path = folder.path / "teelog.db"
    mended(path, OUTBOX_MIGRATIONS, SETTLE)
    return Store(
        path,
        secret=settings.secret,
        sample_rate=config.privacy.sample_rate,
        full_sync=config.journal.durability == "power",
        debounce_seconds=config.delivery.debounce_seconds,
    )


def _open_analytics(settings: Settings) -> tuple[Database | None, bool]:
    """The local server's database, and whether it had to be mended; None where delivery goes elsewhere."""
    if settings.analytics_socket < 0:
        return None, False
    path = _analytics_path(settings.config)
    again = mended(path, analytics_definitions()[1])
    # what it has taken is acknowledged for good: it must not be the one that a power loss takes it from
    return open_database(path, full_sync=settings.config.journal.durability != "memory"), again


async def _end_when_damaged(parent: Parent, store: Store, analytics: Database | None, config: Config) -> None:
    """End this process when a database turns out to be damaged: the next one mends it at its start."""
    files = {config.data_dir / "teelog.db": store, _analytics_path(config): analytics}
    while not (found := [path for path, one in files.items() if one and one.is_damaged]):  # noqa: ASYNC110 - by threads
        await asyncio.sleep(_DAMAGE_SECONDS)
    for path in found:
        doubt(path)
    parent.say({"fault": f"{found[0]} is damaged; what can be read of it is put into a new one"})
    os._exit(1)


async def _serve_analytics(settings: Settings, database: Database | None) -> web.AppRunner | None:
    """The local server, on the socket that the parent has bound."""
    if database is None:
        return None
    config = settings.config
    app = make_app(
        AnalyticsStore(database),
        api_keys=settings.api_keys,
        web_keys=[key.reveal() for key in config.analytics.web_keys],
        cors_origins=config.analytics.cors_origins,
        hosts=(config.analytics.host, *config.listen.allowed_hosts),
        retention_days=config.privacy.retention_days,
    )

    async def close(_app: web.Application) -> None:
        await asyncio.to_thread(database.close)

    app.on_cleanup.append(close)
    return await serve_on(app, socket.socket(fileno=settings.analytics_socket))
