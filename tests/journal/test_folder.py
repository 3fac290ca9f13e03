"""The folder: segments begin and end in time, and a machine that refuses is asked again."""

import os
from pathlib import Path

import pytest

from proxy.journal.folder import FolderSink, Limits, resting, segment_path, segments
from proxy.journal.frame import HEADER_SIZE, frame
from proxy.journal.reader import JournalReader

from .journals import files_limited, payloads, read_all, swapped

MARKER = b"marker-8"
FRAME = frame(b"." * 83, MARKER)  # 100 bytes


class Clock:
    """Seconds, moved by hand."""

    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def sink(folder, clock):
    """Makes sinks, and closes them."""
    folder.mkdir()
    sinks = []

    def make(max_bytes=10**9, segment_bytes=1000, power=False):
        sinks.append(FolderSink(folder, MARKER, Limits(max_bytes, segment_bytes, 1.0, clock), power=power))
        return sinks[-1]

    yield make
    for sink in sinks:
        sink.close()


def test_begins_at_once(folder, sink):
    """A new run begins a segment of its own, with its header, readable by its owner only."""
    sink()
    sink()
    paths = [segment_path(folder, number) for number in segments(folder)]

    assert [path.stat().st_size for path in paths] == [HEADER_SIZE, HEADER_SIZE]
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}


def test_numbers_grow(folder, sink):
    """A number is never used again: not after a run from the future, nor when the folder was emptied."""
    folder.joinpath("0000000000000007.log").touch()
    folder.joinpath("8999999999999999.log").touch()
    sink()
    assert segments(folder)[-1] == 9_000_000_000_000_000

    for number in segments(folder):
        segment_path(folder, number).unlink()
    sink()
    assert segments(folder)[0] > 1_700_000_000_000_000


def test_a_stray_number(folder, sink):
    """A file whose number leaves no room for later ones gets one that does, and hides nothing."""
    segment_path(folder, 9_999_999_999_999_999).write_bytes(b"stray")
    segment_path(folder, 7).write_bytes(b"ordinary")
    sink()
    numbers = segments(folder)

    assert [segment_path(folder, number).read_bytes()[:5] for number in numbers] == [b"ordin", b"stray", b"TEELO"]
    assert numbers[-1] < 9_000_000_000_000_000


def test_other_files(folder, sink):
    """What is not named like a segment is none, and neither is anything where there is no folder."""
    for name in ("1.log", "0000000000000001.log~", "a000000000000001.log", "0000000000000001.unreadable"):
        folder.joinpath(name).touch()

    assert segments(folder) == []
    assert segments(Path("/nowhere")) == []


def test_full_segment(folder, sink):
    """A segment that has reached its size gets a successor at the next append."""
    full = sink(segment_bytes=300)
    for _ in range(6):
        assert full.write([FRAME]) == [""]

    sizes = [segment_path(folder, number).stat().st_size for number in segments(folder)]
    assert sizes == [HEADER_SIZE + 300, HEADER_SIZE + 300]


def test_old_segment(folder, sink, clock):
    """A segment is finished a second after its first record, in a quiet moment; an empty one is not."""
    quiet = sink()
    assert quiet.due() is None

    quiet.write([FRAME])
    clock.now += 0.75
    assert quiet.due() == 0.25
    quiet.tidy()
    assert len(segments(folder)) == 1

    clock.now += 0.5
    assert quiet.due() == 0
    quiet.tidy()
    assert len(segments(folder)) == 2
    assert quiet.due() is None


def test_closing(folder, sink, reader):
    """At the end the last segment is finished too, so that the reader can remove all that was recorded."""
    last = sink()
    last.write([FRAME])
    last.close()
    records = read_all(reader)
    reader.release(records[-1].position_after)

    assert len(records) == 1
    assert [segment_path(folder, number).stat().st_size for number in segments(folder)] == [HEADER_SIZE]


@pytest.mark.parametrize("power", [False, True])
def test_disk_full(folder, sink, power):
    """On a full disk what fitted is stored, the rest is lost with its reason, and later records are stored again."""
    small = sink(power=power)
    with files_limited(HEADER_SIZE + 250):
        assert small.write([FRAME] * 4) == ["", "", "disk_full", "disk_full"]
    assert small.write([FRAME]) == [""]

    assert len(payloads(read_all(JournalReader(folder)))) == 3


