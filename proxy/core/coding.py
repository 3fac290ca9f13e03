"""Content codings (RFC 9110 §8.4.1) undone for the record; what travels between client and upstream stays coded.

gzip, deflate, br (RFC 7932) and zstd (RFC 8878), chained too. Output is bounded twice, so that a small body cannot fill
the memory: by `MAX_BYTES` and, past the first mebibyte, by a ratio. What is over a bound, or coded in another way, is
`RecordUnreadable`. Data that is cut or damaged gives what came before the damage and `whole` false.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, NamedTuple, Protocol

import brotli  # type: ignore[import-untyped]

from ..errors import RecordUnreadable

try:
    from compression import zstd  # type: ignore[import-not-found, unused-ignore]  # since Python 3.14
except ImportError:
    from backports import zstd

if TYPE_CHECKING:
    from collections.abc import Callable

#: Bytes of one decoded body: what the relay records of a body at most.
MAX_BYTES = 32 * 1024 * 1024
#: The ratio says nothing about small bodies: a mebibyte is harmless.
RATIO_FROM = 1024 * 1024
#: Codings applied one after the other; real bodies have one.
MAX_CODINGS = 3
#: gzip members or zstd frames in one body; servers that flush by member write one per event.
MAX_MEMBERS = 10_000
#: RFC 9659: no zstd frame of the web needs a window over 8 MiB, whatever it asks for.
MAX_WINDOW_LOG = 23

#: What is undone at once: the output of one step may be a thousand times as large, and lies in memory twice.
_STEP = 4 * 1024
#: Output of one call to the brotli engine, which overshoots what it is told by a part of it.
_BROTLI_STEP = 1024 * 1024


class _Engine(Protocol):
    """What undoes one member; the engines of zlib and zstd are such already."""

    @property
    def eof(self) -> bool:
        """Whether the member has ended."""

    @property
    def unused_data(self) -> bytes:
        """What came after its end."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """About `max_length` bytes at most; as many may mean that there are more."""


class _Brotli:
    """The brotli engine in the manner of the others; a brotli stream is alone in its body."""

    unused_data = b""

    def __init__(self) -> None:
        self._engine = brotli.Decompressor()

    @property
    def eof(self) -> bool:
        return bool(self._engine.is_finished())

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        out = piece = self._engine.process(data, output_buffer_limit=_BROTLI_STEP)
        while piece and len(out) < max_length and not self.eof:
            piece = self._engine.process(b"", output_buffer_limit=_BROTLI_STEP)
            out += piece
        return bytes(out)


class _Coding(NamedTuple):
    begin: Callable[[], _Engine]
    error: type[Exception]
    #: Decoded bytes per coded byte that an honest body reaches. Streams of near-equal events reach about 150 in deflate,
    #: which itself ends at 1032, and 200 in the others.
    ratio: int
    #: With which bytes a further member begins; none where there is only one.
    member: bytes = b""


def _new_zstd() -> _Engine:
    engine: _Engine = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: MAX_WINDOW_LOG})
    return engine


_GZIP = _Coding(lambda: zlib.decompressobj(16 + zlib.MAX_WBITS), zlib.error, 200, b"\x1f")
_ZLIB = _Coding(lambda: zlib.decompressobj(zlib.MAX_WBITS), zlib.error, 200)
_BARE = _Coding(lambda: zlib.decompressobj(-zlib.MAX_WBITS), zlib.error, 200)
_BR = _Coding(_Brotli, brotli.error, 1000)
#: Frames begin with 0x28, the skippable ones with 0x50 to 0x5F.
_ZSTD = _Coding(_new_zstd, zstd.ZstdError, 1000, b"\x28" + bytes(range(0x50, 0x60)))


def decode(data: bytes, content_encoding: str) -> tuple[bytes, bool]:
    """A body without the codings its `Content-Encoding` names, and whether all of it was there."""
    codings = [name for part in content_encoding.split(",") if (name := part.strip().lower()) not in ("", "identity")]
    if len(codings) > MAX_CODINGS:
        raise RecordUnreadable(f"body has {len(codings)} content codings")
    whole = True
    for name in reversed(codings):
        data, intact = _undone(data, _coding(name, data))
        whole = whole and intact
    return data, whole


def _coding(name: str, data: bytes) -> _Coding:
    if name in ("gzip", "x-gzip"):
        return _GZIP
    if name == "deflate":
        return _ZLIB if _has_zlib_head(data) else _BARE
    if name == "br":
        return _BR
    if name == "zstd":
        return _ZSTD
    raise RecordUnreadable(f"body is coded as {name[:20]!r}, which is not decoded")


def _has_zlib_head(data: bytes) -> bool:
    """Some servers send deflate without the zlib wrapper that RFC 9110 asks for; RFC 1950 §2.2 tells them apart."""
    return len(data) >= 2 and data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0


def _undone(data: bytes, coding: _Coding) -> tuple[bytes, bool]:
    # (a buffer that grows would lie in memory twice while it does)
    out: list[bytes] = []
    size = 0
    limit = min(MAX_BYTES, max(RATIO_FROM, len(data) * coding.ratio))
    engine, members = coding.begin(), 1
    for start in range(0, len(data), _STEP):
        piece = data[start : start + _STEP]
        while piece:
            if engine.eof:
                if piece[0] not in coding.member:
                    return b"".join(out), True  # padding after the end, which every reader passes over
                engine, members = coding.begin(), members + 1
                if members > MAX_MEMBERS:
                    raise RecordUnreadable(f"body has more than {MAX_MEMBERS} members")
            try:
                decoded = engine.decompress(piece, limit + 1 - size)
            except coding.error:
                return b"".join(out), False
            out.append(decoded)
            size += len(decoded)
            if size > limit:
                raise RecordUnreadable(f"body of {len(data)} bytes decodes to more than {limit}")
            piece = engine.unused_data
    return b"".join(out), engine.eof or not data
