"""The journal's format: every whole frame is found, whatever lies around it."""

import random
import zlib

import pytest

from proxy.journal.frame import (
    COMPRESS_OVER,
    FRAME_SIZE,
    HEADER_SIZE,
    frame,
    header,
    marker_of,
    scan,
    stated_size,
)

MARKER = b"\x00mArKeR\xff"
PAYLOADS = [b"first", b"", b"x" * (COMPRESS_OVER + 1), b"\x00" * 50, MARKER, b"last"]


def payloads(data, marker=MARKER, start=0):
    return [found.payload for found in scan(data, marker, start)]


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"one", id="small"),
        pytest.param(b"z" * COMPRESS_OVER, id="just not compressed"),
        pytest.param(b"z" * (COMPRESS_OVER + 1), id="just compressed"),
        pytest.param(random.Random(1).randbytes(100_000), id="gets no smaller"),
        pytest.param(MARKER * 3, id="the marker itself"),
    ],
)
def test_round_trip(payload):
    """A payload comes out of its frame as it went in, and the frame knows its size."""
    data = frame(payload, MARKER)

    assert payloads(data) == [payload]
    assert stated_size(data, MARKER) == len(data)


def test_compresses():
    """A large payload that repeats itself takes a fraction of its size; a small one is left as it is."""
    assert len(frame(b"data: {}\n\n" * 5000, MARKER)) < 1000
    assert b"small" * 20 in frame(b"small" * 20, MARKER)


def test_frames_know_their_places():
    """Frames stand one behind the other."""
    data = b"".join(frame(payload, MARKER) for payload in PAYLOADS)
    found = list(scan(data, MARKER))

    assert [each.start for each in found] == [0] + [each.end for each in found[:-1]]
    assert found[-1].end == len(data)


def test_torn_tail():
    """A last frame that is cut at any byte is not found, and all before it are."""
    before = b"".join(frame(payload, MARKER) for payload in PAYLOADS)
    last = frame(b"torn", MARKER)

    for size in range(len(last)):
        assert payloads(before + last[:size]) == PAYLOADS


@pytest.mark.parametrize("seed", range(40))
def test_corruption(seed):
    """Of frames with bytes changed at random all untouched ones are found, and no other."""
    chance = random.Random(seed)
    written = [chance.randbytes(chance.randrange(200)) for _ in range(40)]
    frames = [frame(payload, MARKER) for payload in written]
    whole = list(written)
    for place in chance.sample(range(40), 8):
        damaged = bytearray(frames[place])
        for at in chance.sample(range(len(damaged)), chance.randint(1, 3)):
            damaged[at] ^= chance.randint(1, 255)
        frames[place] = bytes(damaged)
        whole[place] = None

    assert payloads(b"".join(frames)) == [payload for payload in whole if payload is not None]


@pytest.mark.parametrize("junk", [b"", b"\x00" * 5000, b"junk", MARKER, MARKER * 9, MARKER[:3], header(MARKER)])
def test_junk_between(junk):
    """What lies between frames is passed over: holes of zeros, scraps, markers with nothing behind them."""
    data = junk + frame(b"one", MARKER) + junk + frame(b"two", MARKER) + junk

    assert payloads(data) == [b"one", b"two"]


def test_nested():
    """A frame of another run inside a torn payload is not taken for one: nobody can write the marker of this run."""
    torn = frame(frame(b"forged", b"guessed!") + b"." * 500, MARKER)[:-1]

    assert payloads(torn) == []


def test_bad_compression():
    """A frame whose checksum is right and whose payload does not decompress is passed over."""
    head = (4).to_bytes(4, "big") + b"\x01"
    bad = MARKER + zlib.crc32(MARKER + head + b"what").to_bytes(4, "big") + head + b"what"

    assert payloads(bad + frame(b"next", MARKER)) == [b"next"]


def test_from_the_middle():
    """A scan that starts within a frame finds the next one."""
    data = frame(b"one", MARKER) + frame(b"two", MARKER)

    assert payloads(data, start=1) == [b"two"]


def test_header():
    """A segment's beginning gives its marker; where it is too short there is none."""
    data = header(MARKER)

    assert len(data) == HEADER_SIZE
    assert marker_of(data) == MARKER
    for size in range(HEADER_SIZE):
        assert marker_of(data[:size]) is None


@pytest.mark.parametrize("at", range(HEADER_SIZE))
def test_damaged_header(at):
    """With any byte of the header changed, the first frame's marker stands in, or one that is known, or that of others."""
    damaged = bytearray(header(MARKER))
    damaged[at] ^= 0x55
    good = frame(b"payload", MARKER)

    assert marker_of(bytes(damaged) + good) == MARKER
    assert marker_of(bytes(damaged) + b"?" + good[1:] + good) == MARKER
    assert marker_of(bytes(damaged) + b"?" + good[1:] + good, b"", MARKER) == MARKER
    assert marker_of(bytes(damaged)) is None


def test_stated_size():
    """A beginning that is too short, or no frame's, claims one head."""
    assert stated_size(MARKER, MARKER) == FRAME_SIZE
    assert stated_size(b"?" * 50, MARKER) == FRAME_SIZE
