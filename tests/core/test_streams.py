"""The streams in `tests/data/streams`, each named for the rule it shows."""

import gzip
import re
import zlib

import brotli
import pytest

from proxy.core.coding import zstd
from proxy.core.dialect import dialect_of
from proxy.core.sse import SseReader

from .cuts import ways
from .streams import NAMES, STREAMS, as_json, asked, case, read

CODINGS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstd.compress}
RULES = re.compile(r"[DSKTRMPL]\d{1,2}-[a-z0-9-]+")


def test_streams_are_whole():
    """There are sixty streams and more, each with its expectation, each named for a rule."""
    for name in NAMES:
        suffixes = sorted(path.suffix for path in STREAMS.glob(f"{name}.*"))
        assert len(suffixes) == 2, name
        assert ".json" in suffixes, name
        assert RULES.fullmatch(name), name
    assert len(NAMES) >= 100


def test_every_rule_has_a_stream():
    """Each rule that an answer or its request can show has a stream; the others are the relay's, or the log's form."""
    rules = {"D": 4, "S": 12, "K": 16, "T": 9, "R": 10, "P": 4}
    shown = {name.partition("-")[0] for name in NAMES}
    missing = {f"{kind}{at}" for kind, most in rules.items() for at in range(1, most + 1)} - shown

    assert missing == {"S9", "S10", "P3", "P4"}


@pytest.mark.parametrize("name", [name for name in NAMES if asked(name) is not None])
def test_requests(name):
    """The request of each stream whose rule is about it becomes the messages that stand beside it."""
    told, _ = case(name)
    found = dialect_of(told.method, told.target).read_request(told).messages

    assert [message.to_json() for message in found] == asked(name)


@pytest.mark.parametrize("name", NAMES)
def test_streams(name):
    """Each stream of ours becomes the message that stands beside it."""
    told, expected = case(name)
    answer = as_json(read(told))

    assert expected["choices"] is not None
    assert {key: answer[key] for key in expected} == expected


@pytest.mark.parametrize("name", [name for name in NAMES if (STREAMS / f"{name}.sse").exists()])
def test_any_cut(name):
    """A stream fed byte by byte or at seeded cuts gives the events that it gives whole."""
    body = (STREAMS / f"{name}.sse").read_bytes()
    found = []
    for reads in ways(body):
        reader = SseReader()
        found.append([event for read in reads for event in reader.feed(read)] + reader.close())

    assert all(events == found[0] for events in found)


@pytest.mark.parametrize("coding", CODINGS)
def test_coded(coding):
    """Each answer is read under each content coding as if it had none."""
    for name in NAMES:
        told, _ = case(name)
        plain = read(told)
        told.answer = CODINGS[coding](told.answer)
        told.answer_headers["content-encoding"] += f", {coding}"
        assert read(told) == plain, name
