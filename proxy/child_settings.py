"""What the recorder process is told at its start, by the relay process. Plain values: they are pickled on their way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .config import Config, Proxy


@dataclass(frozen=True)
class Settings:
    """The configuration, and what the relay process alone knows."""

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
