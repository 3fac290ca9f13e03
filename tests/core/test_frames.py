"""WebSocket frames, followed over reads cut anywhere."""

from __future__ import annotations

import random

import pytest

from proxy.core.frames import FrameWalker, close_frame

LENGTHS = (0, 1, 125, 126, 65535, 65536, 70_000)


def frame(opcode: int, payload: bytes, *, masked: bool, fin: bool = True) -> bytes:
    """A frame as RFC 6455 §5.2 draws it."""
    size = len(payload)
    first = bytes([(0x80 if fin else 0) | opcode])
    mask = 0x80 if masked else 0
    if size < 126:
        head = bytes([mask | size])
    elif size < 65536:
        head = bytes([mask | 126]) + size.to_bytes(2)
    else:
        head = bytes([mask | 127]) + size.to_bytes(8)
    if not masked:
        return first + head + payload
    key = b"\x01\x02\x03\x04"
    return first + head + key + bytes(byte ^ key[at % 4] for at, byte in enumerate(payload))


def cuts(data: bytes, seed: int) -> list[bytes]:
    chance = random.Random(seed)
    at, out = 0, []
    while at < len(data):
        step = chance.choice((1, 2, 3, 7, 64, 5000, 100_000))
        out.append(data[at : at + step])
        at += step
    return out


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_frames_are_counted_however_they_are_cut(masked, seed):
    """Every frame is counted once, and its end is known, whatever the reads."""
    walker = FrameWalker(masked=masked)
    frames = [frame(opcode, b"x" * length, masked=masked) for length in LENGTHS for opcode in (1, 2, 0, 9)]
    for piece in cuts(b"".join(frames), seed):
        walker.feed(piece)

    assert walker.frames == len(frames)
    assert walker.between
    assert not walker.closed


@pytest.mark.parametrize("masked", [True, False])
def test_every_byte_alone(masked):
    """Fed byte by byte, a walker is between frames exactly at their ends."""
    walker = FrameWalker(masked=masked)
    for length in (0, 5, 126, 300):
        data = frame(1, b"y" * length, masked=masked)
        for at in range(len(data)):
            walker.feed(data[at : at + 1])
            assert walker.between == (at == len(data) - 1)


def test_a_close_frame_is_seen():
    """A Close frame is seen once its head is there, also in one read with others."""
    walker = FrameWalker(masked=False)
    walker.feed(frame(1, b"bye", masked=False) + close_frame(1001)[:1])
    assert not walker.closed
    walker.feed(close_frame(1001)[1:])

    assert walker.closed
    assert walker.between
    assert close_frame(1001) == frame(8, b"\x03\xe9", masked=False)


WRONG = {
    "unmasked-of-a-client": (True, frame(1, b"x", masked=False)),
    "masked-of-a-server": (False, frame(1, b"x", masked=True)),
    "over-2^63": (False, b"\x82\x7f\x80" + b"\x00" * 7),
    "http-of-a-client": (True, b"GET / HTTP/1.1\r\n"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_frame_is_refused(name):
    """A frame that breaks the framing is a `ValueError`, also in the second place."""
    masked, data = WRONG[name]
    walker = FrameWalker(masked=masked)
    with pytest.raises(ValueError, match="frame"):
        FrameWalker(masked=masked).feed(data)
    walker.feed(frame(2, b"first", masked=masked))
    with pytest.raises(ValueError, match="frame"):
        walker.feed(data)
