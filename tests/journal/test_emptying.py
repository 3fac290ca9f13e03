"""A journal's folder, emptied of what was there at a time."""

from __future__ import annotations

import asyncio

import pytest

from proxy.config import JournalConfig
from proxy.journal.emptying import left_open, newest, set_aside, wait_until_gone
from proxy.journal.folder import FolderSink, Limits, segment_path
from proxy.journal.frame import frame
from proxy.journal.reader import JournalReader
from proxy.journal.writer import JournalWriter

from .journals import BEGINNING, store

MARKER = b"markmark"


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "journal"
    folder.mkdir()
    return folder


def killed(folder, *entries):
    """What a writer leaves that is killed: records, and no successor."""
    sink = FolderSink(folder, MARKER, Limits(2**30), power=True)
    assert sink.write([frame(one, MARKER) for one in entries]) == [""] * len(entries)
    return sink


def test_a_folder_in_which_nothing_is(folder):
    """Where nothing lies there is nothing to wait for."""
    assert wait_until_gone(folder, newest(folder), 0, lambda _seconds: None)
    assert wait_until_gone(folder / "none", 0, 0, lambda _seconds: None)


def test_what_could_not_be_read_is_found(folder):
    """Files that were set aside are named; others are not."""
    for name in ("1.unreadable", "0000000000000001.log.20260101T000000Z.damaged", "x.open", "0000000000000002.log"):
        (folder / name).touch()

    assert [path.name for path in set_aside(folder)] == [
        "0000000000000001.log.20260101T000000Z.damaged",
        "1.unreadable",
    ]
    assert left_open(folder) == 1
    assert (newest(folder), newest(folder / "none")) == (2, 0)


def test_it_is_waited_for(folder):
    """The wait ends when the records of before are gone, whatever is newer; or says that they are not."""
    killed(folder, b"one")
    upto = newest(folder)
    killed(folder, b"newer")
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        if len(slept) == 3:
            segment_path(folder, upto).unlink()

    assert not wait_until_gone(folder, upto, -1, sleep)
    assert wait_until_gone(folder, upto, 60, sleep)
    assert len(slept) == 3
    assert not wait_until_gone(folder, newest(folder), -1, sleep)


async def test_a_running_writer_finishes_what_lies_there(folder):
    """Beside a running writer and reader the files of before go by themselves, within a second or two."""
    writer = JournalWriter(folder, JournalConfig(), asyncio.get_running_loop())
    writer.start()
    reader, position = JournalReader(folder), [BEGINNING]

    def record(_seconds):
        for one in reader.read(position[0], 9, 2**20):
            position[0] = one.position_after
        reader.release(position[0])

    await store(writer, b"words")
    gone = await asyncio.to_thread(wait_until_gone, folder, newest(folder), 20, record)
    writer.close(10)
    reader.close()

    assert gone
    assert not any(b"words" in path.read_bytes() for path in folder.iterdir())
