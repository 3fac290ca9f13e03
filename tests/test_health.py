"""What `/status` makes of the counts."""

from __future__ import annotations

import pytest

from proxy.health import health

FINE = {"sinks": {"analytics": {"depth": 0, "last_error": None, "dead": {}}}}
WAITING = {"sinks": {"analytics": {"depth": 3, "last_error": "it answered 503", "dead": {}}}}
BURIED = {"sinks": {"analytics": {"depth": 0, "last_error": "it answered 400", "dead": {"refused": 2}}}}
CASES = {
    "fine": ({}, FINE, "", "green", []),
    "waiting": ({}, WAITING, "", "degraded", ["3 wait for analytics: it answered 503"]),
    "buried": ({}, BURIED, "", "degraded", ["2 dead letters for analytics: refused"]),
    "lost": ({"journal_full": 7}, FINE, "", "red", ["7 exchanges were not recorded: journal_full"]),
    "store": ({}, {"error": "disk I/O error"}, "", "red", ["the recorder cannot say how it is: disk I/O error"]),
    "refusing": (
        {},
        FINE | {"waits": "the disk is full"},
        "",
        "red",
        ["nothing is recorded for now, exchanges wait in the journal: the disk is full"],
    ),  # fmt: skip
    "nobody": ({}, {}, "the schema is newer", "red", ["the recorder does not answer: the schema is newer"]),
}


@pytest.mark.parametrize("name", CASES)
def test_health_says_how_it_is_and_why(name):
    """Loss and silence are red, what is not delivered is degraded, and every reason has its words."""
    lost, recorder, fault, colour, why = CASES[name]

    assert health({"not_recorded": lost}, recorder, fault) == {"health": colour, "why": why}
