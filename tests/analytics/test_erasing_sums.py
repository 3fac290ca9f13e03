"""What is kept of weeks and hours after an erasure: nothing of what is gone, even before anything is summed again."""

import pytest

from proxy.analytics.erasing import Erasing
from proxy.analytics.store import open_database
from proxy.core.buckets import DAY_MS, bucket_of
from tests.analytics import figures_scenes as scenes
from tests.analytics.figures_life import live

WEEK = bucket_of(scenes.NOW - 14 * DAY_MS, "week")


@pytest.fixture
def database(tmp_path):
    """Three chats of a week, which is kept."""
    opened = open_database(tmp_path / "analytics.db")
    for number in (1, 2, 3):
        do(opened, chat(number))
    yield opened
    opened.close()


def do(database, *steps):
    for step in steps:
        database.write(lambda tx, step=step: live(tx, step))


def chat(number, earlier=(), **more):
    at = WEEK + DAY_MS + number
    answer = {"role": "assistant", "content": "so", "createdAt": at, "id": f"m{number}"}
    asked = {"role": "user", "content": "hello", "createdAt": at, "id": f"q{number}"}
    return ("log", {"id": f"c{number}", "messages": [*earlier, asked, answer]} | more)


def erase(database, **meant):
    erasing = Erasing(
        database, **{"users": None, "ids": None, "before": None} | meant, is_anothers=lambda _: []
    )  # fmt: skip
    erasing.run({}, [], scenes.NOW)
    erasing.scrub()


def left(tmp_path, word):
    return [path.name for path in tmp_path.iterdir() if word in path.read_bytes()]


def test_why_a_thumb_went_down(database, tmp_path):
    """What an erased user said of somebody else's chat is in no row of its week."""
    said = {"id": "f", "type": "negative", "messageId": "m1", "userProperties": {"userId": "ada"}}
    do(database, ("thumb", said | {"reasons": [{"label": "an odd label", "details": ""}]}), ("sum", None))
    assert left(tmp_path, b"an odd label")

    erase(database, users=["ada"])

    assert left(tmp_path, b"an odd label") == []


def test_names_of_models_and_endpoints(database, tmp_path):
    """What was erased is named by no sum of its hours, days, weeks and months."""
    do(
        database,
        chat(4, properties={"model": "odd-model", "endpoint": "odd-endpoint"}, tags=["odd-tag"]),
        ("sum", None),
    )
    assert left(tmp_path, b"odd-model")

    erase(database, ids=["c4"])

    assert left(tmp_path, b"odd-") == []


def test_a_chat_that_has_left_its_week(database, tmp_path):
    """What it asked is not kept in the week in which it seemed to have begun, once an earlier message is known."""
    do(database, ("sum", None))
    ((question,),) = database.read(lambda tx: list(tx.ask("SELECT DISTINCT question FROM session", {})))
    earlier = {"role": "system", "content": "x", "createdAt": WEEK - 5 * DAY_MS, "id": "s"}
    for number in (1, 2, 3):
        do(database, chat(number, [earlier | {"id": f"s{number}"}]))

    erase(database, ids=["c1", "c2", "c3"])

    assert left(tmp_path, question.to_bytes(8, "little")) == []


def test_what_is_left_is_summed_as_before(database):
    """Sums that were dropped are made again, and figures tell of the rest."""
    do(database, ("sum", None))
    erase(database, ids=["c1"])
    do(database, ("sum", None))

    kept = database.read(lambda tx: {row[0] for row in tx.ask("SELECT unit FROM kept", {})})
    sheaves = database.read(
        lambda tx: list(tx.ask("SELECT length(numbers) / 4 FROM kept_findings WHERE trait = 0", {}))
    )
    assert kept == {"hour", "day", "week", "month"}
    assert [tuple(row) for row in sheaves] == [(2,)]
