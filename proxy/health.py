"""How it goes, from what the two processes count: green, degraded or red, and why.

Red: exchanges are not recorded, or nobody records. Degraded: something recorded is not delivered, or could not be read.
What was lost counts for `LATELY_SECONDS` (for want of room on the disk: until there is some), then only in the ledger; dead letters count until somebody has decided about
them. Each reason is for the person who looks at `/status` at night: what is counted, what was answered, what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .core.spans import span_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: How long a loss, or a record that could not be read, is what one must know first.
LATELY_SECONDS = 900.0

#: Why exchanges are not recorded, and what to do about it.
LOSSES = {
    "disk_full": "the disk of data_dir is full: free some of it",
    "journal_full": "the journal is as large as journal.max_bytes allows: see below why the recorder does not empty it, "
    "or raise the bound",
    "memory_full": "too much waited in memory: the disk of data_dir is slow or stalled, look after it, or large requests came by hundreds",
    "write_error": "the disk of data_dir refuses to be written: see the kernel's log, and whose the folder is",
    "sync_error": "the disk of data_dir fails: see the kernel's log, and replace it",
    "pipe_closed": 'the recorder was gone, and durability is "memory": choose "process" where that matters',
    "encode_error": "they could not be written down, which is a fault of teelog's own: please report it",
    "too_large": "they were larger than journal.record_max_bytes: raise it where they matter",
}
#: Why a sink is sent nothing, or one row at a time, and what to do about it.
_STOPPED = {
    "down": "it is asked twice a minute at the least, and all goes out by itself when it answers: look after the sink, "
    "and the way there",
    "busy": "it asks to be left alone for a while, and all goes out by itself after that: where this lasts, ask the "
    "operator of delivery.url for more, or lower delivery.recovery_per_second",
    "key": "it is asked once a minute, and nothing is set aside for it: put the right key into delivery.api_key, and restart",
    "address": "it is asked once a minute, and nothing is set aside for it: correct delivery.url, and restart",
    "rejects": "it refuses most of what it is sent, so nothing more is set aside and one a minute is tried: see what it "
    "says, mend the sink or upgrade teelog; then retry what was set aside",
}
_FAILING = "they are tried ever again, and go out by themselves once it takes them: see delivery.url and the sink"
_DISK_FULL = "disk_full"
#: A bound on single exchanges is no trouble of the whole.
_MILD = frozenset(("too_large",))


def health(
    lost: Mapping[str, int],
    recorder: Mapping[str, Any],
    fault: str = "",
    aside: Sequence[str] = (),
    disk: str = "unknown",
) -> dict[str, Any]:
    """
    `health` and `why`.

    Args:
        lost: Exchanges not recorded lately, by reason.
        recorder: Of `Store.status`; empty when the recorder did not answer, `error` when the store did not; `waits` is why
            it records nothing now, if it does not.
        fault: Why it could not start, where it said so.
        aside: Names of files that were set aside.
        disk: Of `space.fullness`.

    """
    over = {_DISK_FULL} if disk in ("", "nearly") else set()
    red = [_loss(reason, count) for reason, count in lost.items() if reason not in _MILD | over]
    if disk == "full" and _DISK_FULL not in lost:
        red.append(f"nothing can be recorded now: {LOSSES[_DISK_FULL]}")
    degraded = [_loss(reason, count) for reason, count in lost.items() if reason in _MILD]
    red += _recording(recorder, fault)
    for name, sink in recorder.get("sinks", {}).items():
        degraded += _delivery(name, sink)
    if disk == "nearly":
        degraded.append("the disk of data_dir is nearly full: free some of it, before exchanges are no longer recorded")
    if aside:
        degraded.append(
            f"{len(aside)} files were damaged and set aside, what could be read of them is in use: look after the disk, "
            f"then move them out of data_dir: {', '.join(aside[:5])}{', …' if len(aside) > 5 else ''}"
        )
    degraded += _unread(recorder.get("failed_exchanges", {}))
    return {"health": "red" if red else "degraded" if degraded else "green", "why": red + degraded}


def _loss(reason: str, count: int) -> str:
    cure = LOSSES.get(reason, reason)
    return f"{count:,} exchanges of the last {span_text(LATELY_SECONDS)} were not recorded: {cure}"


def _recording(recorder: Mapping[str, Any], fault: str) -> Iterator[str]:
    if not recorder:
        because = f": {fault}" if fault else ""
        yield f"the recorder does not answer{because}; exchanges wait in the journal, and the log says why it ended"
    elif "error" in recorder:
        yield f"the recorder cannot say how it is: {recorder['error']}; look after the disk of data_dir"
    elif recorder.get("waits"):
        yield (
            f"nothing is recorded for now, exchanges wait in the journal: {recorder['waits']}; once that is over it goes "
            "on by itself"
        )


def _delivery(name: str, sink: Mapping[str, Any]) -> Iterator[str]:
    stopped = sink.get("stopped")
    if stopped or sink["failing"]:
        since = f" (for {span_text(sink['stopped_seconds'])} now)" if stopped else ""
        yield (
            f"{sink['depth']:,} wait for {name}, the longest for {span_text(sink['oldest_seconds'])}: "
            f"{sink['last_error'] or 'it does not take them'}{since}; {_STOPPED.get(stopped or '', _FAILING)}"
        )
    for reason, count in sink["dead"].items():
        yield (
            f"{count:,} dead letters for {name}, {reason}: see them with `teelog outbox list --state dead`, then retry or "
            "drop them"
        )


def _unread(failed: Mapping[str, Any]) -> Iterator[str]:
    newest = failed.get("newest_seconds")
    if newest is not None and newest < LATELY_SECONDS:
        yield (
            f"{failed['count']:,} exchanges could not be read, the newest {span_text(newest)} ago: see them with "
            "`teelog outbox list --state failed`, and retry after an upgrade, or drop them"
        )
