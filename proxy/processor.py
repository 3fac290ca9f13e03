"""Who goes first where our processes share a processor: the relay, always; then the recorder; an export last.

Niceness alone is not enough: a process that wakes up waits until the one at work has used its slice, milliseconds, however
nice that is. Since Linux 6.12 one with a shorter slice of its own goes before it (sched_setattr(2), `sched_runtime` of an
ordinary process; no privilege is needed). Where that is not to be had everything works, and chunks come later while the
recorder is at work: it is never an error.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

#: The relay's slice; the shortest there is.
RELAY_SLICE_NS = 100_000
#: The recorder's claim, a twentieth of the relay's. More would make the relay wait when the two have had their shares.
RECORDER_NICENESS = 15
#: What a person has asked for and looks at; it ends by itself.
EXPORT_NICENESS = 19
#: The slice of everybody else: longer than the relay's, and no longer than a chunk may wait. (They ask in between who else is there:
#: `db/aside.py`.)
SHORT_SLICE_NS = 200_000

#: The system call's number (linux/arch: syscall tables).
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
#: struct sched_attr, its first version: size, policy, flags, nice, priority, runtime, deadline, period.
_ATTRIBUTES = struct.Struct("=IIQiIQQQ")
_SCHED_OTHER = 0


def go_first() -> bool:
    """Let nobody with a longer slice keep this thread waiting, nor those it starts; whether the kernel took it."""
    return _slice(RELAY_SLICE_NS)


def go_second() -> bool:
    """The same for those who work for the loop's thread, the journal's writer above all: it goes before them, too."""
    return _slice(SHORT_SLICE_NS)


def step_back(niceness: int) -> None:
    """Give this process a longer slice than its parent, the relay, has, and so little a claim to the processor."""
    os.nice(niceness)
    _slice(SHORT_SLICE_NS)


def _slice(nanoseconds: int) -> bool:
    number = _SCHED_SETATTR.get(platform.machine())
    if platform.system() != "Linux" or number is None or os.sched_getscheduler(0) != _SCHED_OTHER:
        return False
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    wanted = _ATTRIBUTES.pack(_ATTRIBUTES.size, _SCHED_OTHER, 0, nice, 0, nanoseconds, 0, 0)
    try:
        return int(ctypes.CDLL(None).syscall(number, 0, wanted, 0)) == 0
    except (OSError, AttributeError):
        return False
