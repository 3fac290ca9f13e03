"""Brakes on guessing: who fails too often within a minute has to wait for the next one.

Nothing here keeps what was tried, but for its hash. Memory is bounded: addresses beyond the bound share one count. `clock`
counts seconds and never goes back.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

#: Failures in one window, per address and in all: far from what a person mistypes, hopeless for guessing.
WINDOW_SECONDS = 60
FAILURES_PER_ADDRESS = 10
FAILURES_IN_ALL = 100
#: So many addresses are told apart in one window, and so many keys are remembered.
MOST_ADDRESSES = 10_000


class Brake:
    """
    Counts failures in windows of a minute.

    Args:
        clock: See the module.
        in_all: How many failures of whomever stop everybody.

    """

    def __init__(self, clock: Callable[[], float], in_all: float = FAILURES_IN_ALL) -> None:
        self._clock = clock
        self._in_all = in_all
        self._window = 0
        self._failures: dict[str, int] = {}
        self._count = 0

    def wait_for(self, address: str) -> int:
        """Seconds until an address may try again; 0: now."""
        now = self._clock()
        self._turn(now)
        if self._failures.get(self._known(address), 0) < FAILURES_PER_ADDRESS and self._count < self._in_all:
            return 0
        return int((self._window + 1) * WINDOW_SECONDS - now) + 1

    def failed(self, address: str) -> None:
        """Notes a failure."""
        self._turn(self._clock())
        known = self._known(address)
        self._failures[known] = self._failures.get(known, 0) + 1
        self._count += 1

    def _known(self, address: str) -> str:
        return address if address in self._failures or len(self._failures) < MOST_ADDRESSES else ""

    def _turn(self, now: float) -> None:
        window = int(now // WINDOW_SECONDS)
        if window != self._window:
            self._window = window
            self._failures.clear()
            self._count = 0


class KeyBrake:
    """
    A brake on those who try keys of programs, which all may come from one address.

    Who has to wait is not told a right key from a wrong one, unless that very key was right from there before; and one wrong
    key, shown again and again, is one guess: a program that goes wrong beside others, behind one reverse proxy, does not lock
    them out.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._brake = Brake(clock, in_all=math.inf)
        self._right: dict[bytes, None] = {}
        self._wrong: dict[bytes, None] = {}

    def failed(self, address: str, key: bytes) -> int:
        """Note that a wrong key was shown; seconds until another is looked at."""
        wait = self._brake.wait_for(address)
        name = _told_apart(address, key)
        if name not in self._wrong:
            self._brake.failed(address)
            _remember(self._wrong, name)
        return wait

    def wait_for(self, address: str, key: bytes) -> int:
        """Seconds until a key from an address is looked at; 0: now."""
        wait = self._brake.wait_for(address)
        return 0 if wait and _told_apart(address, key) in self._right else wait

    def passed(self, address: str, key: bytes) -> None:
        """Note that a right key was shown; only while its address need not wait."""
        _remember(self._right, _told_apart(address, key))


def _remember(names: dict[bytes, None], name: bytes) -> None:
    """One more, for the oldest of too many."""
    if name not in names:
        while len(names) >= MOST_ADDRESSES:
            del names[next(iter(names))]
        names[name] = None


def _told_apart(address: str, key: bytes) -> bytes:
    return hashlib.sha256(address.encode() + b"\0" + key).digest()