def test_torn_segment_is_left(folder, sink):
    """A segment in which an append was cut is never appended to again; one that just did not grow is."""
    small = sink()
    with files_limited(HEADER_SIZE + 200):
        assert small.write([FRAME] * 3) == ["", "", "disk_full"]
        assert small.write([FRAME]) == ["disk_full"]
    assert small.write([FRAME]) == [""]
    assert len(segments(folder)) == 1

    with files_limited(HEADER_SIZE + 350):
        assert small.write([FRAME]) == ["disk_full"]
        assert small.write([FRAME]) == [""]
    assert len(segments(folder)) == 2


def test_no_room_for_a_segment(folder, sink, clock):
    """Where not even a header fits, each append tries again and so does the clock, and nothing is left behind."""
    with files_limited(5):
        small = sink()
        assert segments(folder) == []
        assert small.write([FRAME, FRAME]) == ["disk_full", "disk_full"]
        assert small.due() == 1.0
        small.tidy()
        assert segments(folder) == []

    small.tidy()
    assert len(segments(folder)) == 1


def test_no_room_for_a_successor(folder, sink):
    """A segment whose successor could not be begun is finished all the same: the reader may have seen the attempt."""
    small = sink(segment_bytes=100)
    assert small.write([FRAME]) == [""]
    with files_limited(5):
        assert small.write([FRAME]) == ["disk_full"]
    assert small.write([FRAME]) == [""]

    sizes = [segment_path(folder, number).stat().st_size for number in segments(folder)]
    assert sizes == [HEADER_SIZE + 100, HEADER_SIZE + 100]


def test_folder_is_gone(folder, sink, clock):
    """A segment goes on while no successor can be made; when the folder is back, so are the segments."""
    orphan = sink()
    orphan.write([FRAME])
    folder.rename(folder.with_name("moved"))
    clock.now += 2
    assert orphan.write([FRAME]) == [""]
    assert orphan.due() == 1.0

    folder.mkdir()
    clock.now += 2
    assert orphan.write([FRAME]) == [""]
    assert len(segments(folder)) == 1


def test_write_error(folder, sink):
    """A write that fails for another reason is counted so, and the next one goes into a new segment."""
    unlucky = sink()
    with Path("/dev/null").open("rb") as null, swapped(folder, segments(folder)[0], null.fileno()):
        assert unlucky.write([FRAME]) == ["write_error"]

    assert unlucky.write([FRAME]) == [""]
    assert len(segments(folder)) == 2


def test_sync_error(folder, sink):
    """With durability power nothing is stored when the disk did not confirm it, and the next goes into a new segment."""
    unlucky = sink(power=True)
    reading, writing = os.pipe()
    with swapped(folder, segments(folder)[0], writing):
        assert unlucky.write([FRAME, FRAME]) == ["sync_error", "sync_error"]
    os.close(reading)
    os.close(writing)

    assert unlucky.write([FRAME]) == [""]
    assert len(segments(folder)) == 2


def test_bound(folder, sink, clock):
    """Over the bound on all segments records are lost with their reason; the reader's removals count within a second."""
    bound = sink(max_bytes=2 * HEADER_SIZE + 450, segment_bytes=200)
    assert bound.write([FRAME]) == [""]
    assert bound.write([FRAME]) == [""]
    assert bound.write([FRAME] * 4) == ["", "", "journal_full", "journal_full"]
    assert bound.write([FRAME]) == ["journal_full"]

    segment_path(folder, segments(folder)[0]).unlink()
    assert bound.write([FRAME]) == ["journal_full"]
    clock.now += 1
    assert bound.write([FRAME]) == [""]


def test_bound_after_restart(folder, sink):
    """What an earlier run left behind counts against the bound."""
    sink().write([FRAME] * 5)

    assert sink(max_bytes=600).write([FRAME]) == ["journal_full"]


def test_what_rests_in_the_files(folder, sink):
    """Records are weighed without the files' headers, and are as old as the oldest file that has any."""
    assert resting(folder.parent / "none", 5000.0) == (0, 0.0)

    made = sink()
    assert resting(folder, 5000.0) == (0, 0.0)
    made.write([FRAME, FRAME])
    for number in segments(folder):
        os.utime(segment_path(folder, number), (4990.0, 4990.0))
    assert resting(folder, 5000.0) == (200, 10.0)


def test_the_disk_has_a_reserve(folder, clock):
    """What the disk has left is not used up: frames that would go into the reserve are refused as on a full disk."""
    folder.mkdir()
    found = os.statvfs(folder)
    free = found.f_bavail * found.f_frsize
    for reserve, reasons in ((free // 2, ["", ""]), (free * 2, ["disk_full", "disk_full"])):
        sink = FolderSink(folder, MARKER, Limits(10**9, 1000, 1.0, clock, reserve), power=False)
        assert sink.write([frame(b"one", MARKER), frame(b"two", MARKER)]) == reasons
        sink.close()
