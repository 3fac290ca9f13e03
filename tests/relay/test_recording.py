"""What the relay counts and times, as `/metrics` shows it."""

from __future__ import annotations

import asyncio

import pytest

from proxy.relay.timing import Histogram
from tests.raw import Pieces, post, send
from tests.relay.conftest import HeldJournal, relay, until

pytestmark = pytest.mark.usefixtures("way")

OK = Pieces([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"])
REFUSED = Pieces([b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}"])
GONE = Pieces([b""], cut="close")


def seen(times: dict) -> int:
    return sum(times["counts"])


@pytest.mark.parametrize(("seconds", "place"), [(0.0, 0), (0.1, 0), (0.11, 1), (1.0, 1), (5.0, 2)])
def test_a_time_goes_into_its_bucket(seconds, place):
    """A bucket holds times up to its upper end, that included; the last holds the rest."""
    histogram = Histogram(0.1, 1.0)
    histogram.observe(seconds)

    counts = [0, 0, 0]
    counts[place] = 1
    assert histogram.seen() == {"bounds": (0.1, 1.0), "counts": counts, "sum": seconds}


async def test_exchanges_are_counted_by_outcome():
    """Each exchange is counted once; a time to first byte is noted for those that were answered."""
    async with relay([OK, REFUSED, GONE]) as world:
        for _ in range(3):
            await send(world.port, post(b"{}"))
        counts = world.record.counts()

        assert counts["outcomes"] == {"complete": 1, "refused": 1, "no_answer": 1}
        assert (counts["open"], seen(counts["first_byte"]), seen(counts["added"])) == (0, 2, 3)


async def test_what_is_in_progress_is_open():
    """A stream is open until its last byte, and then is not."""
    gate = asyncio.Event()
    slow = Pieces([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", b"}"], gate=gate)
    async with relay([slow]) as world:
        asking = asyncio.ensure_future(send(world.port, post(b"{}")))
        await asyncio.wait_for(world.upstream.arrived.wait(), 5)
        assert world.record.counts()["open"] == 1
        gate.set()
        await asking

        await until(lambda: world.record.counts()["open"] == 0)


async def test_a_held_last_piece_is_time_added():
    """A journal that does not answer costs the hold, and that is what is noted; the upstream's own time is not."""
    journal = HeldJournal()
    journal.hold = True
    gate = asyncio.Event()
    slow = Pieces([b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", b"}"], gate=gate)
    async with relay([slow], journal=journal, hold=0.05) as world:
        asyncio.get_running_loop().call_later(0.2, gate.set)
        await send(world.port, post(b"{}"))
        counts = world.record.counts()

        assert counts["late_releases"] == 1
        assert 0.04 < counts["added"]["sum"] < 0.15


@pytest.mark.parametrize("recorded", [True, False])
async def test_what_breaks_off_is_counted_by_whose_fault_it_was(recorded):
    """A cut by the upstream and a client that leaves are told apart, of exchanges that are not recorded too."""
    request = post(b"{}") if recorded else b"GET /v1/models HTTP/1.1\r\nHost: proxy.test\r\n\r\n"
    begun = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"
    gate = asyncio.Event()
    async with relay([Pieces([begun], cut="close"), Pieces([begun, b"}"], gate=gate)]) as world:
        await send(world.port, request)
        reader, writer = await asyncio.open_connection("127.0.0.1", world.port)
        writer.write(request)
        await reader.readuntil(b"{")
        writer.close()

        expected = {"interrupted_upstream": 1, "interrupted_client": 1}
        await until(lambda: world.record.counts()["outcomes"] == expected)
