"""Delivery: whether all that was forwarded is recorded and delivered, as the proxy's own `/status` says it.

The server cannot see that for itself: who started it beside a proxy hands in how it is asked. Alone, it has no queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .frame import Page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence

    from aiohttp import web

    from .frame import Frame

    #: What `/status` answers; empty when the proxy does not answer.
    Delivery = Callable[[], Awaitable[dict[str, Any]]]


class DeliveryPage:
    """The page; `delivery` is None where there is no proxy beside."""

    def __init__(self, delivery: Delivery | None) -> None:
        self._delivery = delivery

    def attach(self, app: web.Application, frame: Frame) -> None:
        """Adds it."""
        frame.add(app, Page("/delivery", "delivery.html", self._look, self._table, tab="Delivery"))

    async def _look(self, _request: web.Request) -> dict[str, Any]:
        if self._delivery is None:
            return {"has_queue": False, "told": None}
        return {"has_queue": True, "told": await self._delivery() or None}

    async def _table(self, request: web.Request) -> AsyncIterator[Sequence[Any]]:
        yield ["name", "value"]
        for row in _flat("", (await self._look(request))["told"] or {}):
            yield row


def _flat(prefix: str, told: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every value by its names on the way there, with points between them."""
    for name, value in told.items():
        if isinstance(value, dict):
            yield from _flat(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value
