"""Server-sent events: the rules of WHATWG HTML §9.2, at any cut."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.core.sse import Event, SseReader

from .cuts import ways


def events_of(reads, limit=1 << 20):
    reader = SseReader(limit)
    events = [event for read in reads for event in reader.feed(read)]
    return events + reader.close(), reader.dropped


def ended(*pairs):
    return [Event(name, data, True) for name, data in pairs]


CASES = {
    "one event": (b"data: a\n\n", ended(("", b"a"))),
    "CRLF": (b"data: a\r\n\r\ndata: b\r\n\r\n", ended(("", b"a"), ("", b"b"))),
    "CR": (b"data: a\r\rdata: b\r\r", ended(("", b"a"), ("", b"b"))),
    "mixed line ends": (b"data: a\r\n\ndata: b\n\r\ndata: c\r\n\r", ended(("", b"a"), ("", b"b"), ("", b"c"))),
    "byte order mark": (b"\xef\xbb\xbfdata: a\n\n", ended(("", b"a"))),
    "second byte order mark": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", ended(("", b"b"))),
    "without a space": (b"data:a\n\n", ended(("", b"a"))),
    "two spaces": (b"data:  a\n\n", ended(("", b" a"))),
    "two data lines": (b"data: a\ndata: b\n\n", ended(("", b"a\nb"))),
    "data line without a colon": (b"data: a\ndata\n\n", ended(("", b"a\n"))),
    "empty data": (b"data\n\ndata:\n\ndata: \n\n", []),
    "event name": (b"event: error\ndata: a\n\ndata: b\n\n", ended(("error", b"a"), ("", b"b"))),
    "name without data": (b"event: ping\n\ndata: a\n\n", ended(("", b"a"))),
    "comments and other fields": (b": hi\n\nid: 7\nretry: 9\nfoo\n data: x\ndata: a\n\n", ended(("", b"a"))),
    "field names are exact": (b"Data: a\ndatas: b\n\n", []),
    "what only looks like a line end": (
        "data: a\u2028b\u0085c\x0bd\x0ce\n\n".encode(),
        ended(("", "a\u2028b\u0085c\x0bd\x0ce".encode())),
    ),
    "bytes that are not UTF-8": (b"event: \xff\ndata: \xff\x00\n\n", ended(("\ufffd", b"\xff\x00"))),
    "no blank line at the end": (b"data: a\n\ndata: b\n", [*ended(("", b"a")), Event("", b"b", False)]),
    "no line end at the end": (b"event: e\ndata: b", [Event("e", b"b", False)]),
    "nothing": (b"", []),
    "blank lines": (b"\n\r\n\r\r\n", []),
}


@pytest.mark.parametrize(("body", "expected"), CASES.values(), ids=CASES)
def test_events(body, expected):
    """A body gives the same events whole, byte by byte and at seeded cuts."""
    for reads in ways(body):
        assert events_of(reads) == (expected, 0)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.sampled_from([b"data", b"event", b":", b" ", b"\r", b"\n", b"\r\n", b"\n\n", b"x" * 9, b"\xff"])),
    st.lists(st.integers(0, 200)),
    st.integers(16, 40),
)
@example([b"data", b":", b"x" * 9, b"\r", b"\n", b"\r"], [11, 12], 16)
def test_any_bytes_at_any_cut(pieces, places, limit):
    """Any bytes give the same events and the same count of lost ones at any cut, and never an exception."""
    body = b"".join(pieces)
    places = sorted({min(place, len(body)) for place in places})
    reads = [body[start:end] for start, end in zip([0, *places], [*places, len(body)], strict=True)]
    assert events_of(reads, limit) == events_of([body], limit)


@settings(deadline=None)
@given(st.binary(), st.integers(0, 100))
def test_noise(body, place):
    """Noise raises nothing and does not depend on where it is cut."""
    assert events_of([body[:place], body[place:]]) == events_of([body])


def test_event_over_the_limit_is_lost_alone():
    """An event over the limit is counted and left out; those before and after it come."""
    long_line, many_lines = b"data: " + b"x" * 100 + b"\ndata: y\n\n", b"data: xxxxxxxxx\n" * 9 + b"\n"
    body = b"data: a\n\n" + long_line + b": " + b"c" * 100 + b"\n" + many_lines + b"data: b\n\n"
    for reads in ways(body):
        assert events_of(reads, limit=50) == (ended(("", b"a"), ("", b"b")), 2)


@pytest.mark.parametrize("length", range(40, 56))
def test_a_mark_before_a_line_at_the_limit(length):
    """Whether the first line is over the limit does not depend on the byte order mark before it, nor on the reads."""
    line = b"data: " + b"x" * (length - 6)
    body = b"\xef\xbb\xbf" + line + b"\n\ndata: b\n\n"
    over = length > 50
    for reads in ways(body):
        assert events_of(reads, limit=50) == (ended(*([] if over else [("", line[6:])]), ("", b"b")), over)


def test_large_event_in_small_reads_takes_linear_time():
    """A 10 MB event fed in reads of 1,000 bytes costs little more than its bytes."""
    body = b"data: " + b"x" * 10_000_000 + b"\n\n"
    began = time.process_time()
    events, _ = events_of([body[at : at + 1000] for at in range(0, len(body), 1000)], limit=len(body))
    took = time.process_time() - began

    assert len(events[0].data) == 10_000_000
    assert took < 1  # re-joining at each read would move 50 GB


def test_memory_is_bounded():
    """A line without end is held up to the limit only."""
    reader = SseReader(limit=1000)
    for _ in range(1000):
        reader.feed(b"data: " * 100)

    assert len(reader._line) <= 1004
