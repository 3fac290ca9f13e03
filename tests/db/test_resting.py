"""What a database holds when nothing comes, as the kernel tells it."""

import platform
import subprocess
import sys

import pytest

from tests.e2e.process import ROOT

#: In a child, whose memory nobody else uses: fills the cache, then waits for it to be given back; in KiB what it took
#: before, at its height, and at the end.
SCRIPT = """
import sys, time
from pathlib import Path
from proxy.db.sqlite import Database

def taken():
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Anonymous:"))

database = Database(
    Path(sys.argv[1]), migrations=["CREATE TABLE t (x TEXT) STRICT;"],
    queries={"put": "INSERT INTO t (x) VALUES (:x)", "count": "SELECT count(x) AS n FROM t"},
)
before = taken()
for _ in range(2500):
    database.write(lambda tx: tx.run("put", x="x" * 4000))
height, end = taken(), time.monotonic() + 30
while taken() > (before + height) / 2 and time.monotonic() < end:
    time.sleep(0.02)
print(before, height, taken(), database.write(lambda tx: tx.one("count")["n"]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="what another C library keeps is its own affair")
def test_a_database_at_rest_gives_its_memory_back(tmp_path):
    """A cache full of pages is gone from memory soon after the last statement, and the next one is served all the same."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path / "t.db"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    before, height, after, rows = map(int, done.stdout.split())

    assert height - before > 8000
    assert after - before < (height - before) / 2
    assert rows == 2500
