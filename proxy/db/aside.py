"""Stepping aside: what works for long gives up its processor every now and then, if somebody else wants it.

Niceness and slices decide who goes first when a process wakes up. One that wakes while it is going to sleep, or that has
just had a little more than its share, is passed over, and then the one at work keeps the processor until the next tick of
the clock: 4 ms at 250 Hz. Chunks of running streams wait for that long. Between two pieces of work it is asked again.

`sched_yield(2)` costs nothing where nobody waits, and a slice of the claim where somebody does: so it is called once a
slice. Where there is none nothing happens.
"""

from __future__ import annotations

import os
import time

#: The slice of who does this (`proxy/processor.py`).
ASIDE_SECONDS = 0.0002

_give_way = getattr(os, "sched_yield", None)


class Aside:
    """One thread's piece of work after piece of work."""

    __slots__ = ("_since",)

    def __init__(self) -> None:
        self._since = 0.0

    def step(self) -> bool:
        """Between two of them; false, which tells SQLite to go on."""
        now = time.monotonic()
        if now - self._since > ASIDE_SECONDS and _give_way is not None:
            self._since = now
            _give_way()
        return False
