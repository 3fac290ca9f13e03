"""An exchange written while it goes on: its parts join to what the whole would have been."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from proxy.core.capture import Capture, CapturedHead
from proxy.core.capture_rules import CaptureRules
from proxy.core.checkpoint import Checkpoint, Part, joined
from proxy.core.exchange import decode

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
KEY = b"sk-0123456789abcdef"
EVENTS = b"".join(b'data: {"n": %d, "quoted": "%b"}\n\n' % (n, KEY) for n in range(40))


def capture(*pieces, head_size=None, **values):
    raw = ((b"Content-Type", b"application/json"), (b"Authorization", b"Bearer " + KEY))
    head = CapturedHead("POST", "/v1/chat/completions", "", "1", raw, CaptureRules())
    known = {"status": 200, "first_byte": 5, "head_size": head_size or len(HEAD)} if pieces else {}
    fields = {"interrupted": "crash", "ended": 10, "framing": "length", **known, **values}
    return Capture("an-id", head, b'{"key": "%b"}' % KEY, 1, pieces=list(pieces), **fields)


def parts(first, *later):
    """What is written for a capture and the pieces that follow it, one part for each list."""
    checkpoint = Checkpoint("an-id")
    written = [Part(checkpoint, first, (), 10).encode()]
    return written + [Part(checkpoint, None, pieces, 20 + n).encode() for n, pieces in enumerate(later)]


@pytest.mark.parametrize("seed", range(20))
def test_parts_join_to_the_whole(seed):
    """However an answer is cut into parts, they join to the exchange as it would be written at once."""
    rng = random.Random(seed)
    cuts = sorted(rng.randrange(len(EVENTS)) for _ in range(rng.randrange(1, 12)))
    pieces = [EVENTS[a:b] for a, b in zip([0, *cuts], [*cuts, len(EVENTS)], strict=True)]
    first = rng.randrange(len(pieces))
    found = joined(parts(capture(HEAD, *pieces[:first]), *([one] for one in pieces[first:])))

    whole = decode(capture(HEAD, EVENTS).encode())
    assert decode(found) == replace(whole, ended=20 + len(pieces) - first - 1)
    assert KEY not in found


@pytest.mark.parametrize("cut", range(len(KEY) + 2))
def test_half_a_key_is_not_written(cut):
    """A key that two parts share is not written, not even its beginning."""
    before, after = b"data: " + KEY[:cut], KEY[cut:] + b"\n\n"
    written = b"".join(parts(capture(HEAD, before), [after]))

    assert KEY[:8] not in written
    assert joined(parts(capture(HEAD, before), [after])).endswith(b"data: " + b"*" * len(KEY) + b"\n\n")


def test_a_key_that_a_chunk_cuts_in_a_first_part():
    """The first part of an answer in chunks stays in chunks, whatever it quotes: what follows comes in chunks, too."""
    head = HEAD.replace(b"text/event-stream", b"application/json")
    chunks = [b"%x\r\n%b\r\n" % (len(one), one) for one in (b'{"k":"' + KEY[:9], KEY[9:] + b'", ', b'"more": 1}')]
    first = capture(head, *chunks[:2], head_size=len(head), framing="chunked")
    found = decode(joined(parts(first, [chunks[2]], [b"0\r\n\r\n"])))

    assert found.answer.startswith(b'{"k":"')
    assert found.answer.endswith(b'", "more": 1}')


def test_the_head_comes_after_the_first_part():
    """A request that was written while the upstream was silent is written again once there is a head."""
    checkpoint = Checkpoint("an-id")
    written = [Part(checkpoint, one, (), 10).encode() for one in (capture(), capture(HEAD, b"data: 1\n\n"))]
    written.append(Part(checkpoint, None, [b"data: 2\n\n"], 30).encode())

    assert (decode(joined(written[:1])).status, decode(joined(written[:1])).interrupted) == (0, "crash")
    found = decode(joined(written))
    assert (found.status, found.answer, found.ended) == (200, b"data: 1\n\ndata: 2\n\n", 30)


def test_what_follows_a_gap_is_left_out():
    """A part that is missing ends the answer there."""
    written = parts(capture(HEAD, b"1"), [b"2"], [b"3"], [b"4"])
    del written[2]

    assert decode(joined(written)).answer == b"12"


@pytest.mark.parametrize("parts", [[], [b""], [b"?"], [b"+" + bytes(20)]], ids=["none", "empty", "odd", "no beginning"])
def test_nothing_to_join(parts):
    """Without a beginning there is no exchange."""
    assert joined(parts) is None


def test_a_coded_answer_is_not_written():
    """Of an answer under a content coding the request and the head are kept: what it quotes cannot be seen in parts."""
    head = HEAD.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    first, more = parts(capture(head, b"\x1f\x8b", head_size=len(head)), [b"coded"])

    assert more == b""
    found = decode(joined([first]))
    assert (found.status, found.answer) == (200, b"")
