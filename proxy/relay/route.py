"""A route: an upstream at a path prefix (`/v1`, `/azure`), and what its requests need on the way there. Nothing here fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .keys import Credentials

if TYPE_CHECKING:
    from .keys import Guard, KeyRing
    from .upstream import Upstream


class Route:
    """Where the requests of one prefix go."""

    def __init__(self, prefix: str, upstream: Upstream, client_keys: KeyRing, guard: Guard) -> None:
        self.prefix = prefix
        self.upstream = upstream
        #: Whether anything is kept of its exchanges.
        self.is_recorded = upstream.config.store != "none"
        self.credentials = Credentials(upstream.config, client_keys, guard)

    def target(self, target: str) -> str:
        """The upstream's form of a request target."""
        rest = self.upstream.path + target[len(self.prefix) :]
        return rest if rest.startswith("/") else "/" + rest
