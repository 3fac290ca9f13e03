"""Who goes first on a processor, asked of the kernel itself in processes of its own."""

import os
import platform
import subprocess
import sys

import pytest

from proxy.db.aside import ASIDE_SECONDS
from proxy.processor import EXPORT_NICENESS, RECORDER_NICENESS, RELAY_SLICE_NS, SHORT_SLICE_NS
from tests.e2e.process import ROOT

#: The number of sched_getattr(2); 0: not known.
GETATTR = {"x86_64": 315, "aarch64": 275}.get(platform.machine(), 0)
linux = pytest.mark.skipif(
    not GETATTR or tuple(map(int, os.uname().release.split(".")[:2])) < (6, 12),
    reason="slices of one's own came with Linux 6.12",
)

#: In a child: do something, then print niceness and slice.
SCRIPT = """
import ctypes, os, struct
from proxy.db.aside import ASIDE_SECONDS
from proxy.processor import *
{work}
attributes = ctypes.create_string_buffer(48)
assert not ctypes.CDLL(None).syscall({number}, 0, attributes, 48, 0)
print(os.nice(0), struct.unpack("=IIQiIQQQ", attributes.raw)[5])
"""


def seen(work: str) -> list[int]:
    script = SCRIPT.format(work=work, number=GETATTR)
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    return [int(word) for word in done.stdout.split()]


@linux
def test_the_relay_has_the_shortest_slice_and_its_niceness():
    """The kernel keeps the short slice, and niceness stays as it was."""
    assert seen("assert go_first()") == [os.nice(0), RELAY_SLICE_NS]


@linux
@pytest.mark.parametrize("niceness", [RECORDER_NICENESS, EXPORT_NICENESS])
def test_a_child_of_the_relay_steps_back(niceness):
    """Who steps back is nice, and its slice is longer than the one its parent has given it."""
    assert seen(f"go_first(); step_back({niceness})") == [os.nice(0) + niceness, SHORT_SLICE_NS]
    assert SHORT_SLICE_NS > RELAY_SLICE_NS


def test_who_works_for_long_gives_way_once_a_slice():
    """The time between two steps aside is the slice of those who take them."""
    assert round(ASIDE_SECONDS * 1e9) == SHORT_SLICE_NS


def test_another_policy_is_left_alone():
    """A process that somebody has given another scheduling policy keeps it, and nothing is raised."""
    if platform.system() != "Linux":
        pytest.skip("scheduling policies are Linux's")
    work = "os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0)); print(go_first(), os.sched_getscheduler(0))"
    script = f"import os\nfrom proxy.processor import go_first\n{work}"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout.split() == ["False", str(os.SCHED_BATCH)]
