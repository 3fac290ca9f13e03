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


#: In a child: what is taken and let go of at a heap's end, twice; how often pages had to be asked for the second time.
AGAIN = """
import resource, zlib
from proxy.memory import keep_some
{work}
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def pack():
    for _ in range(200):
        zlib.compress(bytes(5000), 1)
pack()
before = faults()
pack()
print(faults() - before)
"""


def faults_of(work: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", AGAIN.format(work=work)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return int(done.stdout)


@glibc
def test_what_is_let_go_of_is_kept_to_be_used_again():
    """To take the same memory again asks the system for none; without being told it asks for 60 pages each time."""
    assert faults_of("assert keep_some()") * 10 < faults_of("pass")
