"""A relay to be killed: appends numbered records for ever, and prints the number of each once it is stored."""

import asyncio
import itertools
import os
import sys
from pathlib import Path

from proxy.config import JournalConfig
from proxy.journal.writer import JournalWriter

folder, first, durability = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]


def payload(number):
    """The number, and some of it again: mostly small, sometimes compressed, sometimes larger than a read."""
    return b"%d " % number * {0: 30_000, 1: 2000}.get(number % 50, 10)


async def main():
    config = JournalConfig(durability=durability)
    writer = JournalWriter(folder, config, asyncio.get_running_loop(), segment_bytes=100_000, segment_seconds=0.05)
    writer.start()
    turns = asyncio.Semaphore(100)

    def done(number, stored):
        assert stored
        os.write(1, b"%d\n" % number)
        turns.release()

    for number in itertools.count(first):
        await turns.acquire()
        assert writer.append(payload(number), lambda stored, number=number: done(number, stored))


asyncio.run(main())
