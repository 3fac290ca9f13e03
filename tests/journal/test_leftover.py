"""A journal that no writer goes on with is read to its end."""

from proxy.core.checkpoint import Part
from proxy.core.exchange import decode
from proxy.journal.folder import segments
from proxy.journal.leftover import finish

from .journals import payloads, read_all, store
from .test_unfinished import begun
from .test_writer import capture, until


async def test_what_is_left_can_be_read_and_removed(writer, reader, folder):
    """Finished exchanges and what a kill cut short are given in order; afterwards nothing that was said is in the folder."""
    journal = writer()
    await store(journal, capture(id="finished"))
    checkpoint, first = begun()
    journal.save(first)
    journal.save(Part(checkpoint, None, [b", two"], 20))
    await until(lambda: not journal._parts)

    assert finish(folder)
    records = read_all(reader)
    reader.release(records[-1].position_after)

    assert [decode(payload).id for payload in payloads(records)] == ["finished", checkpoint.id]
    assert decode(records[-1].payload).answer == b"one, two"
    assert [*folder.glob("*.open")] == []
    assert len(segments(folder)) == 1
    assert reader.read(records[-1].position_after, 10, 1000) == []


def test_nothing_is_left(folder):
    """A folder without exchanges, or none at all, is left as it is."""
    assert not finish(folder)
    folder.mkdir()
    assert not finish(folder)
    assert [*folder.iterdir()] == []


async def test_again(writer, reader, folder):
    """A second start finds what the first had not read, once."""
    await store(writer(), capture(id="one"))

    assert finish(folder)
    assert finish(folder)
    assert [decode(payload).id for payload in payloads(read_all(reader))] == ["one"]
