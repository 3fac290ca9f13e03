"""A log as it lives: what happens to it, one thing after the other, and what it holds afterwards."""

import random

from proxy.analytics import conversations, deletion, keeping, notes, reading, sheaves, trait_weeks
from proxy.errors import ApiError
from tests.analytics import figures_scenes as scenes

TABLES = ("conversation", "message", "feedback", "event")


def live(tx, step):
    """One thing that happens to a log."""
    kind, what = step
    try:
        if kind == "log":
            more = {"userProperties": what["user"]} if "user" in what else {}
            posted = {name: what[name] for name in ("id", "messages", "properties", "tags") if name in what} | more
            conversations.log(tx, {"type": "openai", **posted}, scenes.NOW, minted)
        elif kind == "thumb":
            notes.log_feedback(tx, what, scenes.NOW, minted)
        elif kind == "event":
            notes.log_event(tx, {"entityType": "conversation", **what}, scenes.NOW, minted)
        elif kind == "search":
            notes.log_event(tx, {"entityType": "search", **what}, scenes.NOW, minted)
        elif kind == "delete":
            deletion.delete_conversation(tx, what, scenes.NOW)
        elif kind == "undo":
            deletion.delete_feedback(tx, what)
        elif kind == "forget":
            conversations.forget(tx, what)
        elif kind == "read":
            while reading.read_sessions(tx):
                pass
        elif kind == "sum":
            while keeping.sum_hours(tx, scenes.NOW) or reading.read_sessions(tx):
                pass
            while (week := trait_weeks.claim(tx, scenes.NOW)) is not None:
                sheaves.keep_sheaves(tx, week, sheaves.sheaved(tx, week, fewest=1))
                trait_weeks.keep(tx, week, trait_weeks.summed(tx, week, least=1))
    except ApiError:
        pass  # there was nothing to delete


def minted(kind):
    return f"{kind}_{random.random()}"


def logged(tx):
    return {table: [dict(row) for row in tx.ask(f"SELECT * FROM {table}", {})] for table in TABLES}


def emptied(tx):
    while conversations.forget(tx, 10**15):
        pass
