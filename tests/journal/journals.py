"""What tests do with journals, and machines that refuse."""

import asyncio
import os
import resource
from contextlib import contextmanager

from proxy.journal.folder import segment_path
from proxy.journal.reader import Position

BEGINNING = Position(0, 0)


async def store(writer, *entries):
    """Append entries at once; whether each was stored."""
    loop = asyncio.get_running_loop()
    waiters = [loop.create_future() for _ in entries]
    for entry, waiter in zip(entries, waiters, strict=True):
        assert writer.append(entry, waiter.set_result)
    async with asyncio.timeout(10):
        return await asyncio.gather(*waiters)


def read_all(reader, position=BEGINNING):
    """Every record behind a position."""
    records = []
    while more := reader.read(position, 100, 2**20):
        records += more
        position = more[-1].position_after
    return records


def payloads(records):
    return [record.payload for record in records]


@contextmanager
def files_limited(size):
    """A machine on which no file can grow beyond a size: a write stops there, and the next one fails (EFBIG)."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))


@contextmanager
def swapped(folder, number, other):
    """A machine on which a segment that is open for appending is another file, so that its calls fail as that one's."""
    path = str(segment_path(folder, number))
    [fd] = [fd for fd in map(int, os.listdir("/proc/self/fd")) if _target(fd) == path]
    kept = os.dup(fd)
    os.dup2(other, fd)
    yield
    os.dup2(kept, fd)
    os.close(kept)


def _target(fd):
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except FileNotFoundError:
        return ""
