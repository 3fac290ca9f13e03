"""Content codings (RFC 9110 §8.4.1) undone for the record; what travels between client and upstream stays coded.

gzip and deflate, chained too. Output is bounded twice, so that a small body cannot fill the memory: by `MAX_BYTES` and,
past the first mebibyte, by `MAX_RATIO`. What is over a bound, or coded in another way, is `RecordUnreadable`. Data that
is cut or damaged gives what came before the damage and `whole` false.
"""

from __future__ import annotations

import zlib

from ..errors import RecordUnreadable

#: Bytes of one decoded body: what the relay records of a body at most.
MAX_BYTES = 32 * 1024 * 1024
#: Decoded bytes per coded byte. Streams of near-equal events reach about 50; deflate itself ends at 1032.
MAX_RATIO = 200
#: The ratio says nothing about small bodies: a mebibyte is harmless.
RATIO_FROM = 1024 * 1024
#: Codings applied one after the other; real bodies have one.
MAX_CODINGS = 3
#: gzip members in one body; servers that flush by member write one per event.
MAX_MEMBERS = 10_000

_STEP = 16 * 1024
#: How every gzip member begins.
_MEMBER = b"\x1f"


def decode(data: bytes, content_encoding: str) -> tuple[bytes, bool]:
    """A body without the codings its `Content-Encoding` names, and whether all of it was there."""
    codings = [name for part in content_encoding.split(",") if (name := part.strip().lower()) not in ("", "identity")]
    if len(codings) > MAX_CODINGS:
        raise RecordUnreadable(f"body has {len(codings)} content codings")
    whole = True
    for name in reversed(codings):
        data, intact = _undo(data, name)
        whole = whole and intact
    return data, whole


def _undo(data: bytes, name: str) -> tuple[bytes, bool]:
    if name in ("gzip", "x-gzip"):
        return _inflate(data, 16 + zlib.MAX_WBITS)
    if name == "deflate":
        return _inflate(data, zlib.MAX_WBITS if _has_zlib_head(data) else -zlib.MAX_WBITS)
    raise RecordUnreadable(f"body is coded as {name[:20]!r}, which is not decoded")


def _has_zlib_head(data: bytes) -> bool:
    """Some servers send deflate without the zlib wrapper that RFC 9110 asks for; RFC 1950 §2.2 tells them apart."""
    return len(data) >= 2 and data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0


def _inflate(data: bytes, window: int) -> tuple[bytes, bool]:
    out = bytearray()
    limit = min(MAX_BYTES, max(RATIO_FROM, len(data) * MAX_RATIO))
    engine, members = zlib.decompressobj(window), 1
    for start in range(0, len(data), _STEP):
        piece = data[start : start + _STEP]
        while piece:
            if engine.eof:
                if window <= zlib.MAX_WBITS or not piece.startswith(_MEMBER):
                    return bytes(out), True  # padding after the end, which every reader passes over
                engine, members = zlib.decompressobj(window), members + 1
                if members > MAX_MEMBERS:
                    raise RecordUnreadable(f"body has more than {MAX_MEMBERS} gzip members")
            try:
                out += engine.decompress(piece, limit + 1 - len(out))
            except zlib.error:
                return bytes(out), False
            if len(out) > limit:
                raise RecordUnreadable(f"body of {len(data)} bytes decodes to more than {limit}")
            piece = engine.unused_data
    return bytes(out), engine.eof or not data
