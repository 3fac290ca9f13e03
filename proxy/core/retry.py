"""When a delivery that failed is tried again: waits and their chance.

Full jitter spreads what failed together over the whole wait (Brooker, "Exponential Backoff And Jitter"): for rows. Equal
jitter waits half of it in any case: for a whole sink, where a wait of nothing would be none for everybody. Where the sink
says `Retry-After`, that is waited out and up to half of it more: never too early, and not everyone at once. Time (unix
milliseconds) and chance (0 up to 1) are arguments; nothing here raises.
"""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

#: The longest wait of ours: an outage that ends is noticed within five minutes.
LONGEST_SECONDS = 300.0
#: The first wait's upper end; it doubles with every try.
FIRST_SECONDS = 0.5
#: A sink that asks for more is asked again after an hour.
LONGEST_RETRY_AFTER_SECONDS = 3600.0
#: Nothing is put off for longer than this: `Retry-After` and half of it more.
LONGEST_POSTPONEMENT_SECONDS = 1.5 * LONGEST_RETRY_AFTER_SECONDS
#: For so long after its failure a POST may still be applied: twice what one may take (`delivery.timeout_seconds`).
ECHO_SECONDS = 60.0
#: 2^10 half seconds are over the longest wait; a bigger exponent would only be a bigger number.
_ENOUGH_TRIES = 10

_SECONDS = re.compile(r"\d{1,15}(\.\d{1,9})?")


def full_jitter(tries: int, chance: float, longest: float = LONGEST_SECONDS) -> float:
    """Seconds to wait after so many failures in a row: anything up to an end that doubles with each."""
    return chance * _end(tries, longest)


def equal_jitter(tries: int, chance: float, longest: float = LONGEST_SECONDS) -> float:
    """The same, but no less than half of that end."""
    return (1 + chance) / 2 * _end(tries, longest)


def told_wait(retry_after: float, chance: float) -> float:
    """Seconds to wait where a sink has said how long: that, an hour at most, and up to half of it more."""
    return min(retry_after, LONGEST_RETRY_AFTER_SECONDS) * (1 + chance / 2)


def _end(tries: int, longest: float) -> float:
    return min(longest, FIRST_SECONDS * 2.0 ** min(tries, _ENOUGH_TRIES))


def doubt_until(now: int) -> int:
    """Until when a POST may be applied whose end was not seen."""
    return now + round(ECHO_SECONDS * 1000)


def retry_after_seconds(value: str | None, now: int) -> float | None:
    """
    The wait that a `Retry-After` field asks for, at most an hour.

    Both forms of RFC 9110 §10.2.3, and seconds with a fraction, as some servers send them. None for a time that has
    passed and for anything else.
    """
    if value is None:
        return None
    text = value.strip()
    seconds = float(text) if _SECONDS.fullmatch(text) else _seconds_until(text, now)
    return min(seconds, LONGEST_RETRY_AFTER_SECONDS) if seconds > 0 else None


def _seconds_until(text: str, now: int) -> float:
    """Seconds until an HTTP date; 0 for what is none."""
    try:
        when = parsedate_to_datetime(text)
        when = when if when.tzinfo else when.replace(tzinfo=UTC)  # the asctime form has no zone and means UTC
        return when.timestamp() - now / 1000
    except (ValueError, OverflowError):
        return 0.0
