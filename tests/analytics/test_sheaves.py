"""Sheaves of weeks: when they are made, that they are kept only if they hold, and between which numbers a span's chats are."""

import pytest

from proxy.analytics import keeping, reading, trait_weeks
from proxy.analytics.sayings import HIGHEST, numbers_within
from proxy.analytics.sheaves import keep_sheaves, sheaf_weeks, sheaved, sheaves_of
from proxy.core.buckets import DAY_MS, bucket_of
from tests.analytics import figures_scenes as scenes
from tests.analytics.figures_life import live

WEEK = bucket_of(scenes.NOW - 14 * DAY_MS, "week")
NEXT = WEEK + 7 * DAY_MS


def chat(number, at=WEEK):
    said = [{"role": "user", "content": "?", "createdAt": at + number, "id": f"m{number}"}]
    return {"id": f"c{number}", "messages": said}


def logged(database, *steps):
    for step in steps:
        database.write(lambda tx, step=step: live(tx, step))


def claimed(database):
    """The week, to be summed."""
    database.write(lambda tx: [keeping.sum_hours(tx, scenes.NOW), reading.read_sessions(tx)])
    return database.write(lambda tx: trait_weeks.claim(tx, scenes.NOW))


def kept(database, week, made):
    database.write(lambda tx: [keep_sheaves(tx, week, made), trait_weeks.keep(tx, week, trait_weeks.summed(tx, week))])


def numbers(database, week):
    return database.read(lambda tx: [[*one.numbers] for one in sheaves_of(tx, week)])


def weeks(database, since=WEEK, until=scenes.NOW, numbers=(1, 2, 3)):
    return database.read(lambda tx: sheaf_weeks(tx, since, until, numbers))


def test_a_week_has_sheaves_once_it_is_summed(database):
    """Its sessions come in sheaves of so many, in the order in which they began; a week of few has none."""
    logged(database, *[("log", chat(number)) for number in (2, 1, 3)])
    week = claimed(database)

    assert database.read(lambda tx: sheaved(tx, week, fewest=4)) == []
    made = database.read(lambda tx: sheaved(tx, week, fewest=3, at_once=2))
    assert weeks(database) == []
    kept(database, week, made)

    assert weeks(database) == weeks(database, WEEK + 5 * DAY_MS, WEEK + 6 * DAY_MS) == [WEEK]
    assert weeks(database, NEXT) == weeks(database, WEEK - DAY_MS, WEEK) == []
    assert weeks(database, numbers=(0, 2)) == [WEEK]
    assert weeks(database, numbers=(0, 4)) == weeks(database, numbers=()) == []
    assert numbers(database, week) == [[2, 1], [3]]


CHANGES = {
    "another": ("log", chat(3)),
    "deleted": ("delete", "c1"),
    "a side request": ("log", chat(1) | {"properties": {"kind": "t"}}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("before", [True, False], ids=["before it is kept", "afterwards"])
def test_what_changes_does_not_hold(database, change, before):
    """Sheaves of a week that has changed are not kept, or not used, until they are made anew."""
    logged(database, ("log", chat(1)), ("log", chat(2)))
    week = claimed(database)
    made = database.read(lambda tx: sheaved(tx, week, fewest=1))
    if before:
        logged(database, change)
    kept(database, week, made)
    if not before:
        assert weeks(database) == [WEEK]
        logged(database, change)

    assert weeks(database) == []
    logged(database, ("sum", None))
    assert weeks(database) == [WEEK]


def test_between_which_numbers_a_spans_chats_are(database):
    """All chats of a span are between them, those of its sheaves and those beside."""
    logged(database, *[("log", chat(number, NEXT if number == 4 else WEEK)) for number in (1, 2, 3, 4)])

    def between(since, until):
        return database.read(lambda tx: numbers_within(tx, since, until))

    for _ in range(2):
        assert between(WEEK, NEXT) == (1, 4)
        assert between(WEEK, NEXT + 5) == (1, 5)
        assert between(NEXT, NEXT + 5) == (4, 5)
        assert between(WEEK - 5, WEEK) == (0, 1)
        logged(database, ("sum", None))


def test_of_too_many_to_look_at_all_are_meant(database):
    """Where more chats than are looked at are beside sheaves, no number is left out."""
    logged(database, *[("log", chat(number)) for number in (1, 2, 3)])

    assert database.read(lambda tx: numbers_within(tx, WEEK, NEXT, most=3)) == (0, HIGHEST + 1)
