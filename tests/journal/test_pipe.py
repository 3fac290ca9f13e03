"""Records through a pipe: as they were written, however they arrive, until one side is gone."""

import asyncio
import os
import threading

import pytest

from proxy.config import JournalConfig
from proxy.errors import StartError
from proxy.journal.frame import frame, header
from proxy.journal.pipe import PIPE_BYTES, PipeSource
from proxy.journal.writer import JournalWriter

from .journals import BEGINNING, payloads, store

MARKER = b"marker-8"


@pytest.fixture
def pipe():
    """A source, and the writing end."""
    reading, writing = os.pipe()
    source = PipeSource(reading)
    yield source, writing
    source.close()


@pytest.fixture
async def connected(tmp_path):
    """Makes started writers with a source, and closes both."""
    ends = []

    def make():
        reading, writing = os.pipe()
        loop = asyncio.get_running_loop()
        writer = JournalWriter(tmp_path / "journal", JournalConfig(durability="memory"), loop, pipe=writing)
        writer.start()
        ends.append((writer, PipeSource(reading)))
        return ends[-1]

    yield make
    for writer, source in ends:
        source.close()
        assert writer.close(10)


def read(source, limit_records=100, limit_bytes=2**30):
    return payloads(source.read(BEGINNING, limit_records, limit_bytes))


async def read_until(source, count):
    """Records, as soon as there are so many."""
    records, loop, ready = [], asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(source._fd, ready.set)
    async with asyncio.timeout(10):
        while len(records) < count:
            await ready.wait()
            ready.clear()
            records += read(source)
    loop.remove_reader(source._fd)
    return records


def test_byte_by_byte(pipe):
    """A record is given as soon as its last byte has come, and never twice."""
    source, writing = pipe
    os.write(writing, header(MARKER))
    for payload in (b"one", b"", b"z" * 5000):
        for byte in frame(payload, MARKER):
            assert read(source) == []
            os.write(writing, bytes([byte]))
        assert read(source) == [payload]
    os.close(writing)


def test_limits(pipe):
    """Reading ends at the first limit, and the rest is given the next time."""
    source, writing = pipe
    os.write(writing, header(MARKER) + frame(b"." * 10, MARKER) * 6)

    assert [len(read(source, 2)), len(read(source, 9, 15)), len(read(source, 9, 1))] == [2, 2, 1]
    assert len(read(source)) == 1
    os.close(writing)


def test_writer_is_gone(pipe):
    """After the writer's end is closed what is whole is given, a cut frame is not, and then the source has ended."""
    source, writing = pipe
    os.write(writing, header(MARKER) + frame(b"one", MARKER) + frame(b"cut", MARKER)[:-1])
    os.close(writing)

    assert not source.ended
    assert read(source) == [b"one"]
    assert source.ended
    assert read(source) == []


def test_positions_grow(pipe):
    """Positions grow, and releasing one changes nothing."""
    source, writing = pipe
    os.write(writing, header(MARKER) + frame(b"one", MARKER) + frame(b"two", MARKER))
    one, two = source.read(BEGINNING, 9, 1000)
    source.release(two.position_after)

    assert BEGINNING < one.position_after < two.position_after
    os.close(writing)


async def test_through(connected, tmp_path):
    """What the writer takes comes out at the source, and nothing is written to disk."""
    writer, source = connected()
    assert await store(writer, b"one", b"two" * 5000) == [True, True]
    assert await read_until(source, 2) == [b"one", b"two" * 5000]

    assert list(tmp_path.iterdir()) == []
    assert (writer.appended, writer.failed, writer.bytes_waiting) == (2, 0, 0)


async def test_larger_than_the_pipe(connected):
    """A record larger than the pipe holds goes through while it is read."""
    writer, source = connected()
    payload = os.urandom(3 * PIPE_BYTES)
    stored, records = await asyncio.gather(store(writer, payload), read_until(source, 1))

    assert stored == [True]
    assert records == [payload]


async def test_recorder_is_slow(connected):
    """A recorder that does not read holds the writer thread only, and the bound on what waits in memory holds."""
    writer, source = connected()
    blob = os.urandom(2**20)
    stored = []
    while writer.append(blob, stored.append):
        pass

    assert 60 * 2**20 < writer.bytes_waiting <= 64 * 2**20
    assert not writer.close(0.01)
    source.close()
    assert await asyncio.to_thread(writer.close, 10)


async def test_recorder_dies(connected):
    """What cannot be handed over is lost with its reason; a new recorder gets what comes after it is attached."""
    writer, source = connected()
    source.close()
    assert await store(writer, b"one", b"two") == [False, False]
    assert writer.losses == {"pipe_closed": 2}

    reading, writing = os.pipe()
    writer.attach(writing)
    source = PipeSource(reading)
    assert await store(writer, b"three") == [True]
    assert await read_until(source, 1) == [b"three"]
    source.close()


async def test_recorder_dies_halfway(connected):
    """A record of which the dead recorder had read a part is lost; the new one does not see the rest of it."""
    writer, source = connected()
    begun = threading.Thread(target=lambda: os.read(source._fd, 10), daemon=True)
    os.set_blocking(source._fd, True)
    begun.start()
    halfway = asyncio.create_task(store(writer, os.urandom(3 * PIPE_BYTES)))
    await asyncio.to_thread(begun.join, 10)
    source.close()
    assert await halfway == [False]

    reading, writing = os.pipe()
    writer.attach(writing)
    source = PipeSource(reading)
    assert await store(writer, b"next") == [True]
    assert await read_until(source, 1) == [b"next"]
    source.close()


async def test_without_a_pipe(tmp_path):
    """Durability memory cannot start without a pipe."""
    writer = JournalWriter(tmp_path, JournalConfig(durability="memory"), asyncio.get_running_loop())

    with pytest.raises(StartError, match="pipe"):
        writer.start()
