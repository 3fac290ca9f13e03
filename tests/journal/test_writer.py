"""The writing side: every entry is told what became of it, once, in order, and nothing ends the thread."""

import asyncio
import os
import threading

import pytest

from proxy.config import JournalConfig
from proxy.core.capture import Capture, CapturedHead
from proxy.core.capture_rules import CaptureRules
from proxy.core.exchange import Exchange, decode
from proxy.errors import StartError
from proxy.journal.folder import segment_path, segments
from proxy.journal.frame import HEADER_SIZE
from proxy.journal.writer import BATCH_BYTES, BATCH_RECORDS, WAITING_BYTES, JournalWriter

from .journals import BEGINNING, files_limited, payloads, read_all, store, swapped


def capture(**values):
    fields = {
        "id": "id",
        "head": CapturedHead(
            "POST", "/v1/chat/completions", "", "1", ((b"Content-Type", b"application/json"),), CaptureRules()
        ),
        "request": b"{}",
        "started": 1,
    }
    return Capture(**(fields | values))


async def until(condition):
    """Wait for something that another thread does."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.mark.parametrize("durability", ["process", "power"])
async def test_stored(writer, reader, durability):
    """Entries are told in order that they are stored, on the loop's thread, and are read back."""
    told = []
    journal = writer(durability)
    for number in range(300):
        done = lambda stored, number=number: told.append((number, stored, threading.get_ident()))  # noqa: E731
        assert journal.append(b"%d" % number, done)
    await until(lambda: len(told) == 300)

    assert told == [(number, True, threading.get_ident()) for number in range(300)]
    assert payloads(read_all(reader)) == [b"%d" % number for number in range(300)]
    assert (journal.appended, journal.failed, journal.bytes_waiting, journal.losses) == (300, 0, 0, {})


async def test_on_disk_when_told(writer, reader):
    """By the time an entry is told that it is stored, another reader of the folder finds it."""
    journal = writer()
    for number in range(20):
        assert await store(journal, b"%d" % number) == [True]
        assert len(read_all(reader)) == number + 1


async def test_capture(writer, reader):
    """A capture is encoded, large or small, and decodes to its exchange."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b"word " * 20_000
    cut = 45
    large = capture(pieces=[answer[:cut], answer[cut:]], head_size=answer.index(b"word"), status=200)
    assert await store(writer(), capture(), large) == [True, True]
    exchanges = [decode(payload) for payload in payloads(read_all(reader))]

    assert all(isinstance(exchange, Exchange) for exchange in exchanges)
    assert exchanges[0].request == b"{}"
    assert exchanges[1].answer == b"word " * 20_000


async def test_private(writer, folder):
    """Folder and segments belong to their owner only, even where the folder was there and open to others."""
    folder.mkdir(mode=0o755)
    await store(writer(), b"one")

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {segment_path(folder, number).stat().st_mode & 0o777 for number in segments(folder)} == {0o600}


async def test_one_bad_capture(writer, reader):
    """A capture that cannot be encoded is lost alone, with its reason."""
    journal = writer()
    bad = capture(started=object())

    assert await store(journal, b"one", bad, b"two", bad) == [True, False, True, False]
    assert journal.losses == {"encode_error": 2}
    assert journal.newest_lost == {"encode_error": ("id", 2)}
    assert (journal.appended, journal.failed) == (2, 2)
    assert payloads(read_all(reader)) == [b"one", b"two"]


async def test_one_bad_callback(writer):
    """A callback that raises is the loop's to report, and the others are told."""
    journal, told, reported = writer(), [], []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
    journal.append(b"one", lambda _: 1 / 0)
    assert journal.append(b"two", told.append)
    await until(lambda: told)

    assert told == [True]
    assert isinstance(reported[0], ZeroDivisionError)


