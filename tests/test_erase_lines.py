"""What `teelog erase` says to a person."""

from __future__ import annotations

import pytest

from proxy.erase_lines import report, table

NOTHING = {
    "matched": 0, "dry_run": False, "store": {}, "local": {}, "files": [], "kept": [], "forks": [], "going_on": 0,
    "sink": {"asked": 0, "waiting": 0, "refused": 0, "events_left": 0}, "troubles": [],
}  # fmt: skip
SAID = {
    "nothing": ({}, ["nothing matches"]),
    "nothing, and files": ({"kept": ["a.damaged"]}, ["nothing matches", "these files cannot be read through, and stay: a.damaged"]),
    "a dry run": ({"dry_run": True, "matched": 1200, "files": ["a"]}, [
        "1,200 conversations would be erased", "and 1 files that nobody can read through: a"
    ]),
    "a dry run of nothing": ({"dry_run": True, "files": ["a"]}, ["nothing matches"]),
    "the store": ({"matched": 1, "store": {"conversations": 1, "messages": 4, "feedback": 1, "event": 2, "outbox": 3, "dead": 1, "records": 2}}, [
        "teelog's store: 1 conversations, 4 messages, 1 feedback, 2 events",
        "the outbox: 3 that waited, 1 of them dead letters", "records that could not be read: 2",
    ]),
    "the local server": ({"matched": 1, "local": {"conversations": 1, "messages": 4, "events": 2}}, [
        "the local server: 1 conversations, 4 messages, 2 events"
    ]),
    "a sink": ({"matched": 1, "sink": {"asked": 3, "waiting": 1, "refused": 1, "events_left": 2}}, [
        "the sink: asked to delete 3",
        "the sink has 1 deletions still to do: they are tried again like deliveries",
        "the sink cannot delete 1: see `teelog outbox list --kind deletion`, and ask its owner",
        "2 events stay at the sink: its API has no way to delete them",
    ]),
    "what stays": ({"matched": 1, "forks": ["c\x1b[2J"], "going_on": 2}, [
        "these begin with the same messages, are others' conversations, and stay: c\\x1b[2J",
        "2 exchanges still go on: what they bring of the erased is left out when they end",
    ]),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_the_report(name):
    """Each place is told where something went from it, and what is left to do."""
    done, lines = SAID[name]

    assert list(report(NOTHING | done)) == lines


def test_the_table():
    """A line for each conversation; a hostile id neither steers the terminal nor begins a line of its own."""
    hostile = {"conversation": "a\n\x1b[31mb\u202e", "messages": 12, "since": "2026-01-01", "last": "2026-01-02"}
    heading, line = table([hostile])

    assert heading.split() == ["CONVERSATION", "MESSAGES", "SINCE", "LAST"]
    assert line.split()[1:] == ["12", "2026-01-01", "2026-01-02"]
    assert line.count("\n") == 1
    assert line.isascii()
    assert list(table([])) == []
