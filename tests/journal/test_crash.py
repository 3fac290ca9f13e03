"""`kill -9` of either side, at any time, with real processes: what was acknowledged is read, once, in order."""

import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from proxy.journal.folder import segments
from proxy.journal.reader import Position

from .journals import payloads, read_all

ROOT = Path(__file__).parents[2]
KILLS = 20


@contextmanager
def process(script, *arguments):
    """A process of ours, killed at the end."""
    command = [sys.executable, "-m", f"tests.journal.{script}", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT) as running:
        try:
            yield running
        finally:
            running.kill()
    assert running.returncode == -signal.SIGKILL


def numbers(records):
    return [int(payload.split()[0]) for payload in payloads(records)]


def write_until_killed(folder, first, count, durability="process"):
    """The numbers that a writer acknowledged, at least so many of them, before it was killed."""
    with process("process_writer", folder, first, durability) as writer:
        lines = [writer.stdout.readline() for _ in range(count)]
        writer.kill()
        lines += writer.stdout.readlines()
    return [int(line) for line in lines]


@pytest.mark.parametrize(("durability", "kills"), [("process", KILLS), ("power", 4)])
def test_writer_killed(folder, reader, durability, kills):
    """A writer killed again and again loses nothing that it acknowledged, and repeats nothing."""
    chance = random.Random(1)
    acknowledged = []
    for run in range(kills):
        acknowledged += write_until_killed(folder, run * 1_000_000, chance.randrange(1, 800), durability)
    read = numbers(read_all(reader))

    assert acknowledged == sorted(set(acknowledged))
    assert read == sorted(set(read))
    assert set(acknowledged) <= set(read)


def test_reader_killed(folder, tmp_path, reader):
    """A reader killed again and again, while a writer goes on, skips nothing and repeats nothing; and it cleans up."""
    chance = random.Random(2)
    path, acknowledged = tmp_path / "recorded.db", []
    with process("process_writer", folder, 0, "process") as writer:
        for _ in range(KILLS):
            # as many as the reader takes at most until it is killed
            acknowledged += [int(writer.stdout.readline()) for _ in range(1000)]
            with process("process_reader", folder, path) as recorder:
                for _ in range(chance.randrange(1, 20)):
                    assert recorder.stdout.readline()
        writer.kill()
        acknowledged += map(int, writer.stdout.readlines())
    with sqlite3.connect(path) as database:
        recorded = [number for (number,) in database.execute("SELECT number FROM record ORDER BY rowid")]
        position = Position(*database.execute("SELECT segment, offset FROM position ORDER BY rowid DESC").fetchone())
    database.close()
    rest = read_all(reader, position)
    reader.release(rest[-1].position_after)

    read = recorded + numbers(rest)
    assert read == list(range(len(read)))
    assert acknowledged == read[: len(acknowledged)]
    assert len(segments(folder)) == 1
