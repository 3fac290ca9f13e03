"""The relay's side of the house, made from the configuration: routes, keys, and the endpoints of our own."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any

from .core.capture_rules import CaptureRules
from .relay.forward import Forwarder
from .relay.keys import Guard, KeyRing
from .relay.own import OwnEndpoints
from .relay.route import Route
from .relay.server import Front
from .relay.upstream import Upstream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from .child import Child
    from .child_settings import Settings
    from .config import Config, Proxy, Secret
    from .config import Upstream as UpstreamConfig
    from .relay.own import Page
    from .relay.recording import Record
    from .status import Status
    from .status_page import StatusPage


def front_of(
    settings: Settings,
    proxies: Mapping[str, Proxy],
    record: Record,
    status: Status,
    child: Child,
    *,
    rests: Callable[[], Awaitable[tuple[int, float]]],
    ready: Callable[[], bool],
) -> tuple[Front, list[Upstream]]:
    """
    What listens, and the upstreams it sends to.

    Args:
        settings: What the recorder is told too: the same keys, the same secret.
        proxies: As in `Loaded`.
        record: Where exchanges go.
        status: What `/status` says.
        child: Asked for the recorder's figures.
        rests: The journal's bytes, and the age of its oldest in seconds.
        ready: What `/readyz` says.

    """
    config = settings.config
    client_keys = KeyRing(_revealed(config.listen.client_keys))
    guard = Guard()
    routes = _routes(config, proxies, client_keys, guard)
    rules = CaptureRules(
        more_headers=config.conversation.headers,
        tenant=config.conversation.tenant,
        secret=settings.secret,
        secrets=tuple(key.encode() for one in _sections(config).values() for key in _revealed([one.api_key])),
        is_client_key=client_keys.shows,
    )

    async def page(told: dict[str, Any]) -> Page:
        return await asyncio.to_thread(_status_page, told)

    async def exposed() -> tuple[str, bytes]:
        told, journal = await child.ask(), await rests()
        return await asyncio.to_thread(_metrics, record.counts(), journal, told, child.starts)

    own = OwnEndpoints(
        config.listen,
        record,
        rules,
        client_keys=client_keys,
        guard=guard,
        admin_keys=KeyRing(_revealed([config.listen.admin_key])),
        analytics_keys=KeyRing((*settings.api_keys, *_revealed(config.analytics.web_keys))),
        ready=ready,
        status=status.told,
        status_page=page,
        metrics=exposed,
    )
    loop, limit = asyncio.get_running_loop(), config.journal.record_max_bytes
    forwarder = Forwarder(record, rules, loop, record_limit=limit, listen=config.listen)
    return Front(config.listen, routes, forwarder, own, guard), [route.upstream for route in routes.values()]


# What only these two need is imported by who asks first, in a thread: most proxies are never asked.


@functools.cache
def _template() -> StatusPage:
    from .status_page import StatusPage  # noqa: PLC0415

    return StatusPage()


def _status_page(told: dict[str, Any]) -> Page:
    return _template().render(told)


def _metrics(*told: Any) -> tuple[str, bytes]:
    from . import metrics  # noqa: PLC0415

    return metrics.CONTENT_TYPE, metrics.text(*told)


def _sections(config: Config) -> dict[str, UpstreamConfig]:
    return {"v1": config.upstream, **config.upstreams}


def _routes(config: Config, proxies: Mapping[str, Proxy], client_keys: KeyRing, guard: Guard) -> dict[str, Route]:
    """Each upstream at its path; the first one has no name."""
    loop = asyncio.get_running_loop()
    routes = {}
    for place, section in _sections(config).items():
        name, known_as = ("", "upstream") if place == "v1" else (place, f"upstreams.{place}")
        upstream = Upstream(name, section, loop, proxies.get(known_as))
        routes[place] = Route(f"/{place}", upstream, client_keys, guard)
    return routes


def _revealed(secrets: Iterable[Secret | None]) -> tuple[str, ...]:
    return tuple(one.reveal() for one in secrets if one)
