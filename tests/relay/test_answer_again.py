"""An answer's head that is like one before it: it comes to what it would come to alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import UpstreamBroken
from proxy.relay import answer_again
from proxy.relay.answer_again import MOST_KINDS, read_again
from proxy.relay.answer_head import read_answer_head

FIRST = (
    b"HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 05:00:00 GMT\r\nContent-Type: application/json\r\n"
    b"Content-Length: 1045\r\nConnection: keep-alive\r\nx-request-id: req_1\r\nx-teelog-id: before\r\n\r\n"
)

LINES = st.sampled_from([
    b"Date: a", b"Date: b", b"date: a", b"X-Id: 1", b"X-Id:2", b"X-Id:", b"Content-Length: 0", b"Content-Length: 5", b"Content-Length: 17",
    b"content-length:5", b"Content-Length: 05", b"Content-Length:5 ", b"Content-Length: x", b"Content-Length: " + b"9" * 19,
    b"Content-Type: text/event-stream", b"Content-Type: application/json", b"Content-Encoding: gzip",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: gzip, chunked", b"Connection: close", b"Connection: keep-alive",
    b"Connection: X-Id", b"Keep-Alive: timeout=5", b"x-teelog-id: 1", b" folded", b"X-Id : 1", b"X-Id: \x00", b"X-Id: \n", b"",
])  # fmt: skip
VALUES = st.sampled_from([b" 1", b"", b" 17", b" \n", b" \r", b" \x00", b" close"])
STATUSES = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.1 200", b"HTTP/1.0 200 OK", b"HTTP/1.1 204 X", b"HTTP/1.1 429 Y"]
)
METHODS = st.sampled_from(["POST", "POST", "HEAD"])


@st.composite
def alike(draw):
    """A head, and others that differ from it, or from the last, in a line."""
    status, lines = draw(STATUSES), draw(st.lists(LINES, min_size=1, max_size=4))
    many = []
    for _ in range(draw(st.integers(2, 6))):
        many.append((b"\r\n".join([status, *lines, b"", b""]), draw(METHODS)))
        other = lines.copy() if draw(st.booleans()) else lines
        at = draw(st.integers(0, len(lines) - 1))
        name, colon, _ = other[at].partition(b":")
        other[at] = draw(LINES) if draw(st.booleans()) else name + colon + draw(VALUES)
        many.append((b"\r\n".join([status, *other, b"", b""]), many[-1][1]))
    return many


def said(read, head, method):
    """What a head comes to, or that it is refused."""
    try:
        return read(head, method)
    except UpstreamBroken as error:
        return str(error)


@settings(max_examples=500)
@given(alike())
def test_every_head_comes_to_what_it_says(many):
    """Whatever heads were read before it, each is read, or refused, as if it were the only one."""
    for head, method in many:
        assert said(read_again, head, method) == said(read_answer_head, head, method)


ALIKE = {
    "a-date": (b"05:00:00", b"05:00:01"),
    "an-id": (b"req_1", b"req_another"),
    "a-length": (b"Length: 1045", b"Length: 7"),
    "nothing": (b"", b""),
}


@pytest.mark.parametrize("name", ALIKE)
def test_what_differs_in_values_alone_is_not_read_with_care(name, monkeypatch):
    """A head with another date, id or length costs a comparison, and comes to its own length and fields."""
    read_again(FIRST, "POST")
    head = FIRST.replace(*ALIKE[name])
    expected = read_answer_head(head, "POST")
    monkeypatch.setattr(answer_again, "read_answer_head", None)

    assert read_again(head, "POST") == expected
    assert expected.length == (7 if name == "a-length" else 1045)
    assert b"Connection" not in expected.forward
    assert b"teelog" not in expected.forward


@pytest.mark.parametrize(("method", "status"), [("HEAD", b"200 OK"), ("POST", b"304 Not Modified")])
def test_a_length_without_a_body(method, status):
    """Of answers that have a length and no body none comes to have one, whatever length came before."""
    for length in (0, 5, 0, 7):
        head = b"HTTP/1.1 %b\r\nX-Zero: 1\r\nContent-Length: %d\r\n\r\n" % (status, length)
        assert read_again(head, method).length == 0


def test_what_is_remembered_is_bounded():
    """An upstream that has new words for each status is read all the same, and not remembered for ever."""
    for number in range(3 * MOST_KINDS):
        head = FIRST.replace(b"200 OK", b"200 %d" % number)
        assert read_again(head, "POST") == read_answer_head(head, "POST")
    assert len(answer_again._known) <= MOST_KINDS
