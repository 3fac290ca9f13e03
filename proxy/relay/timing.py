"""Times, counted into buckets: what it costs to note one is a bisection and two additions."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any


class Histogram:
    """
    How often which time was seen.

    Args:
        bounds: Upper ends of the buckets in seconds, rising; longer times go into one more.

    """

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, *bounds: float) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        """Note one time."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def seen(self) -> dict[str, Any]:
        """Bounds, the count of each bucket (one more than there are bounds; not cumulative), and the sum in seconds."""
        return {"bounds": self._bounds, "counts": list(self._counts), "sum": self._sum}
