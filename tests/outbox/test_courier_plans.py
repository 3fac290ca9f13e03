"""The statements of the courier and of `/status` look nothing through that grows with the queue."""

import pytest

from proxy.outbox.store import ANALYTICS, QUERIES, Store

from ..fakes import NOW
from .scenes import SECRET

ROWS = 100_000
VALUES = {
    "sink": ANALYTICS, "now": NOW, "until": NOW, "doubt": NOW, "latest": NOW + 10_000, "limit": 10, "debounce": 1000,
    "before": 0, "conversation": 7, "key": 7, "token": 0, "rev": 1, "began": NOW, "error": "e", "due": NOW, "item": 7,
    "reason": "refused", "kind": "feedback", "waits": 1, "about": "m-7",
}  # fmt: skip

#: What each courier's step and each turn of a conversation does.
OFTEN = (
    "put", "put_note", "lease", "expire_leases", "bring_forward", "next_due", "ack", "postpone", "hand_back", "bury",
    "free_notes", "open_about", "any_open", "any_failing", "bury_too_old", "bury_untried", "bury_unknown", "hasten",
    "last_error", "dead_letters", "some_dirty", "annotated",
)  # fmt: skip


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A store with 100,000 rows in every state, most of them ready."""
    store = Store(tmp_path_factory.mktemp("large") / "teelog.db", secret=SECRET)
    store.write(_fill)
    yield store
    store.close()


def _fill(tx):
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) "
    tx._connection.execute(
        numbers + "INSERT INTO outbox (sink, kind, item, state, wanted_rev, sent_rev, dirty_since, due, tries, "
        "first_failed_at, last_failed_at, last_error, dead_reason) SELECT 'analytics', "
        "iif(i % 10 = 0, 'feedback', 'conversation'), i, "
        "CASE WHEN i % 10 = 0 THEN 'waiting' WHEN i % 7 = 0 THEN 'sent' WHEN i % 1001 = 1 THEN 'dead' ELSE 'ready' END, "
        "2, iif(i % 7 = 0 AND i % 10, 2, 1), iif(i % 7 = 0 AND i % 10, NULL, 1000 + i), "
        "iif(i % 10 AND i % 7 AND i % 1001 <> 1, 1000 + i, NULL), 0, iif(i % 3, NULL, 1000), iif(i % 3, NULL, 1000 + i), "
        "iif(i % 3, NULL, 'down'), iif(i % 10 AND i % 7 AND i % 1001 = 1, 'refused', NULL) FROM n"
    )
    tx._connection.execute(
        numbers + "INSERT INTO annotation (kind, tenant, id, body, about_kind, about) "
        "SELECT 'feedback', '', 'f-' || i, '{}', 'message', 'm-' || i FROM n"
    )


def plan_of(tx, name):
    return [row["detail"] for row in tx._connection.execute("EXPLAIN QUERY PLAN " + QUERIES[name], VALUES)]


@pytest.mark.parametrize("name", OFTEN)
def test_no_table_is_looked_through(large, name):
    """Each statement finds its rows by an index: however much waits, nothing is read from one end to the other."""
    plan = large.read(lambda tx: plan_of(tx, name))

    assert [
        step for step in plan if step.startswith("SCAN") and "CONSTANT" not in step and "COVERING" not in step
    ] == []
    assert [step for step in plan if "TEMP B-TREE" in step] == []
