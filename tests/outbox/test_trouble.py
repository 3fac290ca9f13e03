"""Something that fails for a while."""

import structlog

from proxy.outbox.trouble import Trouble


def test_it_is_told_when_it_begins_and_when_it_ends():
    """However often it fails in between, and however often it works afterwards."""
    trouble = Trouble("it.fails", "it.works", sink="analytics")
    with structlog.testing.capture_logs() as lines:
        trouble.off()
        for number in range(3):
            trouble.on(reason=f"reason {number}")
        trouble.off()
        trouble.off()
        trouble.on(reason="again")

    assert lines == [
        {"event": "it.fails", "sink": "analytics", "reason": "reason 0", "log_level": "error"},
        {"event": "it.works", "sink": "analytics", "log_level": "info"},
        {"event": "it.fails", "sink": "analytics", "reason": "again", "log_level": "error"},
    ]


def test_it_is_told_as_the_log_is_configured():
    """The log may be configured long after this module was read, as it is in every process."""
    kept = structlog.get_config()
    try:
        structlog.configure(processors=[structlog.testing.LogCapture()])
        capture = structlog.get_config()["processors"][0]
        Trouble("it.fails", "it.works").on()
    finally:
        structlog.configure(**kept)

    assert [line["event"] for line in capture.entries] == ["it.fails"]
