"""What is derived for figures, made anew for older files and for mended ones."""

import sqlite3
from contextlib import closing

from proxy.analytics.figures import Asked, figures
from proxy.analytics.store import FUNCTIONS, definitions, open_database
from proxy.core.tally import figures as told
from proxy.db.mend import doubt, mend
from proxy.db.sqlite import Database
from tests.analytics import figures_scenes as scenes
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


def test_an_older_file_has_figures_at_once(tmp_path):
    """A file from before there were figures has them all when it is opened."""
    path = tmp_path / "it.db"
    queries, migrations = definitions()
    Database(path, queries=queries, migrations=migrations[:-1], functions=FUNCTIONS).close()
    database = open_database(tmp_path / "new.db")
    fill(database)
    database.close()
    with closing(sqlite3.connect(path)) as old:
        old.create_function("spaced_text", 1, FUNCTIONS["spaced_text"], deterministic=True)
        old.execute("ATTACH ? AS new", (str(tmp_path / "new.db"),))
        for table in ("conversation", "message", "feedback", "event"):
            old.execute(f"INSERT INTO {table} SELECT * FROM new.{table}")
        old.commit()

    database = open_database(path)
    try:
        assert figures_are_right(database) == 30
        fill(database)
        assert figures_are_right(database) == 30
    finally:
        database.close()


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
