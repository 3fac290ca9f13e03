"""The loss ledger of the relay's side, over time: what was not recorded lately, and one log line when that begins and ends.

`Record` counts for as long as the process lives; this looks at its counts, once a second and whenever somebody asks. A
spell of losses is over when exchanges have been journaled again and none was lost for `CALM_SECONDS`.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import structlog

from .core.lately import Lately
from .health import LATELY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping

_log = structlog.get_logger("teelog")

CALM_SECONDS = 10.0
#: Lost for a bound on single exchanges: counted, but no spell.
_SINGLE = "too_large"


class Ledger:
    """What it has seen of the counts."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._lately: dict[str, Lately] = {}
        #: Of the present spell: what was lost, when the last was, and how many had been journaled by then.
        self._spell: Counter[str] = Counter()
        self._lost_at = 0.0
        self._journaled = 0

    def look(self, lost: Mapping[str, int], journaled: int, now: float) -> None:
        """The counts of `Record.status` are these now (seconds, of a clock that only grows)."""
        more = Counter(lost) - self._seen
        self._seen = Counter(lost)
        for reason, count in more.items():
            self._lately.setdefault(reason, Lately(LATELY_SECONDS)).add(count, now)
        more.pop(_SINGLE, None)
        if more:
            if not self._spell:
                _log.error("journal.loses", lost=dict(more), hint="replies go on, /status says what to do")
            self._spell += more
            self._lost_at, self._journaled = now, journaled
        elif self._spell and journaled > self._journaled and now - self._lost_at >= CALM_SECONDS:
            _log.info("journal.goes_on", lost=dict(self._spell))
            self._spell.clear()

    def lately(self, now: float) -> dict[str, int]:
        """What was lost within `LATELY_SECONDS`, by reason."""
        return {reason: count for reason, one in self._lately.items() if (count := one.total(now))}
