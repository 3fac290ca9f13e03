"""`/metrics`: what the two processes have counted, in Prometheus' text format, made only when it is asked for.

`FAMILIES` is all there is, and README's table repeats it. The counts come as dicts; nothing here is touched by a request.
While the recorder does not answer, its families are empty and `teelog_recorder_up` is 0.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from .health import LOSSES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prometheus_client.core import Metric

#: Prometheus' own text format; every scraper reads it.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Family(NamedTuple):
    """One name, and what it means."""

    kind: str
    labels: tuple[str, ...]
    meaning: str


#: Values of labels; each is there, at 0, before the first of its kind, so that `increase()` sees that one too.
OUTCOMES = ("complete", "refused", "no_answer", "interrupted_client", "interrupted_upstream")
RECORDS = (
    "recorded", "seen", "sampled_out", "unanswered", "late", "unknown_answer", "side_request", "refused", "no_answer",
    "not_rebuilt", "set_aside", "set_aside_lost", "feedback", "event", "erased",
)  # fmt: skip
DEAD = ("refused", "too large", "too old", "not rendered", "unknown message")
_DELIVERIES = ("delivered", "postponed", "buried", "retried", "dropped")

FAMILIES = {
    "teelog_exchanges_total": Family(
        "counter",
        ("outcome",),
        "Requests that went upstream and are over: complete, refused (by the upstream, with a status of 400 and above), "
        "no_answer (502 or 504 of ours), interrupted_client, interrupted_upstream",
    ),
    "teelog_exchanges_open": Family("gauge", (), "Requests and streams in progress"),
    "teelog_websockets_total": Family("counter", (), "WebSocket sessions that were opened; each is an exchange, too"),
    "teelog_websocket_frames_total": Family("counter", ("sender",), "Their frames, sent by client or upstream"),
    "teelog_upstream_first_byte_seconds": Family(
        "histogram", (), "From the request being written to the upstream until its answer's head is there"
    ),
    "teelog_added_seconds": Family(
        "histogram",
        (),
        "What teelog itself added to an exchange: from the request being there until it is written to the upstream, "
        "with a new connection where none was kept, and how long the last piece was held",
    ),
    "teelog_late_releases_total": Family(
        "counter", (), "Last pieces that went out before their exchange was in the journal, since 25 ms were over"
    ),
    "teelog_journaled_total": Family("counter", (), "Exchanges, feedback and events that the journal took"),
    "teelog_not_recorded_total": Family(
        "counter", ("reason",), f"What was forwarded but not recorded: {', '.join(LOSSES)}"
    ),
    "teelog_journal_memory_bytes": Family("gauge", (), "What waits in memory for the journal"),
    "teelog_journal_bytes": Family("gauge", (), "What lies in the journal's files until it is recorded"),
    "teelog_journal_oldest_seconds": Family("gauge", (), "How long the oldest of it has lain there, to about a second"),
    "teelog_recorder_up": Family("gauge", (), "1 while the recorder process answers"),
    "teelog_recorder_starts_total": Family("counter", (), "How often the recorder process was started"),
    "teelog_records_total": Family(
        "counter",
        ("outcome",),
        f"What became of what was read from the journal, since the data folder was made: {', '.join(RECORDS)}",
    ),
    "teelog_outbox_items": Family(
        "gauge",
        ("sink", "state"),
        "Conversations and annotations still to be delivered: due, or waiting (an annotation before its message)",
    ),
    "teelog_outbox_oldest_seconds": Family("gauge", ("sink",), "How long the oldest that is due has been so"),
    "teelog_outbox_dead": Family(
        "gauge", ("sink", "reason"), f"Conversations and annotations that were set aside: {', '.join(DEAD)}"
    ),
    "teelog_deliveries_total": Family(
        "counter",
        ("outcome",),
        "Deliveries that were delivered, postponed, buried (set aside), retried or dropped (by a person, or for its age), "
        "since the data folder was made",
    ),
}

_KINDS = {"counter": CounterMetricFamily, "gauge": GaugeMetricFamily}
#: Of each family its values by their labels'.
_Samples: TypeAlias = "dict[str, dict[tuple[str, ...], Any]]"


def text(relay: Mapping[str, Any], journal: tuple[int, float], recorder: Mapping[str, Any], starts: int) -> bytes:
    """
    The whole exposition.

    Args:
        relay: Of `Record.counts`.
        journal: Bytes in its files, and the age of the oldest in seconds.
        recorder: Of `Store.status`; empty, or with `error`, when there is no answer.
        starts: Of the recorder process.

    """
    registry = CollectorRegistry()
    registry.register(_Told(_of_relay(relay) | _of_journal(relay, journal) | _of_recorder(recorder, starts)))
    return generate_latest(registry)


class _Told:
    """What prometheus-client asks for families."""

    def __init__(self, samples: _Samples) -> None:
        self._samples = samples

    def collect(self) -> Iterator[Metric]:
        for name, family in FAMILIES.items():
            samples = self._samples.get(name, {})
            if family.kind == "histogram":
                yield _histogram(name, family, samples[()])
                continue
            metric = _KINDS[family.kind](name, family.meaning, labels=family.labels)
            for labels, value in samples.items():
                metric.add_metric(labels, value)
            yield metric


def _histogram(name: str, family: Family, seen: Mapping[str, Any]) -> HistogramMetricFamily:
    ends = [*(f"{bound:g}" for bound in seen["bounds"]), "+Inf"]
    metric = HistogramMetricFamily(name, family.meaning)
    metric.add_metric([], list(zip(ends, accumulate(seen["counts"]), strict=True)), seen["sum"])
    return metric


def _of_relay(relay: Mapping[str, Any]) -> _Samples:
    outcomes = dict.fromkeys(OUTCOMES, 0) | relay["outcomes"]
    return {
        "teelog_exchanges_total": _by_label(outcomes),
        "teelog_exchanges_open": {(): relay["open"]},
        "teelog_websockets_total": {(): relay["websockets"]["sessions"]},
        "teelog_websocket_frames_total": _by_label(relay["websockets"]["frames"]),
        "teelog_upstream_first_byte_seconds": {(): relay["first_byte"]},
        "teelog_added_seconds": {(): relay["added"]},
        "teelog_late_releases_total": {(): relay["late_releases"]},
        "teelog_journaled_total": {(): relay["journaled"]},
        "teelog_not_recorded_total": _by_label(dict.fromkeys(LOSSES, 0) | relay["not_recorded"]),
    }


def _of_journal(relay: Mapping[str, Any], journal: tuple[int, float]) -> _Samples:
    size, age = journal
    return {
        "teelog_journal_memory_bytes": {(): relay["journal_waiting"]},
        "teelog_journal_bytes": {(): size},
        "teelog_journal_oldest_seconds": {(): age},
    }


def _of_recorder(recorder: Mapping[str, Any], starts: int) -> _Samples:
    own: _Samples = {"teelog_recorder_starts_total": {(): starts}, "teelog_recorder_up": {(): int("sinks" in recorder)}}
    if "sinks" not in recorder:
        return own
    sinks, counters = recorder["sinks"].items(), recorder["counters"]
    deliveries = {name: counters.get(name, 0) for name in _DELIVERIES}
    return {
        **own,
        "teelog_records_total": _by_label(
            dict.fromkeys(RECORDS, 0) | {name: n for name, n in counters.items() if name not in deliveries}
        ),
        "teelog_outbox_items": {(name, "due"): one["depth"] for name, one in sinks}
        | {(name, "waiting"): one["waiting"] for name, one in sinks},
        "teelog_outbox_oldest_seconds": {(name,): one["oldest_seconds"] for name, one in sinks},
        "teelog_outbox_dead": {
            (name, reason): n for name, one in sinks for reason, n in (dict.fromkeys(DEAD, 0) | one["dead"]).items()
        },
        "teelog_deliveries_total": _by_label(deliveries),
    }


def _by_label(counts: Mapping[str, int]) -> dict[tuple[str, ...], Any]:
    return {(name,): n for name, n in counts.items()}
