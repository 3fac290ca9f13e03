"""The recorder's side of the house, made from the configuration: from the journal into the store, from there to the sink.

`open_store` may take long and refuse; what is made of it afterwards starts at once, and ends by `drain`: what is on disk by
then is gone on with at the next start.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from .config import Secret
from .core.redact import Redactor
from .erasure import ERASE, Erasure, Place, sinks_to_ask
from .journal.leftover import finish
from .journal.pipe import PipeSource
from .journal.reader import JournalReader
from .mending import mended
from .outbox.client import AnalyticsClient
from .outbox.commands import Commands
from .outbox.control import Control
from .outbox.courier import LEASE_SECONDS, Courier
from .outbox.reading import Reading
from .outbox.recorder import Recorder
from .outbox.store import ANALYTICS, MIGRATIONS, SETTLE, Store
from .outbox.tidying import keep_tidy
from .room import Room
from .space import Ballast, reserve_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from .child_settings import Settings
    from .erasure import Local
    from .journal.reader import Source


def open_store(path: Path, settings: Settings) -> Store:
    """The store, mended where it was damaged; `DatabaseUnavailable` when the disk does not give it."""
    config = settings.config
    mended(path, MIGRATIONS, settle=SETTLE)
    return Store(
        path,
        secret=settings.secret,
        sample_rate=config.privacy.sample_rate,
        full_sync=config.journal.durability == "power",
        debounce_seconds=config.delivery.debounce_seconds,
        most_failed_bytes=config.privacy.set_aside_max_bytes,
    )


async def send_again(store: Store, lack: Path) -> None:
    """Deliver all the store has once more, if this file says that the sink has lost some of it; it goes then."""
    if await asyncio.to_thread(lack.exists):
        await store.send_again(ANALYTICS, time.time_ns() // 1_000_000)
        await asyncio.to_thread(lack.unlink)


class Recording:
    """
    Recorder, courier, and what looks after them.

    Args:
        settings: All of them.
        store: It belongs to this from now on.
        local: Opens the local server's database for an erasure.
        local_path: Its file.

    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        local: Callable[..., AbstractContextManager[Local | None]],
        local_path: Path,
    ) -> None:
        config, self._loop = settings.config, asyncio.get_running_loop()
        redactor = Redactor(config.privacy.patterns)
        reading = Reading.configured(
            config.conversation, config.privacy, redactor, config.store_levels, settings.secret
        )
        self._store = store
        self._client = _client(settings, redactor.text)
        self._courier = Courier(store, self._client, config.delivery)
        self._ballast = Ballast(config.data_dir, reserve_of(config.data_dir, config.journal.reserve_bytes))
        self._room = Room(config.data_dir)
        self._sources = _sources(settings)
        self._recorders = [
            Recorder(store, source, reading, name=name, recorded=self._wake, refuses=self._ballast.reason)
            for name, source in self._sources.items()
        ]
        commands = Commands(store, reading, redactor, self._wake)
        erasure = Erasure(
            Place(
                config.data_dir,
                (config.data_dir / "teelog.db", local_path),
                store,
                reading,
                local,
                sinks=sinks_to_ask(config),
                catch_up=self._catch_up,
                settled=self._settled,
                queued=self._wake,
            )
        )
        self._control = Control(
            config.data_dir, lambda asked: (erasure if asked.get("verb") == ERASE else commands).answer(asked)
        )
        self._conversation, self._privacy = config.conversation, config.privacy

    def start(self) -> None:
        """Begin with all of it."""
        for recorder in self._recorders:
            recorder.start()
        self._control.start()
        self._delivering = self._loop.create_task(self._courier.run())
        looks = (
            self._ballast.keep(),
            keep_tidy(self._store, self._conversation, self._privacy),
            self._room.keep_looking(),
        )
        self._looking = [self._loop.create_task(one) for one in looks]

    async def status(self) -> dict[str, Any]:
        """As `/status` shows it."""
        disk, waits = self._room.told(), next((one.waits for one in self._recorders if one.waits), "")
        told = await self._store.status(time.time_ns() // 1_000_000) | {"waits": waits, "disk": disk}
        told["sinks"][ANALYTICS] |= self._courier.status() | {name: disk[name] for name in ("lasts_seconds", "lasts")}
        if isinstance(journal := self._sources.get("journal"), JournalReader):
            told["journal_damage"] = {"stretches": journal.damaged, "bytes": journal.damaged_bytes}
        return told

    async def drain(self, seconds: float) -> None:
        """Record all there is, and deliver for so long."""
        self.rest()
        await asyncio.gather(*(asyncio.to_thread(one.drain, seconds) for one in self._recorders))
        await self._courier.drain(seconds)
        await self._delivering

    async def close(self) -> None:
        """Let go of what is open, after `drain`."""
        await self._client.close()
        await asyncio.to_thread(self._control.close)
        await asyncio.to_thread(self._store.close)

    def rest(self) -> None:
        """Look after nothing any more."""
        for task in self._looking:
            task.cancel()

    def _settled(self) -> None:
        """What is on its way to the sink has ended; from any thread but the loop's."""
        asyncio.run_coroutine_threadsafe(self._courier.settled(), self._loop).result(LEASE_SECONDS)

    def _catch_up(self) -> None:
        """Record what is there; from any thread."""
        for recorder in self._recorders:
            recorder.wake()

    def _wake(self) -> None:
        """There may be something to send; from any thread."""
        self._loop.call_soon_threadsafe(self._courier.wake)


def _sources(settings: Settings) -> dict[str, Source]:
    """Where exchanges come from, by the name of the position there; what an earlier run has left is read besides the pipe."""
    folder = settings.config.data_dir / "journal"
    if settings.pipe < 0:
        return {"journal": JournalReader(folder)}
    left: dict[str, Source] = {"journal": JournalReader(folder)} if finish(folder) else {}
    return {"pipe": PipeSource(settings.pipe), **left}


def _client(settings: Settings, redact: Callable[[str], str]) -> AnalyticsClient:
    """To the sink; each has its own key: the local server's is not for a foreign one, nor the other way round."""
    delivery = settings.config.delivery
    return AnalyticsClient(
        delivery.url or settings.analytics_url,
        delivery.api_key if delivery.url is not None else Secret(settings.api_keys[0]),
        timeout_seconds=delivery.timeout_seconds,
        redact=redact,
        proxy=settings.delivery_proxy,
    )
