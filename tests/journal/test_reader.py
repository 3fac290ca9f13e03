"""The reading side: every whole record once and in order, from any position, whatever happened to the files."""

import os
import random

import pytest

from proxy.journal.folder import segment_path, segments
from proxy.journal.frame import HEADER_SIZE, frame, header
from proxy.journal.reader import WINDOW_BYTES, JournalReader, Position

from .journals import BEGINNING, payloads, read_all

MARKER = b"marker-8"


@pytest.fixture
def journal(folder):
    """Writes segments: a number, and what stands behind its header (a list of payloads is framed)."""
    folder.mkdir()

    def write(number, *parts, marker=MARKER, head=None):
        frames = [frame(part, marker) if isinstance(part, bytes) else bytes(part) for part in parts]
        data = b"".join([header(marker) if head is None else head, *frames])
        segment_path(folder, number).write_bytes(data)
        return data

    return write


def raw(data):
    """Bytes that are not framed."""
    return bytearray(data)


def test_nothing_yet(folder, reader):
    """Where there is no folder, or no segment, there is nothing to read or to remove."""
    assert reader.read(BEGINNING, 10, 1000) == []
    reader.release(BEGINNING)

    folder.mkdir()
    assert reader.read(BEGINNING, 10, 1000) == []


def test_in_order(journal, reader):
    """Records come in order over segments, numbers being sparse, each with the position behind it."""
    journal(3, b"one", b"two")
    journal(50, b"three")
    records = read_all(reader)

    assert payloads(records) == [b"one", b"two", b"three"]
    assert [record.position_after.segment for record in records] == [3, 3, 50]
    for place, record in enumerate(records):
        assert payloads(read_all(reader, record.position_after)) == payloads(records[place + 1 :])


@pytest.mark.parametrize(
    ("limit_records", "limit_bytes", "count"),
    [
        pytest.param(2, 10**6, 2, id="records"),
        pytest.param(100, 25, 3, id="bytes"),
        pytest.param(100, 1, 1, id="at least one"),
        pytest.param(100, 10**6, 6, id="neither"),
    ],
)
def test_limits(journal, reader, limit_records, limit_bytes, count):
    """Reading ends at the first limit that is reached, over segment borders, and gives at least one record."""
    journal(1, *[b"." * 10] * 4)
    journal(2, *[b"." * 10] * 2)

    assert len(reader.read(BEGINNING, limit_records, limit_bytes)) == count


def test_what_comes_later(folder, journal, reader):
    """A record that is appended after everything was read is found, in the same segment or the next."""
    data = journal(1, b"one")
    [first] = read_all(reader)
    assert reader.read(first.position_after, 10, 1000) == []

    segment_path(folder, 1).write_bytes(data + frame(b"two", MARKER))
    [second] = reader.read(first.position_after, 10, 1000)
    journal(2, b"three")
    [third] = reader.read(second.position_after, 10, 1000)

    assert (second.payload, third.payload) == (b"two", b"three")


def test_append_under_way(folder, journal, reader):
    """In the newest segment a frame that is not whole yet is waited for at every byte of it, and read when it is."""
    data = journal(1, b"one")
    [one] = read_all(reader)
    whole = data + frame(b"two", MARKER)
    for size in range(len(data), len(whole)):
        segment_path(folder, 1).write_bytes(whole[:size])
        assert reader.read(one.position_after, 10, 1000) == []
    segment_path(folder, 1).write_bytes(whole)

    assert payloads(reader.read(one.position_after, 10, 1000)) == [b"two"]
    assert reader.damaged == 0


def test_header_under_way(folder, journal, reader):
    """A newest segment whose header is not whole yet is waited for."""
    whole = journal(1, b"one")
    for size in range(HEADER_SIZE):
        segment_path(folder, 1).write_bytes(whole[:size])
        assert reader.read(BEGINNING, 10, 1000) == []
    segment_path(folder, 1).write_bytes(whole)

    assert payloads(read_all(reader)) == [b"one"]


@pytest.mark.parametrize("cut", range(1, len(frame(b"torn", MARKER))))
def test_torn_tail(journal, reader, cut):
    """A finished segment's last frame, cut at any byte, is passed over and counted once, however often one asks."""
    journal(1, b"one", raw(frame(b"torn", MARKER)[:cut]))
    journal(2)
    [one] = read_all(reader)
    for _ in range(3):
        assert reader.read(one.position_after, 10, 1000) == []
    journal(3, b"two")

    assert payloads(reader.read(one.position_after, 10, 1000)) == [b"two"]
    assert (reader.damaged, reader.damaged_bytes) == (1, cut)


