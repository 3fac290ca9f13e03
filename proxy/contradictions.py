"""What cannot be meant together: settings that each keep their rule and that would, side by side, do harm or nothing.

Called once, by `config_sources.load`, with what could be read; each finding names all keys that are part of it, so that
none is told of a key whose value is broken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .config_values import show
from .core.hosts import is_loopback

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .config import Config, Listen

#: Every address of this machine.
_ALL = frozenset(("0.0.0.0", "::"))  # noqa: S104 - compared with, not listened on


def contradictions(config: Config, origins: Mapping[str, str]) -> Iterator[tuple[set[str], str]]:
    """What cannot be meant together: the keys, and a sentence; `origins` as in `Loaded`."""
    listen, analytics, delivery, journal = config.listen, config.analytics, config.delivery, config.journal
    for name, upstream in {"": config.upstream, **config.upstreams}.items():
        key = f"upstreams.{name}.api_key" if name else "upstream.api_key"
        if upstream.api_key and not listen.client_keys and not is_loopback(listen.host):
            yield (
                {key, "listen.host", "listen.client_keys"},
                (
                    f"{key}: found *** ({origins[key]}), with listen.host {show(listen.host)} and no listen.client_keys: "
                    "an open relay, since whoever reaches the port could use the key; "
                    "allowed: a loopback listen.host, or listen.client_keys"
                ),
            )
        if _is_own(upstream.base_url, listen):
            own = f"{key.removesuffix('api_key')}base_url"
            yield (
                {own, "listen.host", "listen.port"},
                (
                    f"{own}: found {show(upstream.base_url)} ({origins[own]}), which is teelog itself, on listen.port "
                    f"{listen.port}: requests would come back to it; allowed: the address of the server behind teelog, or "
                    "another listen.port (--port)"
                ),
            )
        if upstream.api_key_mode == "replace" and not upstream.api_key:
            yield {key, f"{key}_mode"}, f'{key}_mode: found "replace", but there is no {key}; allowed: both, or neither'
    if delivery.api_key and not delivery.url:
        yield (
            {"delivery.url", "delivery.api_key"},
            f"delivery.api_key: found *** ({origins['delivery.api_key']}), but no delivery.url; allowed: both, or neither",
        )
    if not delivery.url and listen.port == analytics.port != 0 and _overlap(listen.host, analytics.host):
        yield (
            {"delivery.url", "listen.port", "analytics.port", "listen.host", "analytics.host"},
            f"analytics.port: found {analytics.port} ({origins['analytics.port']}), as listen.port; allowed: another",
        )
    if journal.record_max_bytes > journal.max_bytes:
        yield (
            {"journal.record_max_bytes", "journal.max_bytes"},
            f"journal.record_max_bytes: found {journal.record_max_bytes}; allowed: up to journal.max_bytes, {journal.max_bytes}",
        )


def _is_own(base_url: str, listen: Listen) -> bool:
    """Whether a base URL leads to our own listener, as far as names tell; for all else there is `x-teelog-hop`."""
    url = urlsplit(base_url)
    if listen.port != (url.port or (443 if url.scheme == "https" else 80)):
        return False
    here, there = listen.host, url.hostname or ""
    if there in _ALL:  # to connect to "all addresses" is to connect to this machine
        there = "localhost"
    if there == here or not is_loopback(there):
        return there == here
    # a loopback name is any loopback address; two such addresses may be two servers
    return here in _ALL or (is_loopback(here) and not (_is_address(here) and _is_address(there)))


def _is_address(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


def _overlap(one: str, other: str) -> bool:
    """Whether two listeners on these hosts would meet on one port."""
    return one == other or bool({one, other} & _ALL)
