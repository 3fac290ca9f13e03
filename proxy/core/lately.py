"""How often something happened lately, and how long something lasts at the rate of late. Pure: times are arguments.

Both keep a bounded number of figures, however much happens. Times are in seconds, from any clock; one that is set back
forgets what it says has not happened yet.
"""

from __future__ import annotations

from collections import deque

#: Into so many parts a window is cut; one part is how late something may be forgotten.
_PARTS = 60


class Lately:
    """
    A count over a sliding window.

    Args:
        window: Its length in seconds.

    """

    def __init__(self, window: float) -> None:
        self.window = window
        self._part = window / _PARTS
        #: (number of the part, count), oldest first.
        self._counts: deque[tuple[int, int]] = deque()

    def add(self, count: int, now: float) -> None:
        """So many more."""
        number = int(now // self._part)
        self._forget(number)
        if self._counts and self._counts[-1][0] == number:
            count += self._counts.pop()[1]
        self._counts.append((number, count))

    def total(self, now: float) -> int:
        """How many there were within the window."""
        self._forget(int(now // self._part))
        return sum(count for _, count in self._counts)

    def _forget(self, number: int) -> None:
        while self._counts and self._counts[0][0] <= number - _PARTS:
            self._counts.popleft()
        while self._counts and self._counts[-1][0] > number:
            self._counts.pop()


class Growth:
    """
    How fast a size grows, by what was seen of it within a window.

    Args:
        window: In seconds; it is to be looked at a good many times within it.
        least: Seconds that must have been seen before anything is said of it: a start is not the present rate.

    """

    def __init__(self, window: float, least: float = 0.0) -> None:
        self._window = window
        self._least = least
        self._seen: deque[tuple[float, float]] = deque()

    def saw(self, size: float, now: float) -> None:
        """It has this size now."""
        while self._seen and not now - self._window <= self._seen[0][0] <= now:
            self._seen.popleft()
        self._seen.append((now, size))

    def per_second(self) -> float:
        """Its growth; 0 while too little has been seen, below 0 when it shrinks."""
        if len(self._seen) < 2:
            return 0.0
        (began, first), (ended, last) = self._seen[0], self._seen[-1]
        return (last - first) / (ended - began) if ended > began and ended - began >= self._least else 0.0

    def lasts(self, room: float) -> float | None:
        """In how many seconds it has grown by `room`; None when it does not grow."""
        rate = self.per_second()
        return max(room, 0.0) / rate if rate > 0 else None
