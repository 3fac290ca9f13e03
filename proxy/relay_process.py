"""The relay process: the door, the journal's writer, and the recorder process, which is its child.

Order of start, and why: the folder and its lock (nobody else writes there), the sockets (a port in use stops the start
before anything has happened), the recorder process, the journal, the door. Chats are served while the recorder still
starts: what they leave waits in the journal. The end goes the other way: `/readyz` says 503, streams finish, the
journal is closed, the recorder records and delivers for `DELIVER_SECONDS`, and the rest stays on disk.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from .child import Child, StartedChild
from .child_settings import Settings
from .folder import Folder
from .front_door import front_of
from .greeting import Addresses, announce, owned, shown_once
from .journal.folder import resting
from .journal.writer import JournalWriter
from .network_folder import refuse_network
from .processor import go_first, go_second
from .relay.checkpoints import Checkpoints
from .relay.recording import Record
from .sockets import BACKLOG, CURES, listen, url_of
from .space import reserve_of
from .status import Status

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Mapping

    from .config import Config, Proxy
    from .relay.client import Server
    from .relay.server import Front

_log = structlog.get_logger("teelog")

#: How long the recorder may go on delivering when the process ends (DESIGN: SIGTERM), and how long all of its end takes.
DELIVER_SECONDS = 5.0
RECORDER_END_SECONDS = DELIVER_SECONDS + 10.0
JOURNAL_END_SECONDS = 10.0


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
        go_second()  # and so does every thread that begins from here on
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
        child.tell = status.told
        front, upstreams = front_of(
            settings, self._proxies, record, status, child, rests=rests, ready=lambda: self._ready(child)
        )
        _start(journal)
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
        greeting.cancel()
        await self._drained(front, server, listener)
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

    async def _drained(self, front: Front, server: Server, listener: asyncio.Server) -> None:
        """Once it takes nothing new, and what it had has ended."""
        self._listening = False
        _log.info("teelog.draining", open=front.open)
        await front.drain(server, listener, self._config.listen.drain_seconds, self._hurry)

    def _ready(self, child: Child) -> bool:
        """A recorder that dies later is no reason to send clients away: what they leave waits in the journal."""
        return self._listening and (self._was_ready or child.starts > 1)

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

    def _handle_signals(self) -> None:
        def end() -> None:
            if self._hurry.is_set():  # a third one: whatever still holds it up
                os._exit(0)
            if self._stop.is_set():
                self._hurry.set()
            self._stop.set()

        numbers = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
        if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # under nohup it is to outlive its terminal
            numbers.remove(signal.SIGHUP)
        for number in numbers:  # (a shell that starts it in the background has SIGINT ignored, and is not asked)
            asyncio.get_running_loop().add_signal_handler(number, end)


def _start(journal: JournalWriter) -> None:
    """Begin; the journal's threads go second, and from here on this one goes first."""
    journal.start()
    go_first()