@pytest.mark.parametrize("seed", range(20))
def test_corruption(folder, journal, reader, seed):
    """Of segments with bytes changed at random in the middle all untouched frames are read, in order."""
    chance = random.Random(seed)
    expected = []
    for number in range(1, 4):
        written = [chance.randbytes(chance.choice((5, 500, 5000))) for _ in range(30)]
        frames = [frame(payload, MARKER) for payload in written]
        for place in chance.sample(range(30), 4):
            damaged = bytearray(frames[place])
            damaged[chance.randrange(len(damaged))] ^= chance.randint(1, 255)
            frames[place] = bytes(damaged)
            written[place] = None
        journal(number, *map(raw, frames))
        expected += [payload for payload in written if payload is not None]

    assert payloads(read_all(reader)) == expected
    assert reader.damaged > 0


def test_hole(journal, reader):
    """A stretch of zeros longer than a read, as a power loss leaves it, is passed over."""
    journal(1, b"one", raw(b"\x00" * 3 * WINDOW_BYTES), b"two", raw(b"\x00" * 2 * WINDOW_BYTES))
    journal(2, b"three")

    assert payloads(read_all(reader)) == [b"one", b"two", b"three"]
    assert (reader.damaged, reader.damaged_bytes) == (2, 5 * WINDOW_BYTES)


def test_larger_than_a_read(journal, reader):
    """Records larger than what is read at once come whole, among small ones."""
    large = [random.Random(seed).randbytes(WINDOW_BYTES * 3 + seed) for seed in range(3)]
    journal(1, b"a", large[0], large[1], b"b", large[2])

    assert payloads(read_all(reader)) == [b"a", large[0], large[1], b"b", large[2]]


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"", id="empty file"),
        pytest.param(header(MARKER)[:7], id="cut header"),
        pytest.param(header(MARKER), id="header only"),
        pytest.param(b"\x00" * 100, id="zeros"),
    ],
)
def test_empty_segments(folder, journal, reader, head):
    """Segments without a record are passed over, at the beginning and in the middle, and can be removed."""
    for number in (1, 2, 4):
        journal(number, head=head)
    journal(3, b"one")
    journal(5, b"two")
    records = read_all(reader)
    reader.release(records[-1].position_after)

    assert payloads(records) == [b"one", b"two"]
    assert segments(folder) == [5]


def test_damaged_header(journal, reader):
    """A segment whose header is damaged is read by its first frame's marker, or by that of the segment before."""
    journal(1, b"one", head=b"?" * HEADER_SIZE)
    journal(2, raw(b"?" * 30), b"two", head=b"?" * HEADER_SIZE)
    journal(3, b"three", marker=b"8-marker")
    journal(4, raw(b"?" * 30), b"four", head=b"?" * HEADER_SIZE)
    journal(5, b"five")

    assert payloads(read_all(reader)) == [b"one", b"two", b"three", b"four", b"five"]
    assert reader.damaged == 2


def test_nothing_but_frames(journal, reader):
    """Where header and first frame are gone, what the most of the file is made of is found, and not what lies in it."""
    planted = frame(b"planted", b"8-marker")
    data = journal(1, b"one", planted * 3, b"three", head=b"?" * HEADER_SIZE)
    path = segment_path(reader._folder, 1)
    path.write_bytes(b"?" * (HEADER_SIZE + 10) + data[HEADER_SIZE + 10 :])

    assert payloads(read_all(reader)) == [planted * 3, b"three"]


def test_what_is_damaged_is_kept(folder, journal, reader):
    """A segment of which something could not be read is kept under another name; a torn append is no damage."""
    damaged = journal(1, b"one", raw(b"?" * 30), b"two")
    journal(2, b"three", raw(frame(b"torn", MARKER)[:-1]))
    journal(3, b"four", raw(frame(b"torn", MARKER)[:5]))
    newer = journal(4, raw(b"something that we do not know"), head=b"TEELOGJ2")
    journal(5, b"five")
    records = read_all(reader)
    reader.release(records[-1].position_after)

    assert payloads(records) == [b"one", b"two", b"three", b"four", b"five"]
    assert segments(folder) == [5]
    kept = sorted(folder.glob("*.damaged"))
    assert [path.name[:20] for path in kept] == [f"{number:016d}.log" for number in (1, 4)]
    assert [path.read_bytes() for path in kept] == [damaged, newer]


