"""What the configuration says of every capture: the same for all exchanges of a process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True, frozen=True)
class CaptureRules:
    """What the configuration says of every capture."""

    #: More request headers to copy, lower-case.
    more_headers: frozenset[str] = frozenset()
    #: "key", "none" or "header:<name>".
    tenant: str = "key"
    #: The secret of this installation, that makes tenants of keys.
    secret: bytes = b""
    #: Our own credentials, that an upstream might quote.
    secrets: tuple[bytes, ...] = ()
    #: Whether a value of a key field shows one of the keys that open this proxy.
    is_client_key: Callable[[bytes], bool] = lambda _value: False
