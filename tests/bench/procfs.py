"""What Linux tells of processes: CPU time in nanoseconds, the wait for a CPU, memory shared out fairly.

Processes may end while they are looked at; what is gone counts nothing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Spent:
    """Of some processes and all their threads, in seconds since they began."""

    #: On a CPU, by the scheduler's counters: those of threads that have ended are lost.
    running: float = 0.0
    #: The same in clock ticks, too coarse for short runs, but with the ended threads.
    ticks: float = 0.0
    #: Ready to run, but another process had the CPU.
    waiting: float = 0.0

    def __sub__(self, other: Spent) -> Spent:
        return Spent(self.running - other.running, self.ticks - other.ticks, self.waiting - other.waiting)

    @property
    def cpu(self) -> float:
        """The better of the two clocks: ticks only where threads have ended, beyond what rounding explains."""
        return max(self.running, self.ticks - 2 / os.sysconf("SC_CLK_TCK"))


def family(pid: int) -> list[int]:
    """A process and all its descendants, the oldest generation first."""
    found = [pid]
    for number in found:
        for task in _listed(PROC / str(number) / "task"):
            found += [int(kid) for kid in _read(PROC / str(number) / "task" / task / "children").split()]
    return found


def spent(pids: list[int]) -> Spent:
    """What these processes have spent so far."""
    running = waiting = ticks = 0
    for pid in pids:
        place = PROC / str(pid)
        fields = _read(place / "stat").rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12]) if fields else 0
        for task in _listed(place / "task"):
            times = _read(place / "task" / task / "schedstat").split()
            if times:
                running += int(times[0])
                waiting += int(times[1])
    return Spent(running / 1e9, ticks / os.sysconf("SC_CLK_TCK"), waiting / 1e9)


def memory_mb(pids: list[int]) -> float:
    """Their proportional set size: what several processes share is counted once."""
    kilobytes = 0
    for pid in pids:
        for line in _read(PROC / str(pid) / "smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                kilobytes += int(line.split()[1])
    return kilobytes / 1024


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _listed(path: Path) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []
