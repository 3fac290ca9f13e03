"""What is derived for figures, made anew for older files and for mended ones."""

import sqlite3
from contextlib import closing

import pytest

from proxy.analytics.figures import Asked, figures
from proxy.analytics.gathering import ALL
from proxy.analytics.insights import insights
from proxy.analytics.store import FUNCTIONS, definitions, open_database
from proxy.core.tally import figures as told
from proxy.db.connection import lend
from proxy.db.mend import doubt, mend
from proxy.db.sqlite import Database
from tests.analytics import figures_scenes as scenes
from tests.analytics import insights_evaluator
from tests.analytics.figures_evaluator import evaluate
from tests.analytics.figures_life import live, logged

SINCE, UNTIL = scenes.NOW - 60 * 24 * scenes.HOUR, scenes.NOW + scenes.HOUR


def chat(number):
    at = scenes.NOW - number * 20 * scenes.HOUR
    properties = {"model": "m", "latencyMs": 500 + number, "usage": {"prompt_tokens": 3, "completion_tokens": 4}}
    messages = [
        {"role": "user", "content": f"why {number}", "createdAt": at, "id": f"u{number}"},
        {"role": "assistant", "content": "so", "createdAt": at, "id": f"a{number}", "properties": properties},
    ]
    return {
        "id": f"c{number}",
        "messages": messages,
        "properties": {"model": "m"},
        "user": {"userId": f"u{number % 7}"},
    }


def fill(database):
    for number in range(30):
        database.write(lambda tx, number=number: live(tx, ("log", chat(number))))
        database.write(
            lambda tx, number=number: live(
                tx, ("thumb", {"type": "positive", "messageId": f"a{number}", "id": f"f{number}"})
            )
        )
    database.write(lambda tx: live(tx, ("sum", None)))


def figures_are_right(database):
    asked = Asked(SINCE, UNTIL, unit="day")
    found = database.read(lambda tx: figures(tx, asked))
    expected = evaluate(database.read(logged), SINCE, UNTIL, "day", lambda one: one["model"])
    assert told(found.total, found.newcomers) == expected[0]
    assert {
        start: told(tally, found.newcomers_of.get(start, set())) for start, tally in found.series.items()
    } == expected[1]
    return found.total.sessions


def older(path, version, whole):
    """A file of an older schema with what `fill` logs, and, where that schema has it, what is derived of it."""
    queries, migrations = definitions()
    Database(path, queries=queries, migrations=migrations[:version], functions=FUNCTIONS).close()
    database = open_database(path.with_name("new.db"))
    fill(database)
    database.close()
    with closing(sqlite3.connect(path)) as old:
        lend(old, FUNCTIONS)
        old.execute("ATTACH ? AS new", (str(path.with_name("new.db")),))
        for table in ("conversation", "message", "feedback", "event"):
            old.execute(f"INSERT INTO {table} SELECT * FROM new.{table}")
        if whole:
            old.execute("UPDATE derivation SET is_whole = 1")
        old.commit()


#: The schema before there were figures, and those since.
VERSIONS = {5: False} | dict.fromkeys(range(6, len(definitions()[1])), True)


@pytest.mark.parametrize(("version", "whole"), VERSIONS.items(), ids=[f"of schema {one}" for one in VERSIONS])
def test_an_older_file_has_figures_at_once(tmp_path, version, whole):
    """A file from before there were figures has them all when it is opened, and so has one of every schema since."""
    path = tmp_path / "it.db"
    older(path, version, whole)

    database = open_database(path)
    try:
        assert figures_are_right(database) == 30
        fill(database)
        assert figures_are_right(database) == 30
    finally:
        database.close()


def test_what_insights_count_is_kept_of_an_older_files_weeks(tmp_path):
    """A file of the schema before, whose weeks all held, has them counted for insights, and tells the same before and after."""
    path = tmp_path / "it.db"
    older(path, 9, True)
    with closing(sqlite3.connect(path)) as file:
        file.execute("DELETE FROM stale_week")
        file.commit()

    database = open_database(path)
    stale = {row[0] for row in database.read(lambda tx: list(tx.ask("SELECT start FROM stale_week", {})))}
    try:
        for step in ("read", "sum"):
            database.write(lambda tx, step=step: live(tx, (step, None)))
            found = database.read(lambda tx: insights(tx, ALL.without_side(), SINCE, UNTIL))
            assert found == insights_evaluator.evaluate(database.read(logged), SINCE, UNTIL)
        weeks = database.read(lambda tx: [row[0] for row in tx.ask("SELECT DISTINCT start FROM kept_findings", {})])
        assert len(weeks) == 3
        assert set(weeks) < stale
    finally:
        database.close()


#: What figures are made of, in words that do not depend on the order in which it came.
SUMS = (
    "SELECT number, answers, tokens_in, tokens_out, told, cost, priced, first, whole FROM answer_sums ORDER BY number"
)
TRAITS = "SELECT trait_name.trait, began, number FROM trait_time JOIN trait_name ON trait_name.id = trait_time.trait ORDER BY 1, 2, 3"


def test_a_file_brought_forward_has_what_would_be_derived_anew(tmp_path):
    """The sums and traits of a file of the schema before are those that are made out of its log."""
    path = tmp_path / "it.db"
    older(path, 8, True)
    found = []
    for _ in range(2):
        database = open_database(path)
        found.append(database.read(lambda tx: [[tuple(row) for row in tx.ask(one, {})] for one in (SUMS, TRAITS)]))
        database.write(lambda tx: list(tx.ask("UPDATE derivation SET is_whole = 0", {})))
        database.close()

    assert found[0] == found[1]
    assert [len(rows) for rows in found[0]] == [30, 30]


def test_a_mended_file_has_figures_of_what_is_left(tmp_path):
    """After damage, figures are of what could be read, not of what was derived from what is gone."""
    path = tmp_path / "it.db"
    database = open_database(path)
    fill(database)
    database.close()
    with closing(sqlite3.connect(path)) as file:
        file.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = file.execute("SELECT rootpage FROM sqlite_master WHERE name = 'message'").fetchone()
        (size,) = file.execute("PRAGMA page_size").fetchone()
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    doubt(path)
    assert mend(path, definitions()[1], "now", FUNCTIONS) is not None

    database = open_database(path)
    try:
        assert 0 < figures_are_right(database) <= 30
    finally:
        database.close()


def test_an_opened_file_is_derived_once(tmp_path):
    """A file that has its figures is left as it is: it is not gone through at every start."""
    database = open_database(tmp_path / "it.db")
    fill(database)
    database.close()
    with closing(sqlite3.connect(tmp_path / "it.db")) as file:
        file.execute("DELETE FROM session")
        file.commit()

    database = open_database(tmp_path / "it.db")
    try:
        assert database.read(lambda tx: list(tx.ask("SELECT * FROM session", {}))) == []
    finally:
        database.close()
