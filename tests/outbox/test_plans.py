"""What is asked within the write transaction, and how the database finds it."""

import re
import sqlite3
from contextlib import closing

import pytest

from proxy.outbox.store import QUERIES

#: Asked for every exchange or for every conversation that is tidied; what they find may stand among millions of rows.
LOOK_UPS = (
    "named named_of_user tip_of_user tip_of_chat tip_of_anybody inside paired holding answer_of place_of newest_standing "
    "standing_behind message_known_by answer_of_completion message_called former_tip open_about idle second_answer sends_no_history forgotten is_owed forget_rows some_dirty outdated"
).split()  # fmt: skip
#: Of those, where so many rows may fit that only the newest are looked at.
NEWEST = ("answer_of", "answer_of_completion", "message_known_by")


def plan(path, name):
    """What the database does for a query, step by step."""
    values = dict.fromkeys(re.findall(r":(\w+)", QUERIES[name]), 1)
    with closing(sqlite3.connect(path)) as plain:
        return [row[3] for row in plain.execute(f"EXPLAIN QUERY PLAN {QUERIES[name]}", values)]


@pytest.mark.parametrize("name", LOOK_UPS)
def test_what_is_looked_up_is_found_by_an_index(store, tmp_path, name):
    """No look-up goes through a whole table."""
    steps = plan(tmp_path / "teelog.db", name)

    assert steps
    tables = "annotation|conversation|key|message|outbox|other_tip|quiet"
    assert not [step for step in steps if re.match(rf"SCAN ({tables})\b", step)]


@pytest.mark.parametrize("name", NEWEST)
def test_the_newest_of_many_is_found_first(store, tmp_path, name):
    """Of what an upstream has called by one id a thousand times the newest is found without looking at the rest."""
    steps = plan(tmp_path / "teelog.db", name)

    assert "USE TEMP B-TREE FOR ORDER BY" not in steps