async def test_many_batches(writer, reader):
    """More than fits into one write is stored in several, whatever the sizes."""
    sizes = [10] * 3 * BATCH_RECORDS + [BATCH_BYTES + 1, 1, BATCH_BYTES // 2, BATCH_BYTES - 1, 0]
    entries = [os.urandom(size) for size in sizes]

    assert all(await store(writer(), *entries))
    assert payloads(read_all(reader)) == entries


async def test_bound_on_memory(writer):
    """What would be too much waiting is refused and not told; a single entry of any size is not."""
    journal, told = writer(), []
    blob, huge = bytes(2**20), bytes(WAITING_BYTES + 1)
    taken = sum(journal.append(blob, told.append) for _ in range(1000))
    assert taken < 1000
    assert journal.bytes_waiting <= WAITING_BYTES
    await until(lambda: not journal.bytes_waiting)

    assert journal.append(huge, told.append)
    await until(lambda: len(told) == taken + 1)
    assert all(told)


async def test_disk_full(writer, reader):
    """On a full disk entries are lost with their reason; when there is room, the next is stored. Starting works, too."""
    with files_limited(10):
        journal = writer()
        assert await store(journal, b"one") == [False]
    assert await store(journal, b"two") == [True]
    with files_limited(HEADER_SIZE + 60):
        assert await store(journal, b"three" * 20) == [False]
    assert await store(journal, b"four") == [True]

    assert journal.losses == {"disk_full": 2}
    assert journal.newest_lost == {"disk_full": ("", 100)}
    assert payloads(read_all(reader)) == [b"two", b"four"]


async def test_journal_full(writer):
    """Over `max_bytes` entries are lost with their reason."""
    journal = writer(max_bytes=2**20)

    assert await store(journal, os.urandom(2**19), os.urandom(2**19)) == [True, False]
    assert await store(journal, b"small") == [True]
    assert journal.losses == {"journal_full": 1}


async def test_disk_error(writer, folder):
    """A disk that cannot sync loses entries of durability power with their reason; the next segment is tried."""
    journal = writer("power")
    reading, writing = os.pipe()
    with swapped(folder, segments(folder)[0], writing):
        assert await store(journal, b"one") == [False]
    os.close(reading)
    os.close(writing)

    assert await store(journal, b"two") == [True]
    assert journal.losses == {"sync_error": 1}


async def test_finished_when_idle(writer, folder, reader):
    """A segment is finished soon after its first record, with nobody calling, so that its raw bodies can be removed."""
    journal = writer(segment_seconds=0.01)
    assert await store(journal, b"one") == [True]
    [one] = read_all(reader)
    await until(lambda: len(segments(folder)) == 2)
    assert reader.read(one.position_after, 10, 1000) == []
    reader.release(one.position_after)

    assert [segment_path(folder, number).stat().st_size for number in segments(folder)] == [HEADER_SIZE]


async def test_segment_removed_while_writing(writer, reader):
    """Segments that are read and removed all along while more is written are no trouble to either side."""
    journal, read = writer(segment_bytes=2000), []
    for number in range(200):
        assert await store(journal, b"%d" % number * 50) == [True]
        read += reader.read(read[-1].position_after if read else BEGINNING, 3, 10**6)
        reader.release(read[-1].position_after)
    read += read_all(reader, read[-1].position_after)

    assert payloads(read) == [b"%d" % number * 50 for number in range(200)]
    assert reader.damaged == 0


async def test_next_run(writer, folder, reader):
    """A new run goes on in a segment of its own, and reading goes over both."""
    first = writer()
    await store(first, b"one")
    assert first.close(10)
    await store(writer(), b"two")

    assert payloads(read_all(reader)) == [b"one", b"two"]


async def test_close(writer, folder, reader):
    """Closing stores and syncs all that waits, then tells; after it nothing is taken. Twice is no harm."""
    journal, told = writer(), []
    for number in range(500):
        assert journal.append(b"%d" % number, told.append)
    assert journal.close(10)
    assert journal.close(10)

    assert not journal.append(b"late", told.append)
    assert len(read_all(reader)) == 500
    await until(lambda: len(told) == 500)


async def test_leaves_nothing(writer, folder):
    """Fifty runs leave no thread and no open file behind."""
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd"))
    for durability in ("process", "power") * 25:
        journal = writer(durability)
        await store(journal, b"one")
        assert journal.close(10)

    assert threading.active_count() == threads
    assert len(os.listdir("/proc/self/fd")) == files


def test_loop_is_gone(folder, reader):
    """Entries whose loop is closed meanwhile are stored all the same."""
    loop = asyncio.new_event_loop()
    journal = JournalWriter(folder, JournalConfig(), loop)
    journal.start()
    loop.close()
    assert journal.append(b"one", print)
    assert journal.append(b"two", print)
    assert journal.close(10)

    assert payloads(read_all(reader)) == [b"one", b"two"]


async def test_unusable_folder(writer, folder):
    """A folder that cannot be used stops the start with a sentence that names it."""
    folder.parent.mkdir(exist_ok=True)
    folder.write_text("a file")

    with pytest.raises(StartError, match=str(folder)):
        writer()


async def test_says_how_it_is(writer):
    """Its text tells what it has done."""
    journal = writer()
    await store(journal, b"one")

    assert repr(journal) == "<JournalWriter appended=1 failed=0 waiting=0>"
