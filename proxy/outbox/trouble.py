"""Something that fails for a while: told in the log when it begins and when it is over, never at each try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

_log = structlog.get_logger("teelog")


class Trouble:
    """
    One kind of trouble, on or off.

    Args:
        begins: The event of its beginning; at error level, unless another method of the log says it.
        ends: The event of its end.
        facts: Of both lines.

    """

    def __init__(self, begins: str, ends: str, **facts: Any) -> None:
        self._begins = begins
        self._ends = ends
        self._facts = facts
        self.is_on = False

    def on(self, say: Callable[..., object] | None = None, **facts: Any) -> None:
        """It fails, perhaps still."""
        if not self.is_on:
            self.is_on = True
            # (asked for only now: a method taken before the log was configured would go on as it was then)
            (say or _log.error)(self._begins, **self._facts, **facts)

    def off(self) -> None:
        """It works, perhaps again."""
        if self.is_on:
            self.is_on = False
            _log.info(self._ends, **self._facts)
