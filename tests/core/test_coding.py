"""Content codings undone within bounds."""

import gzip
import time
import tracemalloc
import zlib

import brotli
import pytest

from proxy.core import coding
from proxy.core.coding import decode, zstd
from proxy.errors import RecordUnreadable

TEXT = b'{"messages": "' + bytes(range(256)) * 40 + b'"}'


def raw_deflate(data):
    engine = zlib.compressobj(wbits=-15)
    return engine.compress(data) + engine.flush()


CODED = {
    "none": ("", TEXT),
    "identity": ("identity", TEXT),
    "gzip": ("gzip", gzip.compress(TEXT)),
    "x-gzip, in capitals": (" X-GZIP ", gzip.compress(TEXT)),
    "gzip members": ("gzip", gzip.compress(TEXT[:999]) + gzip.compress(TEXT[999:])),
    "gzip with padding": ("gzip", gzip.compress(TEXT) + b"\0" * 512),
    "deflate": ("deflate", zlib.compress(TEXT)),
    "deflate without the zlib head": ("deflate", raw_deflate(TEXT)),
    "br": ("br", brotli.compress(TEXT)),
    "br of much": ("BR", brotli.compress(TEXT, quality=0, lgwin=24)),
    "zstd": ("zstd", zstd.compress(TEXT)),
    "zstd frames, one to be skipped": (
        "zstd",
        zstd.compress(TEXT[:999]) + b"\x5a\x2a\x4d\x18\x03\0\0\0abc" + zstd.compress(TEXT[999:]),
    ),
    "zstd with padding": ("zstd", zstd.compress(TEXT) + b"\0" * 9),
    "gzip, then br": ("gzip, br", brotli.compress(gzip.compress(TEXT))),
    "all": ("deflate,br , zstd", zstd.compress(brotli.compress(zlib.compress(TEXT)))),
    "chained": ("deflate, gzip", gzip.compress(zlib.compress(TEXT))),
}


@pytest.mark.parametrize(("name", "data"), CODED.values(), ids=CODED)
def test_decode(name, data):
    """A coded body comes back whole."""
    assert decode(data, name) == (TEXT, True)


def test_gzip_members_at_a_slice_border():
    """A member may end wherever the slices end that a body is fed in."""
    first = gzip.compress(bytes(range(256)) * 10)
    for filling in range(coding._STEP - 60, coding._STEP + 2):
        stored = gzip.compress(b"", 0)
        padding = raw_stored(filling - len(first))
        data = first + padding + stored + gzip.compress(b"end")
        assert decode(data, "gzip")[0].endswith(b"end")


def raw_stored(size):
    """A gzip member of about `size` bytes that deflate did not make smaller."""
    return gzip.compress(bytes(i * 37 % 251 for i in range(max(size - 23, 0))), 0)


LONG = b"".join(b'data: {"n":%d}\n\n' % (n * 7919) for n in range(90_000))
LONG_CODED = {
    "gzip": gzip.compress(LONG),
    "deflate": zlib.compress(LONG),
    "br": brotli.compress(LONG, quality=3),
    "zstd": zstd.compress(LONG),
}


@pytest.mark.parametrize("name", LONG_CODED)
def test_cut(name):
    """Of a body that was cut comes what came before the cut, and that it was cut."""
    data = LONG_CODED[name]
    text, whole = decode(data[: len(data) // 2], name)

    assert not whole
    assert LONG.startswith(text)
    assert len(text) > len(LONG) // 4


@pytest.mark.parametrize("name", LONG_CODED)
def test_flushed_events(name):
    """A stream whose events a server flushed one by one is read up to the last whole event."""
    flushed = {
        "gzip": lambda: (engine := zlib.compressobj(wbits=31)) and (engine.compress, lambda: engine.flush(2)),
        "deflate": lambda: (engine := zlib.compressobj()) and (engine.compress, lambda: engine.flush(2)),
        "br": lambda: (engine := brotli.Compressor()) and (engine.process, engine.flush),
        "zstd": lambda: (
            (engine := zstd.ZstdCompressor()) and (engine.compress, lambda: engine.flush(engine.FLUSH_BLOCK))
        ),
    }
    write, flush = flushed[name]()
    events = [b'data: {"choices":[{"delta":{"content":"%d"}}]}\n\n' % n for n in range(50)]
    data = b"".join(write(event) + flush() for event in events)

    assert decode(data, name) == (b"".join(events), False)


@pytest.mark.parametrize("name", LONG_CODED)
def test_never_coded(name):
    """A body that does not have the coding it claims gives nothing, and is not whole."""
    assert decode(b"<html>%s" % TEXT, name)[1] is False


def test_a_window_that_the_web_does_not_allow():
    """A zstd frame that asks for a window of over 8 MiB is not given it."""
    levels = {zstd.CompressionParameter.window_log: 27, zstd.CompressionParameter.enable_long_distance_matching: 1}
    data = zstd.compress(LONG * 10, options=levels)

    assert decode(data, "zstd") == (b"", False)


def test_damaged():
    """A damaged body gives what came before the damage; one that was never gzip gives nothing."""
    large = b"".join(b"%d," % (number * 7919) for number in range(40_000))
    data = bytearray(gzip.compress(large))
    data[-20_000:-19_000] = b"\xff" * 1000
    text, whole = decode(bytes(data), "gzip")

    assert (text[:50_000] == large[:50_000], whole) == (True, False)
    assert decode(TEXT, "gzip") == (b"", False)


def test_nothing():
    """An empty body is whole under any coding."""
    assert decode(b"", "gzip") == (b"", True)


@pytest.mark.parametrize("name", ["compress", "dcb", "gzip, lzma"])
def test_codings_not_known(name):
    """A coding that is not known is named in the refusal."""
    with pytest.raises(RecordUnreadable, match=name.split(", ")[-1]):
        decode(gzip.compress(TEXT), name)


BOMBS = {
    "over the ratio": ("gzip", lambda: gzip.compress(bytes(20_000_000))),
    "over the size": ("deflate", lambda: zlib.compress(bytes(range(256)) * 140_000, 1)),
    "br over the ratio": ("br", lambda: brotli.compress(bytes(20_000_000), quality=1)),
    "br over the size": ("br", lambda: brotli.compress(bytes(range(256)) * 140_000, quality=1)),
    "zstd over the ratio": ("zstd", lambda: zstd.compress(bytes(20_000_000))),
    "zstd over the size": ("zstd", lambda: zstd.compress(bytes(range(256)) * 140_000)),
    "many frames": ("zstd", lambda: zstd.compress(b"") * 10_001),
    "br in zstd": ("br, zstd", lambda: zstd.compress(brotli.compress(bytes(40_000_000), quality=1))),
    "gzip in gzip": ("gzip, gzip", lambda: gzip.compress(gzip.compress(bytes(20_000_000)))),
    "many members": ("gzip", lambda: gzip.compress(b"") * 10_001),
    "many codings": (", ".join(["gzip"] * 9), lambda: b""),
}


@pytest.mark.parametrize(("name", "body"), BOMBS.values(), ids=BOMBS)
def test_bombs(name, body):
    """A small body that would fill the memory is refused, at little cost."""
    data = body()
    began = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(RecordUnreadable):
            decode(data, name)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert time.process_time() - began < 2
    assert peak < 3 * coding.MAX_BYTES


def test_repetitive_streams_are_no_bombs():
    """A stream of half a megabyte of near-equal events is decoded."""
    data = b"".join(b'data: {"choices":[{"delta":{"content":"%d"}}]}\n\n' % n for n in range(10_000))

    assert decode(gzip.compress(data), "gzip") == (data, True)
