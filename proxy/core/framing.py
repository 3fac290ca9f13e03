"""HTTP/1.1 chunked framing, followed without touching the bytes (RFC 9112 §7.1).

`ChunkWalker` is fed every read as it came and says where the message ends; the bytes themselves travel on unchanged.
`dechunk` takes a whole recorded body apart. Both refuse what RFC 9112 does not allow with `ValueError`: a size that is
not plain hex, data not followed by CRLF, a bare LF, lines without end.
"""

from __future__ import annotations

import io

#: Chunk-size and trailer lines longer than this are an attack or garbage; real ones are under 20 bytes.
MAX_LINE = 16 * 1024
#: All trailer fields together (aiohttp allows a head of 32 KiB; nothing real sends 1 KiB of trailers).
MAX_TRAILERS = 32 * 1024

_CR, _LF = b"\r\n"
_HEX = frozenset(b"0123456789abcdefABCDEF")


#: Sizes of lines seen before: a stream's chunks have few lengths, and reading one with care costs as much as the rest.
_KNOWN_SIZES: dict[bytes, int] = {}
_MOST_KNOWN = 4096


#: By the length of a whole chunk, framing included, the size line (with its CRLF) that one so long began with last: a read
#: of that length that begins with it and ends in CRLF is one whole chunk.
SIZE_LINES: dict[int, bytes] = {}


def chunk_size(line: bytes) -> int:
    """The size that a chunk-size line (without its CRLF) names; extensions are allowed and ignored."""
    size = _KNOWN_SIZES.get(line)
    if size is None:
        size = _read_size(line)
        if len(_KNOWN_SIZES) < _MOST_KNOWN and len(line) < 8:
            _KNOWN_SIZES[line] = size
    return size


def _read_size(line: bytes) -> int:
    if len(line) > MAX_LINE:  # whether a read cuts it or not
        raise ValueError("a chunk-size line is too long")
    digits, _, extension = line.partition(b";")
    if extension or line.endswith(b";"):
        digits = digits.rstrip(b" \t")
    if not 0 < len(digits) <= 15 or not _HEX.issuperset(digits) or b"\n" in extension or b"\r" in extension:
        raise ValueError(f"chunk size {digits[:20]!r} is not hexadecimal")
    return int(digits, 16)


class ChunkWalker:
    """
    Follows chunk framing over reads cut anywhere.

    The usual read of one whole chunk is told by its length, its beginning and its end (`SIZE_LINES`).
    """

    __slots__ = ("_in_trailers", "_left", "_partial", "_trailer_bytes", "payload")

    def __init__(self, payload: list[bytes] | None = None) -> None:
        #: Where the data without its framing is put, for a client that does not know chunks (HTTP/1.0).
        self.payload = payload
        self._left = 0  # bytes still to come of the present chunk, its CRLF included
        self._partial = b""  # a line cut by a read
        self._in_trailers = False
        self._trailer_bytes = 0

    @property
    def is_between(self) -> bool:
        """Whether the next byte begins a chunk, and nothing is taken apart."""
        return not (self._left or self._partial or self._in_trailers or self.payload is not None)

    def feed(self, data: bytes) -> int:
        """The index in `data` just after the message's end, or -1 while it goes on; `ValueError` on bad framing."""
        was_between = self.is_between
        if was_between:
            line = SIZE_LINES.get(len(data))
            if line is not None and data.startswith(line) and data.endswith(b"\r\n"):
                return -1
        end = self._follow(data)
        if was_between and end < 0:
            _learn(data)
        return end

    def _follow(self, data: bytes) -> int:
        held = len(self._partial)
        if held:
            data, self._partial = self._partial + data, b""
        at, size = 0, len(data)
        while at < size:
            if self._left:
                step = min(self._left, size - at)
                if self.payload is not None and self._left > 2:
                    self.payload.append(data[at : at + min(step, self._left - 2)])
                at += step
                self._left -= step
                if self._left == 0:
                    if data[at - 1] != _LF or (step > 1 and data[at - 2] != _CR):
                        raise ValueError("chunk data is not followed by CRLF")
                elif self._left == 1 and data[at - 1] != _CR:
                    raise ValueError("chunk data is not followed by CRLF")
                continue
            end = data.find(b"\r\n", at)
            if end < 0:
                self._partial = data[at:]
                if len(self._partial) > MAX_LINE:
                    raise ValueError("a chunk-size or trailer line is too long")
                if b"\n" in self._partial:
                    raise ValueError("a bare LF in the chunk framing")
                return -1
            if self._in_trailers:
                self._trailer_bytes += end + 2 - at
                if self._trailer_bytes > MAX_TRAILERS:
                    raise ValueError("the trailer section is too long")
                if end == at:
                    return end + 2 - held
                if b"\n" in data[at:end]:
                    raise ValueError("a bare LF in the trailer section")
            else:
                length = chunk_size(data[at:end])
                if length:
                    self._left = length + 2
                else:
                    self._in_trailers = True
            at = end + 2
        return -1


def _learn(data: bytes) -> None:
    """Remember what a read begins with that is one whole chunk; its framing has been found good as far as it goes."""
    end = data.find(b"\r\n")
    if end < 0 or not data.endswith(b"\r\n"):
        return  # a size line that is cut is no chunk, whatever its length
    length = _KNOWN_SIZES.get(data[:end])
    if length and end + length + 4 == len(data) and (len(SIZE_LINES) < _MOST_KNOWN or len(data) in SIZE_LINES):
        SIZE_LINES[len(data)] = data[: end + 2]


def dechunk(data: bytes, start: int = 0) -> tuple[bytes, bool]:
    """The payload of a chunked body that begins at `start`, as far as it came, and whether its end was there; never raises."""
    # many small pieces in a list would be several times as large as they are, and a buffer that grows twice: it is made
    # as large as it may get
    out = io.BytesIO()
    out.seek(max(0, len(data) - start - 1))
    out.write(b"\0")
    out.seek(0)
    at = start
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return _written(out), False
        try:
            length = chunk_size(data[at:end])
        except ValueError:
            return _written(out), False
        if length == 0:
            return _written(out), data.startswith(b"\r\n", end + 2) or data.find(b"\r\n\r\n", end + 2) >= 0
        out.write(data[end + 2 : end + 2 + length])
        at = end + 2 + length + 2
        if at - 2 > len(data):
            return _written(out), False


def _written(out: io.BytesIO) -> bytes:
    out.truncate()
    return out.getvalue()
