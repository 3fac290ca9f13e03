"""Chunked framing, followed and taken apart."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core import framing
from proxy.core.framing import MAX_LINE, MAX_TRAILERS, ChunkWalker, dechunk

GOOD = {
    "one": (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    "several": (b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", b"abc"),
    "empty": (b"0\r\n\r\n", b""),
    "upper-and-lower": (b"A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", b"0123456789" * 2),
    "leading-zeros": (b"0005\r\nhello\r\n000\r\n\r\n", b"hello"),
    "extension": (b'5;name="v;x"\r\nhello\r\n0;last\r\n\r\n', b"hello"),
    "extension-after-space": (b"5 ;x\r\nhello\r\n0\r\n\r\n", b"hello"),
    "trailers": (b"5\r\nhello\r\n0\r\nX-A: b\r\nX-C: d\r\n\r\n", b"hello"),
    "line-ends-inside": (b"8\r\n\r\n0\r\n\r\nx\r\n0\r\n\r\n", b"\r\n0\r\n\r\nx"),
}
BAD = {
    "not-hex": b"xyz\r\n",
    "signed": b"+5\r\nhello\r\n",
    "spaced": b" 5\r\nhello\r\n",
    "underscore": b"1_0\r\n",
    "prefixed": b"0x5\r\nhello\r\n",
    "empty-size": b"\r\nhello\r\n",
    "extension-alone": b";x\r\n",
    "too-large": b"fffffffffffffffff\r\n",
    "no-line-end-after-data": b"5\r\nhelloXX0\r\n\r\n",
    "half-a-line-end-after-data": b"5\r\nhello\rX0\r\n\r\n",
    "bare-lf-in-a-size": b"5\nhello\r\n",
    "long-size-that-ends": b"1;" + b"x" * MAX_LINE + b"\r\n",
    "endless-size": b"1" + b";" + b"x" * (MAX_LINE + 10),
    "endless-trailers": b"0\r\n" + b"X: y\r\n" * MAX_TRAILERS,
}


def cuts(data: bytes, seed: int) -> list[bytes]:
    rng = random.Random(seed)
    places = sorted({0, len(data), *(rng.randrange(len(data)) for _ in range(5))})
    return [data[a:b] for a, b in zip(places, places[1:], strict=False)]


def splits(data: bytes):
    yield [data]
    yield [data[i : i + 1] for i in range(len(data))]
    for seed in range(20):
        yield cuts(data, seed)


@pytest.mark.parametrize("name", GOOD)
def test_the_end_is_found_at_every_split(name):
    """Whole, byte by byte and cut anywhere: the end is the same, the payload too, and what follows is not touched."""
    framed, payload = GOOD[name]
    for pieces in splits(framed):
        out: list[bytes] = []
        walker = ChunkWalker(out)
        ends = [walker.feed(piece) for piece in pieces]

        assert ends[:-1] == [-1] * (len(ends) - 1)
        assert ends[-1] == len(pieces[-1])
        assert b"".join(out) == payload
    walker = ChunkWalker()
    assert walker.feed(framed + b"HTTP/1.1 200 OK") == len(framed)


@pytest.mark.parametrize("name", BAD)
def test_what_rfc_9112_does_not_allow_is_refused_at_every_split(name):
    """Framing that two readers could read in two ways is a `ValueError`, wherever it is cut."""
    for pieces in splits(BAD[name][:200]) if len(BAD[name]) < 200 else [[BAD[name]], cuts(BAD[name], 1)]:
        walker = ChunkWalker()
        with pytest.raises(ValueError, match=r"chunk|trailer|LF"):
            for piece in pieces:
                walker.feed(piece)


@pytest.mark.parametrize("name", GOOD)
def test_a_recorded_body_is_taken_apart_as_far_as_it_came(name):
    """A whole body gives its payload and its end; every prefix gives a prefix, and no end."""
    framed, payload = GOOD[name]

    assert dechunk(framed) == (payload, True)
    for at in range(len(framed)):
        part, whole = dechunk(framed[:at])
        assert payload.startswith(part)
        assert not whole


@given(st.binary(max_size=60), st.integers(0, 1000))
@settings(max_examples=300, deadline=None)
def test_any_bytes_give_the_same_at_every_split(data, seed):
    """Whatever comes, the walker ends, goes on, or refuses, and does the same however it is cut."""

    def outcome(pieces: list[bytes]):
        walker = ChunkWalker()
        done = 0
        for piece in pieces:
            try:
                end = walker.feed(piece)
            except ValueError:
                return "refused"
            if end >= 0:
                return done + end
            done += len(piece)
        return "goes on"

    whole = outcome([data])
    cut = outcome(cuts(data, seed)) if data else whole
    # a refusal may be seen earlier in larger reads: a bare LF is only looked for in what is left over
    assert cut == whole or "refused" in (cut, whole)
    assert isinstance(dechunk(data)[0], bytes)


@pytest.fixture
def size_lines():
    """What is remembered for the whole process, as it was before."""
    before = dict(framing.SIZE_LINES)
    yield framing.SIZE_LINES
    framing.SIZE_LINES.clear()
    framing.SIZE_LINES.update(before)


@pytest.mark.parametrize(
    ("chunk", "cut"),
    [
        (b"0002\r\nab\r\n", b"0002\r"),
        (b"2;ab\r\nab\r\n", b"2;ab\r"),
        (b"0002\r\nab\r\n", b"00021"),
        (b"0a\r\n0123456789\r\n", b"0a\r\n0123456789\r"),
    ],
)
def test_a_cut_chunk_teaches_nothing(size_lines, chunk, cut):
    """A read that ends within a chunk is not remembered as a whole one: other streams end where they end."""
    size_lines.clear()
    one = ChunkWalker()
    one.feed(chunk)
    one.feed(cut)

    assert [*size_lines] == [len(chunk)]
    assert ChunkWalker().feed(b"0\r\n\r\n") == 5


def test_a_size_line_by_itself_is_no_chunk(size_lines):
    """Whatever another stream has taught, a size line that comes alone begins a chunk that follows."""
    size_lines.clear()
    one, two = ChunkWalker(), ChunkWalker()
    one.feed(b"1;a\r\nx\r\n")
    one.feed(b"1;a\r")

    assert two.feed(b"17\r\n") == -1
    assert two.feed(b'data: {"x": 12345678}\n\n\r\n') == -1
    assert two.feed(b"0\r\n\r\n") == 5


@given(
    st.lists(
        st.sampled_from([b"1", b"01", b"001", b"0002", b"2", b"2;a", b"2;ab", b"5", b"A", b"0a", b"a"]), max_size=6
    ),
    st.integers(0, 1000),
)
@settings(deadline=None, max_examples=300)
def test_what_is_remembered_is_one_whole_chunk(lines, seed):
    """However sizes are spelled and reads are cut, each size line that is remembered names the length it stands for."""
    body = b"".join(line + b"\r\n" + b"x" * int(line.partition(b";")[0], 16) + b"\r\n" for line in lines)
    walker = ChunkWalker()
    for piece in cuts(body, seed) if body else ():
        walker.feed(piece)

    for size, line in framing.SIZE_LINES.items():
        assert line.endswith(b"\r\n")
        assert int(line.partition(b";")[0].rstrip(), 16) + len(line) + 2 == size
