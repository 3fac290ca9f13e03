"""The journal's format, both ways, as functions over bytes.

    segment = header, frames         header = b"TEELOGJ1" | marker (8) | crc32 of the two
    frame   = marker (8) | crc32 of the rest | u32 length | u8 flags | payload

The marker is 8 random bytes, new with every run of the writer: a reader that lost its way looks for it, and nobody who
can put bytes into a payload can put a frame of his own there. Numbers are big-endian.

A frame that is cut, or fails its checksum, is passed over and the next whole one is found; nothing here raises for what
it reads. What the checksum covers and a reader relies on is never longer than the data at hand.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

MAGIC = b"TEELOGJ1"
MARKER_SIZE = 8
#: Payloads over 4 KiB are compressed: below, a few bytes are saved and more time lost.
COMPRESS_OVER = 4 * 1024
#: Streams repeat themselves so much that zlib's quickest level already takes 53 KB to a few (51 µs, off the GIL).
COMPRESS_LEVEL = 1

_COMPRESSED = 1
_HEADER = struct.Struct(">8s8sI")
_FRAME = struct.Struct(">8sIIB")
_CHECKED = struct.Struct(">IB")
_CHECKED_AT = MARKER_SIZE + 4
#: Marker, checksum, a length under 256 MiB, flags.
_MAYBE_FRAME = re.compile(rb"(?=(.{8}).{4}[\x00-\x0f].{3}[\x00\x01])", re.DOTALL)
HEADER_SIZE = _HEADER.size
FRAME_SIZE = _FRAME.size


@dataclass(slots=True, frozen=True)
class Frame:
    """A whole frame that was found, and where it stands in the data."""

    start: int
    end: int
    payload: bytes


def header(marker: bytes) -> bytes:
    """What a segment begins with."""
    return _HEADER.pack(MAGIC, marker, zlib.crc32(MAGIC + marker))


def frame(payload: bytes, marker: bytes, compress_over: int = COMPRESS_OVER) -> bytes:
    """A payload as it stands in a segment, compressed if it is so large."""
    flags = 0
    if len(payload) > compress_over:
        packed = zlib.compress(payload, COMPRESS_LEVEL)
        if len(packed) < len(payload):
            payload, flags = packed, _COMPRESSED
    head = _CHECKED.pack(len(payload), flags)
    checksum = zlib.crc32(payload, zlib.crc32(marker + head))
    return b"%b%b%b%b" % (marker, checksum.to_bytes(4, "big"), head, payload)


def marker_of(data: bytes, *others: bytes) -> bytes | None:
    """
    The marker of a segment, out of its beginning; None when there is none.

    Where the header is damaged, the first frame's marker or one of the `others` stands in, if it leads to a frame; else
    the one that leads to the most of them.
    """
    if len(data) >= HEADER_SIZE:
        magic, marker, checksum = _HEADER.unpack_from(data)
        if magic == MAGIC and checksum == zlib.crc32(data[: HEADER_SIZE - 4]):
            return bytes(marker)
    for guess in (data[HEADER_SIZE : HEADER_SIZE + MARKER_SIZE], *others):
        if len(guess) == MARKER_SIZE and next(scan(data, guess), None):
            return guess
    return _likeliest(data)


def _likeliest(data: bytes) -> bytes | None:
    """The marker of the frames that cover most of the data: frames that somebody has put into a payload lie within."""
    covered: Counter[bytes] = Counter()
    tried: set[bytes] = set()
    for found in _MAYBE_FRAME.finditer(data):
        guess = found[1]
        if guess not in tried and _frame_at(data, found.start()):
            tried.add(guess)
            covered[guess] = sum(one.end - one.start for one in scan(data, guess))
            if covered[guess] > len(data) // 2:
                break
    return max(covered, key=covered.__getitem__, default=None)


def scan(data: bytes | bytearray, marker: bytes, start: int = 0) -> Iterator[Frame]:
    """The whole frames in a stretch of a segment, in order; what is damaged between them is passed over."""
    at = data.find(marker, start)
    while at >= 0:
        found = _frame_at(data, at)
        if found:
            yield found
        at = data.find(marker, found.end if found else at + 1)


def stated_size(data: bytes | bytearray, marker: bytes) -> int:
    """How many bytes the frame at the beginning of the data claims to have; as many as a head where no frame begins."""
    if len(data) < FRAME_SIZE or not data.startswith(marker):
        return FRAME_SIZE
    return FRAME_SIZE + int(_FRAME.unpack_from(data)[2])


def _frame_at(data: bytes | bytearray, at: int) -> Frame | None:
    begin = at + FRAME_SIZE
    if begin > len(data):
        return None
    marker, checksum, length, flags = _FRAME.unpack_from(data, at)
    end = begin + length
    if end > len(data):
        return None
    with memoryview(data) as whole, whole[at + _CHECKED_AT : end] as checked:
        if zlib.crc32(checked, zlib.crc32(marker)) != checksum:
            return None
        payload = bytes(checked[_CHECKED.size :])
    if flags & _COMPRESSED:
        try:
            payload = zlib.decompress(payload)
        except zlib.error:
            return None  # written so: the checksum is right, so reading again would not help
    return Frame(at, end, payload)
