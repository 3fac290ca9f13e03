"""Questions to another process that answers when it can: numbered, so that each answer finds who asked.

Nobody waits for ever, and an answer that comes too late is dropped.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


class Questions:
    """Those that wait for an answer."""

    def __init__(self) -> None:
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._last = 0

    async def ask(self, send: Callable[[int], object], patience: float) -> dict[str, Any]:
        """What is answered to the question that `send` sends by its number; empty when nothing is in time (seconds)."""
        self._last += 1
        number = self._last
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            send(number)
            async with asyncio.timeout(patience):
                return await answer
        except TimeoutError:
            return {}
        finally:
            del self._waiting[number]

    def answered(self, number: int, told: dict[str, Any]) -> None:
        """An answer has come."""
        question = self._waiting.get(number)
        if question is not None and not question.done():
            question.set_result(told)
