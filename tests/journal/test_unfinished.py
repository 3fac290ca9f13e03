"""Exchanges that still go on, as files beside the segments: there until they end, recovered after a kill."""

import asyncio
import os

import pytest

from proxy.core.checkpoint import Checkpoint, Part
from proxy.core.exchange import decode
from proxy.journal.folder import UNFINISHED_UP_TO

from .journals import files_limited, payloads, read_all, store
from .test_writer import capture, until

HEAD = b"HTTP/1.1 200 OK\r\n\r\n"
ID = "01234567-89ab-7def-8123-456789abcdef"


def begun(name=ID, **values):
    """A checkpoint, and its first part."""
    checkpoint = Checkpoint(name)
    fields = {"id": name, "status": 200, "head_size": len(HEAD), "pieces": [HEAD, b"one"], "interrupted": "crash"}
    return checkpoint, Part(checkpoint, capture(**(fields | values)), (), 10)


def opened(folder):
    return sorted(path.name for path in folder.glob("*.open"))


@pytest.fixture
async def left(writer, folder):
    """A journal whose writer was killed in the middle of an exchange."""
    journal = writer()
    checkpoint, first = begun()
    journal.save(first)
    journal.save(Part(checkpoint, None, [b", two"], 20))
    journal.save(Part(checkpoint, None, [b", three"], 30))
    await until(lambda: not journal._parts)
    assert opened(folder) == [f"{ID}.open"]
    return folder / f"{ID}.open"


async def test_what_a_killed_run_left_is_appended(writer, reader, left):
    """The next run appends what was saved, marked as cut by the crash, and removes the file."""
    journal = writer()
    await until(lambda: journal.recovered)
    [found] = [decode(payload) for payload in payloads(read_all(reader))]

    assert (found.id, found.answer, found.ended, found.interrupted) == (ID, b"one, two, three", 30, "crash")
    await until(lambda: not left.exists())
    assert journal.losses == {}


async def test_an_exchange_that_ends_is_saved_no_longer(writer, reader, left, folder):
    """Once the finished exchange is appended its file is gone, and so it is when it is forgotten."""
    journal = writer()
    await until(lambda: not left.exists())
    for name, ending in (("a", "append"), ("b", "forget")):
        long = ID[:-1] + name
        journal.save(begun(long)[1])
        await until(lambda long=long: opened(folder) == [f"{long}.open"])
        if ending == "append":
            assert await store(journal, capture(id=long, pieces=[HEAD, b"one and all"])) == [True]
        else:
            journal.forget(long)
        await until(lambda: opened(folder) == [])

    found = [decode(payload) for payload in payloads(read_all(reader))]
    assert [one.id for one in found] == [ID, ID[:-1] + "a"]


async def test_a_file_that_cannot_be_removed(writer, folder):
    """An exchange whose file the disk does not let go is appended all the same, and so is the next."""
    journal = writer()
    journal.save(begun()[1])
    await until(lambda: opened(folder) == [f"{ID}.open"])
    (folder / f"{ID}.open").unlink()
    (folder / f"{ID}.open").mkdir()

    assert await store(journal, capture(id=ID)) == [True]
    assert await store(journal, capture(id=ID[:-1] + "b")) == [True]


@pytest.mark.parametrize("keep", range(0, 400, 7))
async def test_a_torn_file(writer, reader, left, keep):
    """Whatever a crash left of a file: what is whole is recovered, what is not is set aside, and the journal goes on."""
    os.truncate(left, min(keep, left.stat().st_size))
    journal = writer()
    await until(lambda: not journal._left and not left.exists())
    assert await store(journal, b"next") == [True]

    read = payloads(read_all(reader))
    assert read[-1] == b"next"
    assert all(b"one, two, three".startswith(decode(payload).answer) for payload in read[:-1])
    aside = left.with_suffix(".unreadable")
    assert aside.exists() == (journal.unreadable == 1)
    assert len(read) + journal.unreadable == 2


async def test_a_disk_that_refuses(writer, folder):
    """A part that cannot be written is told to its checkpoint, which begins anew; the journal loses nothing by it."""
    journal = writer()
    checkpoint, first = begun(request=os.urandom(4000).hex().encode())
    with files_limited(1000):
        journal.save(first)
        await until(lambda: checkpoint.failed)
    journal.save(first)
    await until(lambda: not checkpoint.failed)

    assert opened(folder) == [f"{ID}.open"]
    assert journal.losses == {}


async def test_little_room_is_for_finished_exchanges(writer, folder):
    """Near the journal's bound nothing unfinished is written any more."""
    journal = writer(max_bytes=1024**2)
    assert await store(journal, os.urandom(round(UNFINISHED_UP_TO * 1024**2))) == [True]
    checkpoint, first = begun()
    journal.save(first)
    await until(lambda: checkpoint.failed)

    assert opened(folder) == []


async def test_unfinished_ones_count(writer, folder):
    """What unfinished exchanges weigh counts against the journal's bound, until they end."""
    journal = writer(max_bytes=1024**2)
    journal.save(begun(request=os.urandom(700_000))[1])
    await until(lambda: opened(folder))
    assert await store(journal, os.urandom(400_000)) == [False]
    assert journal.losses == {"journal_full": 1}
    journal.forget(ID)
    await until(lambda: not opened(folder))
    assert await store(journal, os.urandom(400_000)) == [True]


async def test_nothing_is_saved_in_memory_mode(writer, folder):
    """With durability "memory" nothing is written, whatever is saved."""
    reading, writing = os.pipe()
    journal = writer("memory", pipe=writing)
    journal.save(begun()[1])
    journal.forget(ID)
    assert await store(journal, b"a note") == [True]
    await asyncio.sleep(0)
    os.close(reading)

    assert not folder.exists()
