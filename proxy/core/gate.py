"""Whether a sink may be sent to, and how much: one gate for each.

            it says when (429, 503) ──────────────────► busy: until then          ┐
    OPEN ── different rows fail, none is taken ────────► down: ever longer waits   │ then one row goes at a time:
            different rows: key or address refused ───► key, address: a minute    │ taken ──► OPEN, at a growing pace
            most of the last rows are refused ────────► rejects: a minute         ┘ not ────► shut again

A single row that fails shuts nothing: it has waits of its own, and the next row shows whether it is the sink. While most
rows are refused none of them is to be buried: it is the sink that is wrong, or we are, and not the data.

Pure: time (unix milliseconds) and chance are arguments, rows are known by a number. Nothing here raises.
"""

from __future__ import annotations

from .retry import LONGEST_POSTPONEMENT_SECONDS, equal_jitter, told_wait

#: So many different rows that fail, with none taken between them, are no accident.
TRIPPING = 5
#: Two rows whose key or address is refused, likewise: one alone may be what a firewall dislikes.
REFUSING = 2
#: How often a sink is asked that refuses our key, is not there, or refuses what it is sent.
PROBE_SECONDS = 60.0
#: The longest wait for a sink that is down: two POSTs a minute hurt nobody, and its return is soon noticed.
LONGEST_DOWN_SECONDS = 30.0
#: Different conversations whose verdicts are remembered, and how many refusals among them are too many.
VERDICTS = 50
MOST_REFUSED = VERDICTS // 2
#: How long a sink must have taken what it was sent before it is trusted with twice as much.
RAMP_SECONDS = 10.0
#: 2^10 times the configured pace is no pace any more.
_ENOUGH_DOUBLINGS = 10


class Gate:
    """
    The gate of one sink.

    Args:
        recovery_per_second: Rows a second when it opens again, doubled every `RAMP_SECONDS`.

    """

    def __init__(self, recovery_per_second: float) -> None:
        self._recovery_per_second = recovery_per_second
        #: Why only one row goes at a time, or none; empty while it is open.
        self.cause = ""
        #: Since when.
        self.since = 0
        self._shut_until = 0
        self._shuts = 0  # in a row
        self._failed: set[int] = set()  # different rows, since one was taken
        self._unwelcome: set[int] = set()
        self._verdicts: dict[int, bool] = {}  # whether a row was refused, the oldest first
        self._opened_at: int | None = None  # while the pace grows

    def __repr__(self) -> str:
        return f"<Gate {self.cause or 'open'} until={self._shut_until}>"

    def opens_at(self, now: int) -> int:
        """From when on a row may go; a time that has passed while one may."""
        too_far = self._shut_until > now + round(LONGEST_POSTPONEMENT_SECONDS * 1000)  # the clock was set back since
        return 0 if too_far else self._shut_until

    def room(self, now: int, running: int, most: int) -> int:
        """How many more rows may go, when so many of at most so many are on their way."""
        if self.opens_at(now) > now:
            return 0
        return max(0, (1 if self.cause else most) - running)

    def pace(self, now: int) -> float | None:
        """Rows a second while a sink recovers; None: as fast as it takes them."""
        if self._opened_at is None:
            return None
        calm = max(0, now - self._opened_at) / 1000
        return self._recovery_per_second * (1 << min(int(calm // RAMP_SECONDS), _ENOUGH_DOUBLINGS))

    def at_rest(self) -> None:
        """Nothing is due any more: what comes next need not be paced."""
        self._opened_at = None

    # ── what became of a row ────────────────────────────────────────────────────────────────────────────────────────

    def taken(self, row: int | None, now: int) -> None:
        """The sink has it; None: it was not a conversation."""
        self._answered(row, refused=False)
        if self.opens_at(now) <= now and not (self.cause == "rejects" and self._rejects()):
            self._open(now)

    def failed(self, row: int, now: int, chance: float) -> None:
        """No answer, or one that says nothing of the row."""
        if len(self._failed) < TRIPPING:
            self._failed.add(row)
        if self.cause or len(self._failed) >= TRIPPING:
            self._shut("down", now, equal_jitter(self._shuts + 1, chance, LONGEST_DOWN_SECONDS))

    def busy(self, now: int, retry_after: float | None, chance: float) -> None:
        """The sink asks to wait, perhaps for seconds that it names: of several such answers the longest counts."""
        if retry_after is None:
            self._shut("busy", now, equal_jitter(self._shuts + 1, chance))
            return
        wait = told_wait(retry_after, chance)
        if now + round(wait * 1000) > self.opens_at(now):
            self._shut_until = 0  # it may be shut, for less
            self._shut("busy", now, wait)

    def unwelcome(self, row: int, cause: str, now: int) -> None:
        """The sink refuses our key, or is not where we look: `cause` is "key" or "address"."""
        if len(self._unwelcome) < REFUSING:
            self._unwelcome.add(row)
        if self.cause or len(self._unwelcome) >= REFUSING:
            self._shut(cause, now, PROBE_SECONDS)

    def refused(self, row: int, now: int) -> bool:
        """The sink refuses this row for good; whether it is to be believed."""
        self._answered(row, refused=True)
        if self._rejects():
            self._shut("rejects", now, PROBE_SECONDS)
            return False
        if self.opens_at(now) <= now:
            self._open(now)
        return True

    def _answered(self, row: int | None, *, refused: bool) -> None:
        """The sink is there, and speaks of what it was sent."""
        self._failed.clear()
        self._unwelcome.clear()
        if row is None:
            return
        self._verdicts.pop(row, None)
        self._verdicts[row] = refused
        if len(self._verdicts) > VERDICTS:
            del self._verdicts[next(iter(self._verdicts))]

    def _rejects(self) -> bool:
        return sum(self._verdicts.values()) > MOST_REFUSED

    def _shut(self, cause: str, now: int, seconds: float) -> None:
        """Shut, unless it is: what was on its way then says nothing new."""
        if self.opens_at(now) > now:
            return
        if not self.cause:
            self.since = now
        self.cause = cause
        self._shuts += 1
        self._shut_until = now + round(seconds * 1000)
        self._opened_at = None

    def _open(self, now: int) -> None:
        self._shuts = 0
        if self.cause:
            self.cause = ""
            self._opened_at = now
