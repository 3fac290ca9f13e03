"""What `teelog erase` says to a person. Pure; every text is made printable, since ids were written by strangers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .log import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_HEADINGS = ("CONVERSATION", "MESSAGES", "SINCE", "LAST")
_NOTES = (("feedback", "feedback"), ("event", "events"), ("events", "events"))


def table(lines: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A line for each conversation; nothing for none."""
    if not lines:
        return
    rows = [(printable(one["conversation"]), str(one["messages"]), one["since"], one["last"]) for one in lines]
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    for row in (_HEADINGS, *rows):
        yield "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() + "\n"


def report(done: Mapping[str, Any]) -> Iterator[str]:
    """What went where, or would go."""
    if done["dry_run"]:
        yield f"{done['matched']:,} conversations would be erased" if done["matched"] else "nothing matches"
        if done["files"] and done["matched"]:
            yield f"and {len(done['files'])} files that nobody can read through: {_names(done['files'])}"
        return
    if not done["matched"]:
        yield "nothing matches"
        if done["kept"]:
            yield f"these files cannot be read through, and stay: {_names(done['kept'])}"
        return
    yield from _places(done)
    yield from _left(done)


def _places(done: Mapping[str, Any]) -> Iterator[str]:
    store, local, sink = done["store"], done["local"], done["sink"]
    if store.get("conversations") or any(store.get(name) for name, _ in _NOTES):
        yield f"teelog's store: {_counted(store)}"
    if store.get("outbox"):
        dead = f", {store['dead']:,} of them dead letters" if store.get("dead") else ""
        yield f"the outbox: {store['outbox']:,} that waited{dead}"
    if store.get("records"):
        yield f"records that could not be read: {store['records']:,}"
    if any(local.values()):
        yield f"the local server: {_counted(local)}"
    if sink["asked"]:
        yield f"the sink: asked to delete {sink['asked']:,}"
    if done["files"]:
        yield f"files that nobody can read through: {_names(done['files'])}"


def _left(done: Mapping[str, Any]) -> Iterator[str]:
    sink = done["sink"]
    if sink["waiting"]:
        yield f"the sink has {sink['waiting']:,} deletions still to do: they are tried again like deliveries"
    if sink["refused"]:
        yield f"the sink cannot delete {sink['refused']:,}: see `teelog outbox list --kind deletion`, and ask its owner"
    if sink["events_left"]:
        yield f"{sink['events_left']:,} events stay at the sink: its API has no way to delete them"
    if done["forks"]:
        yield f"these begin with the same messages, are others' conversations, and stay: {_names(done['forks'])}"
    if done["going_on"]:
        yield f"{done['going_on']:,} exchanges still go on: what they bring of the erased is left out when they end"


def _counted(counts: Mapping[str, int]) -> str:
    notes = [f", {counts[name]:,} {word}" for name, word in _NOTES if counts.get(name)]
    return f"{counts.get('conversations', 0):,} conversations, {counts.get('messages', 0):,} messages{''.join(notes)}"


def _names(names: Sequence[str]) -> str:
    return ", ".join(map(printable, names))
