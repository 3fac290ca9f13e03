"""The last piece: held until the exchange is on disk, for no longer than promised."""

from __future__ import annotations

import asyncio

import pytest

from tests.raw import Pieces, chunked, post
from tests.relay.conftest import HeldJournal, relay

pytestmark = pytest.mark.usefixtures("way")

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
DELTA = b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n'
DONE = b"data: [DONE]\n\n"
COMPLETED = (
    b'event: response.completed\ndata: {"type":"response.completed","response":{"output":['
     b'"' + b"x" * 5000 + b'"]}}\n\n'
)  # fmt: skip


def chunk(data: bytes) -> bytes:
    return chunked(data)[:-5]


async def ask(world) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
    writer.write(post(b"{}"))
    return reader, writer


CASES = {
    # what comes first, what is held, what comes later
    "done": (HEAD + chunk(DELTA), chunk(DONE), b"0\r\n\r\n"),
    "done-over-a-border": (HEAD + chunk(DELTA) + b"e\r\ndata: [DO", b"NE]\n\n\r\n", b"0\r\n\r\n"),
    "done-without-space": (HEAD + chunk(DELTA), chunk(b"data:[DONE]\n\n"), b"0\r\n\r\n"),
    "responses": (HEAD + chunk(DELTA), chunk(COMPLETED), b"0\r\n\r\n"),
    "type-only": (HEAD + chunk(DELTA), chunk(b'data: {"x":1,"type":"response.failed"}\n\n'), b"0\r\n\r\n"),
    "terminator": (HEAD + chunk(DELTA), b"0\r\n\r\n", b""),
    "json": (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{ ", b" }", b""),
}


@pytest.mark.parametrize("name", CASES)
async def test_the_last_piece_waits_for_the_disk(name):
    """The client sees the end of an answer only after its exchange is stored; everything before it comes at once."""
    first, last, after = CASES[name]
    gate, journal = asyncio.Event(), HeldJournal()
    journal.hold = True
    async with relay([Pieces([first, last + after], gate=gate)], journal=journal, hold=30) as world:
        reader, writer = await ask(world)
        await reader.readuntil(b"\r\n\r\n")
        begun = first.partition(b"\r\n\r\n")[2]
        assert await reader.readexactly(len(begun)) == begun
        gate.set()
        await asyncio.wait_for(journal.came.wait(), 5)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        journal.release()

        async with asyncio.timeout(5):
            assert await reader.readexactly(len(last + after)) == last + after
        assert journal.exchanges[0].interrupted == ""
        assert b"hi" in journal.exchanges[0].answer or name == "json"
        writer.close()


async def test_a_slow_disk_costs_no_more_than_promised():
    """A journal that does not return holds the end for 25 ms; then it goes out and is counted as late."""
    journal = HeldJournal()
    journal.hold = True
    async with relay([Pieces([HEAD + chunk(DELTA) + chunk(DONE) + b"0\r\n\r\n"])], journal=journal) as world:
        reader, writer = await ask(world)
        async with asyncio.timeout(5):
            data = await reader.read()

        assert data.endswith(b"0\r\n\r\n")
        assert world.record.status()["late_releases"] == 1
        assert len(journal.entries) == 1
        journal.release()
        writer.close()


async def test_a_final_event_that_does_not_end_is_released():
    """A final event whose end does not come is held 25 ms, goes out, and is recorded when it ends."""
    gate = asyncio.Event()
    pieces = [HEAD + b"%x\r\n" % len(COMPLETED) + COMPLETED[:200], COMPLETED[200:] + b"\r\n0\r\n\r\n"]
    async with relay([Pieces(pieces, gate=gate)]) as world:
        reader, writer = await ask(world)
        async with asyncio.timeout(5):
            await reader.readuntil(b'"type":"response.completed"')
        assert world.record.status()["late_releases"] == 1
        assert world.journal.entries == []
        gate.set()
        async with asyncio.timeout(5):
            assert (await reader.read()).endswith(b"0\r\n\r\n")

        assert world.journal.exchanges[0].answer == COMPLETED
        writer.close()


async def test_a_full_journal_never_holds_a_reply():
    """A journal that refuses costs the client nothing, and is counted with its reason."""
    journal = HeldJournal()
    journal.full = True
    async with relay([Pieces([HEAD + chunk(DONE) + b"0\r\n\r\n"])], journal=journal) as world:
        reader, writer = await ask(world)
        async with asyncio.timeout(5):
            assert (await reader.read()).endswith(b"0\r\n\r\n")

        assert world.record.status()["not_recorded"] == {"memory_full": 1}
        assert world.record.status()["late_releases"] == 0
        writer.close()


async def test_an_answer_over_the_limit_is_not_kept():
    """An answer over `record_max_bytes` passes, is dropped from memory, and is counted."""
    body = b"x" * 5000
    whole = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + body
    async with relay([Pieces([whole])], limit=4000) as world:
        reader, writer = await ask(world)

        assert (await reader.read()).endswith(body)
        assert world.journal.entries == []
        assert world.record.status()["not_recorded"] == {"too_large": 1}
        writer.close()