def test_any_position(folder, journal, reader):
    """From a position within a frame, a header, or behind the end, reading goes on with the next whole record."""
    size = len(journal(1, b"one", b"two"))
    journal(2, b"three")
    everything = [(record.position_after, record.payload) for record in read_all(reader)]
    for offset in (0, 5, *range(HEADER_SIZE, size + 10)):
        expected = [
            payload
            for after, payload in everything
            if after.segment == 2 or after.offset - len(frame(payload, MARKER)) >= offset or offset < HEADER_SIZE
        ]
        assert payloads(read_all(JournalReader(folder), Position(1, offset))) == expected


def test_release(folder, journal, reader):
    """Finished segments before a position are removed; its own only when all of it is read, the newest never."""
    for number in (1, 2, 3):
        journal(number, b"one", b"two")
    records = read_all(reader)

    reader.release(records[2].position_after)
    assert segments(folder) == [2, 3]
    reader.release(records[3].position_after)
    assert segments(folder) == [2, 3]
    assert payloads(reader.read(records[3].position_after, 10, 1000)) == [b"one", b"two"]
    reader.release(records[5].position_after)
    assert segments(folder) == [3]


def test_finished_later(folder, journal, reader):
    """A segment that was read to its end before it was finished is removed once it is, though nothing new comes."""
    journal(1, b"one")
    [one] = read_all(reader)
    reader.release(one.position_after)
    assert segments(folder) == [1]

    journal(2)
    assert reader.read(one.position_after, 10, 1000) == []
    reader.release(one.position_after)
    assert segments(folder) == [2]
    assert reader.read(one.position_after, 10, 1000) == []


def test_after_restart(folder, journal, reader):
    """A new reader goes on at a position whose segment is gone, and removes what an old one left."""
    for number in (1, 2, 3):
        journal(number, b"%d" % number)
    [one, two, _] = read_all(reader)
    reader.release(one.position_after)
    segment_path(folder, 2).unlink()
    journal(1, b"left by a crash")
    again = JournalReader(folder)

    again.release(two.position_after)
    assert segments(folder) == [3]
    assert payloads(read_all(again, two.position_after)) == [b"3"]


def test_removed_while_reading(folder, journal, reader):
    """Segments that somebody removes while they are read are passed over."""
    for number in range(1, 5):
        journal(number, b"%d" % number)
    [one] = reader.read(BEGINNING, 1, 1000)
    segment_path(folder, 2).unlink()
    segment_path(folder, 3).unlink()

    assert payloads(read_all(reader, one.position_after)) == [b"4"]
    reader.release(Position(4, 0))
    assert segments(folder) == [4]


def test_emptied_folder(folder, journal, reader):
    """A position behind all segments, as after somebody emptied the folder, hides nothing."""
    journal(5, b"new")

    assert payloads(read_all(reader, Position(99, 1234))) == [b"new"]


def test_successor_that_vanishes(folder, journal, reader):
    """A successor that the writer removed again, having no room for its header, makes nothing come twice."""
    journal(1, b"one")
    [one] = read_all(reader)
    journal(2, head=b"")
    assert reader.read(one.position_after, 10, 1000) == []
    segment_path(folder, 2).unlink()

    assert reader.read(one.position_after, 10, 1000) == []
    journal(3, b"two")
    assert payloads(reader.read(one.position_after, 10, 1000)) == [b"two"]


def test_unreadable_segment(folder, journal, reader):
    """A finished segment that the machine does not give back is set aside for a person, and the others are read."""
    journal(1, b"one")
    segment_path(folder, 2).mkdir()
    journal(3, b"three")
    records = read_all(reader)
    reader.release(records[-1].position_after)

    assert payloads(records) == [b"one", b"three"]
    assert reader.damaged == 1
    assert sorted(os.listdir(folder)) == ["0000000000000002.unreadable", "0000000000000003.log"]


def test_no_right_to_read(folder, journal, reader):
    """A segment that cannot be opened for now is an error, not a loss: it is there at the next try."""
    journal(1, b"one")
    loop = segment_path(folder, 2)
    loop.symlink_to(loop)
    journal(3, b"three")
    [one] = reader.read(BEGINNING, 1, 1000)

    with pytest.raises(OSError, match="symbolic"):
        reader.read(one.position_after, 10, 1000)
    loop.unlink()
    journal(2, b"two")
    assert payloads(read_all(reader, one.position_after)) == [b"two", b"three"]


def test_files_are_closed(folder, journal, reader):
    """However many segments are read, one is open at a time, and none after the end."""
    for number in range(1, 9):
        journal(number, b"one")
    read_all(reader)

    def open_files():
        return [fd for fd in os.listdir("/proc/self/fd") if str(folder) in os.path.realpath(f"/proc/self/fd/{fd}")]

    assert len(open_files()) == 1
    reader.close()
    assert open_files() == []
