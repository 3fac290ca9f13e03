"""The loss ledger of the relay's side, over time: what was not recorded lately, and the log's lines about it: one when that
begins and one when it ends, and while it goes on one a minute for each reason, with the newest exchange as an example.

`Record` counts for as long as the process lives; this looks at its counts, a few times a second and whenever somebody asks. A
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
#: Of each reason there is a line no more often than this, with how many there were since the last.
LINE_SECONDS = 60.0
#: Lost for a bound on single exchanges: counted, but no spell.
_SINGLE = "too_large"
_NONE: Mapping[str, tuple[str, int]] = {}


class Ledger:
    """What it has seen of the counts."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._lately: dict[str, Lately] = {}
        #: Of the present spell: what was lost, when the last was, and how many had been journaled by then.
        self._spell: Counter[str] = Counter()
        self._lost_at = 0.0
        self._journaled = 0
        #: What no line has told yet, and when the last one was written.
        self._untold: Counter[str] = Counter()
        self._told_at: dict[str, float] = {}

    def look(
        self, lost: Mapping[str, int], journaled: int, now: float, newest: Mapping[str, tuple[str, int]] = _NONE
    ) -> None:
        """
        The counts of `Record.status` are these now.

        Args:
            lost: So many, by reason.
            journaled: Exchanges in the journal.
            now: Seconds, of a clock that only grows.
            newest: Id and bytes of the newest that was lost, by reason.

        """
        more = Counter(lost) - self._seen
        self._seen = Counter(lost)
        for reason, count in more.items():
            self._lately.setdefault(reason, Lately(LATELY_SECONDS)).add(count, now)
        self._untold += more
        self._say_spell(more, journaled, now)
        self._say_which(now, newest)

    def _say_spell(self, more: Counter[str], journaled: int, now: float) -> None:
        more.pop(_SINGLE, None)
        if more:
            if not self._spell:
                _log.error("journal.loses", lost=dict(more), hint="replies go on, /status says what to do")
            self._spell += more
            self._lost_at, self._journaled = now, journaled
        elif self._spell and journaled > self._journaled and now - self._lost_at >= CALM_SECONDS:
            _log.info("journal.goes_on", lost=dict(self._spell))
            self._spell.clear()

    def _say_which(self, now: float, newest: Mapping[str, tuple[str, int]]) -> None:
        for reason in list(self._untold):
            if now - self._told_at.get(reason, -LINE_SECONDS) >= LINE_SECONDS:
                exchange_id, size = newest.get(reason, ("", 0))
                count = self._untold.pop(reason)
                self._told_at[reason] = now
                _log.warning("exchange.lost", reason=reason, count=count, newest=exchange_id or None, bytes=size)

    def lately(self, now: float) -> dict[str, int]:
        """What was lost within `LATELY_SECONDS`, by reason."""
        return {reason: count for reason, one in self._lately.items() if (count := one.total(now))}
