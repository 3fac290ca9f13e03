"""Content codings undone within bounds."""

import gzip
import time
import zlib

import pytest

from proxy.core import coding
from proxy.core.coding import decode
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


@pytest.mark.parametrize("name", ["gzip", "deflate"])
def test_cut(name):
    """Of a body that was cut comes what came before the cut, and that it was cut."""
    _, data = CODED[name]
    text, whole = decode(data[:-30], name)

    assert not whole
    assert TEXT.startswith(text)
    assert text


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


@pytest.mark.parametrize("name", ["br", "zstd", "gzip, br", "compress"])
def test_codings_not_known(name):
    """A coding that is not known is named in the refusal."""
    with pytest.raises(RecordUnreadable, match=name.split(", ")[-1]):
        decode(gzip.compress(TEXT), name)


BOMBS = {
    "over the ratio": ("gzip", lambda: gzip.compress(bytes(20_000_000))),
    "over the size": ("deflate", lambda: zlib.compress(bytes(range(256)) * 140_000, 1)),
    "gzip in gzip": ("gzip, gzip", lambda: gzip.compress(gzip.compress(bytes(20_000_000)))),
    "many members": ("gzip", lambda: gzip.compress(b"") * 10_001),
    "many codings": (", ".join(["gzip"] * 9), lambda: b""),
}


@pytest.mark.parametrize(("name", "body"), BOMBS.values(), ids=BOMBS)
def test_bombs(name, body):
    """A small body that would fill the memory is refused, at little cost."""
    data = body()
    began = time.process_time()
    with pytest.raises(RecordUnreadable):
        decode(data, name)

    assert time.process_time() - began < 2


def test_repetitive_streams_are_no_bombs():
    """A stream of half a megabyte of near-equal events is decoded."""
    data = b"".join(b'data: {"choices":[{"delta":{"content":"%d"}}]}\n\n' % n for n in range(10_000))

    assert decode(gzip.compress(data), "gzip") == (data, True)
