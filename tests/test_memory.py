"""How many heaps the threads of a process share, as the C library itself tells it."""

import platform
import subprocess
import sys

import pytest

from proxy.memory import HEAPS
from tests.e2e.process import ROOT

#: In a child: eight threads that hold memory at once; then glibc's account of its heaps.
SCRIPT = """
import ctypes, threading
from proxy.memory import share_heaps
{work}
meet = threading.Barrier(8)
def hold():
    held = bytes(50_000)
    meet.wait(30)
threads = [threading.Thread(target=hold) for _ in range(8)]
[one.start() for one in threads]
[one.join(30) for one in threads]
libc = ctypes.CDLL(None)
libc.malloc_info(0, ctypes.c_void_p.in_dll(libc, "stdout"))
libc.fflush(None)
"""

glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives threads heaps of their own")


def heaps_of(work: str) -> int:
    script = SCRIPT.format(work=work)
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.count("<heap nr=")


@glibc
def test_threads_share_heaps():
    """However many threads begin, they have no more heaps than they are to have; without being told to they have more."""
    assert heaps_of("assert share_heaps()") == HEAPS < heaps_of("pass")
