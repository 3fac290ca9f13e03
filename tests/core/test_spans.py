"""Times as people write and read them."""

import pytest

from proxy.core.spans import moment, size_text, span_seconds, span_text

NOW = 1_700_000_000_000


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("36h", 129_600), ("7d", 604_800)])
def test_spans(text, seconds):
    """A number and a unit."""
    assert span_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "7", "d", "-7d", "7 d", "7w", "1.5h", "٣d", "9999999999d"])
def test_no_spans(text):
    """Anything else is named with what is allowed."""
    with pytest.raises(ValueError, match="allowed: a span such as"):
        span_seconds(text)


MOMENTS = {
    "2023-11-14": 1_699_920_000_000,
    "2023-11-14T22:13:20": NOW,
    "2023-11-14T22:13:20Z": NOW,
    "2023-11-14T23:13:20+01:00": NOW,
    "1h": NOW - 3_600_000,
}


@pytest.mark.parametrize("text", MOMENTS)
def test_moments(text):
    """Dates and times are UTC unless they say otherwise; a span is so long ago."""
    assert moment(text, NOW) == MOMENTS[text]


@pytest.mark.parametrize("text", ["yesterday", "", "2023-13-01"])
def test_no_moments(text):
    """Anything else is named with what is allowed."""
    with pytest.raises(ValueError, match="allowed: 2026-01-31"):
        moment(text, NOW)


SPANS = {
    -1: "0 s", 0: "0 s", 119: "119 s", 120: "2 min", 7199: "119 min", 7200: "2 h", 147_600: "41 h",
    259_200: "3 d", 1e9: "11,574 d",
}  # fmt: skip


@pytest.mark.parametrize("seconds", SPANS)
def test_spans_in_words(seconds):
    """One number and its unit."""
    assert span_text(seconds) == SPANS[seconds]


SIZES = {0: "0 B", 999: "999 B", 1000: "1.0 KB", 12_345: "12 KB", 1_400_000_000: "1.4 GB", 5e12: "5.0 TB"}


@pytest.mark.parametrize("size", SIZES)
def test_sizes_in_words(size):
    """One number and its unit."""
    assert size_text(size) == SIZES[size]
