"""Who goes first on a shared processor, asked of the kernel about the real processes and their threads."""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
import sys
from pathlib import Path

from proxy.processor import EXPORT_NICENESS, RECORDER_NICENESS, RELAY_SLICE_NS, SHORT_SLICE_NS
from tests.e2e.process import ROOT, Teelog
from tests.test_processor import GETATTR, linux


def standing(thread: int) -> tuple[int, int]:
    """A thread's niceness and slice."""
    attributes = ctypes.create_string_buffer(48)
    assert not ctypes.CDLL(None).syscall(GETATTR, thread, attributes, 48, 0)
    _, _, _, niceness, _, nanoseconds, _, _ = struct.unpack("=IIQiIQQQ", attributes.raw)
    return niceness, nanoseconds


@linux
def test_the_loop_goes_first(tmp_path, upstream):
    """The relay's loop goes before its journal's threads, and both before the recorder."""
    ours = os.nice(0)
    with Teelog(tmp_path, upstream.url) as teelog:
        relay, recorder = teelog.process.pid, teelog.recorder_pid()

        assert standing(relay) == (ours, RELAY_SLICE_NS)
        others = [int(one.name) for one in Path(f"/proc/{relay}/task").iterdir() if int(one.name) != relay]
        assert {standing(thread) for thread in others} == {(ours, SHORT_SLICE_NS)}
        for thread in Path(f"/proc/{recorder}/task").iterdir():
            assert standing(int(thread.name)) == (ours + RECORDER_NICENESS, SHORT_SLICE_NS)


def test_an_export_gives_way_before_it_loads_anything(tmp_path):
    """What an export loads is loaded with the niceness that it works with."""
    script = (
        "import os, sys; from proxy.__main__ import main\n"
        "class Finder:\n"
        "    def find_spec(self, name, path=None, target=None): seen.append(os.nice(0))\n"
        "seen = []; sys.meta_path.insert(0, Finder())\n"
        f"assert main(['export', '--data-dir', {str(tmp_path)!r}]) == 2\n"
        "print(set(seen))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str({os.nice(0) + EXPORT_NICENESS})
