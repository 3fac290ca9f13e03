"""`/metrics`: that what was counted arrives at a scraper as what it is."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from proxy.health import LOSSES
from proxy.metrics import DEAD, FAMILIES, OUTCOMES, RECORDS, text
from proxy.outbox.conversations import Recorded

ROOT = Path(__file__).parent.parent / "proxy"

TIMES = {"bounds": (0.1, 1.0), "counts": [2, 0, 1], "sum": 7.5}
RELAY = {
    "outcomes": {"complete": 3, "refused": 1}, "open": 2, "first_byte": TIMES, "added": TIMES, "late_releases": 1,
    "journaled": 4, "not_recorded": {"disk_full": 5}, "journal_waiting": 640,
    "websockets": {"sessions": 6, "frames": {"client": 70, "upstream": 80}},
}  # fmt: skip
RECORDER = {
    "sinks": {
        "analytics": {"depth": 2, "waiting": 1, "oldest_seconds": 8.5, "dead": {"too old": 1}, "last_error": "x"}
    },
    "counters": {"recorded": 3, "delivered": 2, "buried": 1, "dropped": 4},
}


def scraped(recorder: dict) -> dict:
    """(name, its labels sorted) -> value, as a scraper reads them."""
    exposed = text(RELAY, (1000, 2.5), recorder, 1).decode()
    return {
        (one.name, *sorted(one.labels.items())): one.value
        for family in text_string_to_metric_families(exposed)
        for one in family.samples
    }


def test_every_count_arrives():
    """Counts, gauges, histograms and labels are read as they were told."""
    found = scraped(RECORDER)

    expected = {
        ("teelog_exchanges_total", ("outcome", "complete")): 3,
        ("teelog_exchanges_total", ("outcome", "interrupted_client")): 0,
        ("teelog_exchanges_open",): 2,
        ("teelog_websockets_total",): 6,
        ("teelog_websocket_frames_total", ("sender", "client")): 70,
        ("teelog_websocket_frames_total", ("sender", "upstream")): 80,
        ("teelog_upstream_first_byte_seconds_bucket", ("le", "0.1")): 2,
        ("teelog_upstream_first_byte_seconds_bucket", ("le", "1")): 2,
        ("teelog_upstream_first_byte_seconds_bucket", ("le", "+Inf")): 3,
        ("teelog_added_seconds_count",): 3,
        ("teelog_added_seconds_sum",): 7.5,
        ("teelog_late_releases_total",): 1,
        ("teelog_not_recorded_total", ("reason", "disk_full")): 5,
        ("teelog_journal_memory_bytes",): 640,
        ("teelog_journal_bytes",): 1000,
        ("teelog_journal_oldest_seconds",): 2.5,
        ("teelog_recorder_up",): 1,
        ("teelog_records_total", ("outcome", "recorded")): 3,
        ("teelog_outbox_items", ("sink", "analytics"), ("state", "due")): 2,
        ("teelog_outbox_items", ("sink", "analytics"), ("state", "waiting")): 1,
        ("teelog_outbox_oldest_seconds", ("sink", "analytics")): 8.5,
        ("teelog_outbox_dead", ("reason", "too old"), ("sink", "analytics")): 1,
        ("teelog_deliveries_total", ("outcome", "delivered")): 2,
        ("teelog_deliveries_total", ("outcome", "postponed")): 0,
        ("teelog_deliveries_total", ("outcome", "buried")): 1,
        ("teelog_deliveries_total", ("outcome", "dropped")): 4,
    }
    assert {key: found.get(key) for key in expected} == expected
    assert ("teelog_records_total", ("outcome", "delivered")) not in found
    assert ("teelog_records_total", ("outcome", "dropped")) not in found


def test_every_value_of_a_label_is_there_before_the_first_of_its_kind():
    """Reasons and outcomes stand at 0 until they happen, so that the first one is seen as an increase."""
    found = scraped(RECORDER)
    values = {
        ("teelog_exchanges_total", "outcome"): OUTCOMES,
        ("teelog_not_recorded_total", "reason"): LOSSES,
        ("teelog_records_total", "outcome"): RECORDS,
        ("teelog_outbox_dead", "reason"): DEAD,
    }
    for (name, label), wanted in values.items():
        told = {dict(key[1:])[label]: n for key, n in found.items() if key[0] == name}
        assert list(told) == list(wanted)
        assert 0 in told.values()


def test_the_values_are_those_that_are_counted():
    """What becomes of a record, and why something is set aside or lost, has the names that the rooms give it."""
    outbox, journal = ROOT / "outbox", ROOT / "journal"
    becomes = inspect.getsource(Recorded).split("outcome: str")[0]
    dead = re.search(r"dead_reason IN \((.+?)\)", (outbox / "schema.sql").read_text())[1]
    lost = "".join(file.read_text() for file in (*journal.glob("*.py"), ROOT / "relay" / "recording.py"))

    assert {*re.findall(r'"(\w+)"', becomes), "set_aside_lost"} == set(RECORDS)
    assert set(re.findall(r'Passed\((?:\w+=)?"(\w+)"', (outbox / "reading.py").read_text())) <= set(RECORDS)
    assert re.findall(r"'(.+?)'", dead) == list(DEAD)
    assert {one for one in LOSSES if f'"{one}"' in lost or one == "too_large"} == set(LOSSES)


def test_a_recorder_that_does_not_answer_is_down():
    """Without the recorder its counts are absent, not zero, and it is said to be down."""
    for told in ({}, {"error": "disk I/O error"}):
        found = scraped(told)

        assert found[("teelog_recorder_up",)] == 0
        assert found[("teelog_exchanges_open",)] == 2
        assert not [key for key in found if key[0].startswith(("teelog_outbox", "teelog_deliveries", "teelog_records"))]


def test_every_family_is_exposed_under_its_name():
    """What `FAMILIES` names is what is exposed, with kind, labels and meaning."""
    exposed = text(RELAY, (0, 0.0), RECORDER, 1).decode()

    for name, family in FAMILIES.items():
        assert f"# HELP {name} {family.meaning}\n# TYPE {name} {family.kind}\n" in exposed
    told = {one.name for one in text_string_to_metric_families(exposed)}
    assert told == {name.removesuffix("_total") for name in FAMILIES}
    for family in text_string_to_metric_families(exposed):
        known = FAMILIES.get(family.name) or FAMILIES[f"{family.name}_total"]
        assert all(set(one.labels) - {"le"} == set(known.labels) for one in family.samples)
