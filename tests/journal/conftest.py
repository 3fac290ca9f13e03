"""Journals for tests: a folder, its reader, and writers that are closed again."""

import asyncio

import pytest

from proxy.config import JournalConfig
from proxy.journal.reader import JournalReader
from proxy.journal.writer import JournalWriter


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "journal"


@pytest.fixture
def reader(folder):
    reader = JournalReader(folder)
    yield reader
    reader.close()


@pytest.fixture
async def writer(folder):
    """Makes started writers, and closes them."""
    writers = []

    def make(durability="process", max_bytes=2**31, **limits):
        config = JournalConfig(durability=durability, max_bytes=max_bytes)
        writer = JournalWriter(folder, config, asyncio.get_running_loop(), **limits)
        writers.append(writer)
        writer.start()
        return writer

    yield make
    for writer in writers:
        assert writer.close(10)
