"""What `/status` makes of the counts."""

from __future__ import annotations

import pytest

from proxy.health import LATELY_SECONDS, health

SINK = {"depth": 0, "failing": 0, "oldest_seconds": 0.0, "last_error": None, "dead": {}}


def told(failed=None, **sink):
    return {"sinks": {"analytics": SINK | sink}, "failed_exchanges": failed or {"count": 0, "newest_seconds": None}}


FINE = told()
STOPPED = {"depth": 3, "failing": 1, "oldest_seconds": 7300.0, "last_error": "it said so", "stopped_seconds": 7200.0}
#: What happened: lost lately, the recorder's status, its fault; then the colour, and what is said of it and to be done.
CASES = {
    "fine": ({}, FINE, "", "green"),
    "some wait, none failed": ({}, told(depth=3, oldest_seconds=1.0), "", "green"),
    "waiting": (
        {},
        told(depth=3, failing=1, oldest_seconds=7300.0, last_error="it answered 503"),
        "",
        "degraded",
        "3 wait for analytics, the longest for 2 h: it answered 503",
        "delivery.url",
    ),
    "down": (
        {},
        told(**STOPPED, stopped="down"),
        "",
        "degraded",
        "3 wait",
        "it said so (for 2 h now)",
        "twice a minute",
    ),
    "busy": ({}, told(**STOPPED, stopped="busy"), "", "degraded", "it said so", "by itself", "recovery_per_second"),
    "key": ({}, told(**STOPPED, stopped="key"), "", "degraded", "it said so", "into delivery.api_key, and restart"),
    "address": ({}, told(**STOPPED, stopped="address"), "", "degraded", "it said so", "correct delivery.url"),
    "rejects": ({}, told(**STOPPED, stopped="rejects"), "", "degraded", "it said so", "retry what was set aside"),
    "buried": ({}, told(dead={"refused": 2}), "", "degraded", "2 dead letters for analytics, refused", "teelog outbox"),
    "buried and new ones go out": ({}, told(depth=1, dead={"refused": 2}, last_error="400"), "", "degraded", "2 dead"),
    "unread": ({}, told({"count": 4, "newest_seconds": 60.0}), "", "degraded", "4 exchanges", "--state failed"),
    "unread long ago": ({}, told({"count": 4, "newest_seconds": LATELY_SECONDS}), "", "green"),
    "disk": ({"disk_full": 7}, FINE, "", "red", "7 exchanges of the last 15 min were not recorded", "free some of it"),
    "journal": ({"journal_full": 1}, FINE, "", "red", "journal.max_bytes"),
    "a reason that nobody thought of": ({"moon": 1}, FINE, "", "red", "not recorded: moon"),
    "too large": ({"too_large": 1}, FINE, "", "degraded", "journal.record_max_bytes"),
    "store": ({}, {"error": "disk I/O error"}, "", "red", "the recorder cannot say how it is: disk I/O error"),
    "refusing": (
        {},
        FINE | {"waits": "the disk is full"},
        "",
        "red",
        "nothing is recorded for now, exchanges wait in the journal: the disk is full",
    ),
    "nobody": ({}, {}, "the schema is newer", "red", "the recorder does not answer: the schema is newer"),
}


@pytest.mark.parametrize("name", CASES)
def test_health_says_how_it_is_and_why(name):
    """Loss and silence are red, what is not delivered is degraded, and every reason says what to do."""
    lost, recorder, fault, colour, *parts = CASES[name]

    found = health(lost, recorder, fault)
    assert found["health"] == colour
    assert len(found["why"]) == (1 if parts else 0)
    assert all(part in found["why"][0] for part in parts)


def test_the_worst_comes_first():
    """What is red stands before what is degraded."""
    found = health({"too_large": 1, "disk_full": 1}, told(dead={"refused": 1}))

    assert found["health"] == "red"
    assert [line.split()[0:3] for line in found["why"]][0] == ["1", "exchanges", "of"]
    assert "disk" in found["why"][0]
    assert len(found["why"]) == 3


@pytest.mark.parametrize(
    ("disk", "lost", "colour", "said"),
    [
        ("unknown", {"disk_full": 1}, "red", "1 exchanges"),
        ("full", {"disk_full": 1}, "red", "1 exchanges"),
        ("full", {}, "red", "nothing can be recorded now: the disk of data_dir is full"),
        ("nearly", {"disk_full": 1}, "degraded", "nearly full"),
        ("nearly", {}, "degraded", "nearly full"),
        ("", {"disk_full": 1}, "green", None),
        ("", {"disk_full": 1, "write_error": 1}, "red", "refuses to be written"),
    ],
)
def test_the_disk(disk, lost, colour, said):
    """A full disk is red even when nobody talks; what was lost to it is no trouble any more once it has room."""
    found = health(lost, FINE, disk=disk)

    assert found["health"] == colour
    assert [said in line for line in found["why"]] == ([True] if said else [])
