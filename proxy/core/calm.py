"""Whether a wall clock can be believed when it says that days have gone by.

A clock is set, by hand or by a time server that it had lost; a machine sleeps, or is started again after a week. By what
such a clock says nothing may be given up at once: what is thrown away does not come back when the clock is set right, and
what has waited for so long deserves a try. A second clock that only grows, and stands still while the machine does, tells.
"""

from __future__ import annotations

#: So long both clocks must have gone side by side; from the start, too.
CALM_SECONDS = 600.0
#: What time servers correct between two looks without a jump is far less.
JUMP_SECONDS = 5.0


class Calm:
    """What has been seen of the two clocks."""

    def __init__(self) -> None:
        self._apart: float | None = None
        self._since = 0.0

    def holds(self, now: int, steady: float) -> bool:
        """Whether the wall clock (unix milliseconds) has gone like the other (seconds) for long enough; asked regularly."""
        before, self._apart = self._apart, now / 1000 - steady
        if before is None or abs(self._apart - before) > JUMP_SECONDS:
            self._since = steady
        return steady - self._since >= CALM_SECONDS
