"""Who says some words, held against a look at every message, with sheaves and without."""

import pytest

from proxy.analytics import sheaves, trait_weeks
from proxy.analytics.chosen import SAID, chosen_by
from proxy.analytics.saying import common_words, runs_of, who_says
from proxy.analytics.sayings import said_within
from proxy.core.buckets import DAY_MS, bucket_of
from proxy.core.search_words import Words, read_words
from proxy.core.session_filter import SessionFilter
from tests.analytics import figures_scenes as scenes
from tests.analytics.figures_life import live

WEEK = bucket_of(scenes.NOW - 21 * DAY_MS, "week")
SPAN = (WEEK, scenes.NOW)
SAYINGS = ["so it is", "So what", "it is not so", "never", "what is it, sœur?", "is that so"]


def chat(number, *sayings, at=WEEK):
    said = [
        {"role": "user", "content": text, "createdAt": at + number, "id": f"m{number}-{place}"}
        for place, text in enumerate(sayings)
    ]
    return {"id": f"c{number}", "messages": said}


def logged(database, *steps):
    for step in steps:
        database.write(lambda tx, step=step: live(tx, step))


def numbers(database, asked, span=SPAN, most=SAID):
    return database.read(lambda tx: said_within(tx, read_words(asked), *span, most))


def kept_words(database):
    """Of how many sheaves words are kept."""
    return database.read(lambda tx: len(list(tx.ask("SELECT 1 FROM sheaf WHERE length(words) > 40", {}))))


@pytest.fixture(params=["summed", "not summed", "one changed"])
def filled(request, database):
    """Six chats in two weeks, with sheaves or without, or with those of one of the weeks."""
    for number, text in enumerate(SAYINGS, 1):
        at = WEEK if number < 4 else WEEK + 7 * DAY_MS
        logged(database, ("log", chat(number, "hm", text, at=at)))
    if request.param != "not summed":
        logged(database, ("sum", None))
        assert kept_words(database) == 2
    if request.param == "one changed":
        logged(database, ("log", chat(2, "hm", SAYINGS[1], "more")))
    return database


ASKED = {
    "so": [1, 2, 3, 6],
    "SO": [1, 2, 3, 6],
    "is": [1, 3, 5, 6],
    "hm": [1, 2, 3, 4, 5, 6],
    "never": [4],
    "s*": [1, 2, 3, 5, 6],
    "nev*": [4],
    "it is": [1, 3, 5],
    '"it is"': [1, 3],
    "hm so": [],
    "sœur": [5],
    "nobody": [],
}


@pytest.mark.parametrize(("asked", "expected"), ASKED.items(), ids=ASKED)
def test_who_says_words(filled, asked, expected):
    """Those that say words are the same, whether they are kept or looked for; of a shorter span they are among them."""
    assert numbers(filled, asked) == expected
    assert {number for number in expected if number < 4} <= {*numbers(filled, asked, (WEEK, WEEK + DAY_MS))}


def test_a_text_that_changes(database):
    """Who says something else now is found by it at once, and not by what it was, though nothing else has changed."""
    logged(database, ("log", chat(1, "one")), ("log", chat(2, "one")), ("sum", None))
    assert numbers(database, "one") == [1, 2]

    logged(database, ("log", chat(1, "two")))

    assert (numbers(database, "one"), numbers(database, "two")) == ([2], [1])
    logged(database, ("sum", None))
    assert (numbers(database, "one"), numbers(database, "two")) == ([2], [1])


def test_a_text_that_changes_unread(database):
    """That is so, too, where a week was summed before what had changed in it was read, and changes once more."""
    logged(database, ("log", chat(1, "one")), ("sum", None), ("log", chat(1, "two")))
    week = database.write(lambda tx: trait_weeks.claim(tx, scenes.NOW))
    database.write(
        lambda tx: [
            sheaves.keep_sheaves(tx, week, sheaves.sheaved(tx, week, fewest=1)),
            trait_weeks.keep(tx, week, trait_weeks.summed(tx, week)),
        ]
    )
    assert [numbers(database, word) for word in ("one", "two", "three")] == [[], [1], []]

    logged(database, ("log", chat(1, "three")))
    assert [numbers(database, word) for word in ("one", "two", "three")] == [[], [], [1]]


def test_too_many_are_not_listed(filled):
    """Of more than are held in memory there is no list; the figures are of the same chats."""
    assert len(numbers(filled, "hm", most=3)) >= 3
    chosen = filled.read(lambda tx: chosen_by(tx, SessionFilter(words=(Words("hm"),)), *SPAN))
    assert chosen.numbers == (1, 2, 3, 4, 5, 6)


def test_numbers_far_apart_are_looked_for_in_runs():
    """Numbers lie in few runs that have them all, cut where the gaps are largest."""
    assert runs_of([7]) == [range(7, 8)]
    assert runs_of([9, 3, 4, 5_000]) == [range(3, 5), range(9, 10), range(5_000, 5_001)]

    scattered = [number * number for number in range(1, 60)]
    runs = runs_of(scattered)
    assert len(runs) <= 16
    assert all(sum(number in run for run in runs) == 1 for number in scattered)


def test_a_chat_of_long_ago_does_not_make_others_be_looked_at(database):
    """Of a chat that came late, who lies between is not asked; where too many lie between, no words are kept."""

    def many(tx):
        for number in range(1, 801):
            live(tx, ("log", chat(number, "so it is", at=WEEK)))

    def said(tx, meant):
        words = common_words(tx, meant)
        return dict(zip(words, who_says(tx, words, meant), strict=True))

    database.write(many)
    assert database.read(lambda tx: said(tx, [1, 2, 3, 800]))["so"] == {1, 2, 3, 800}
    assert database.read(lambda tx: said(tx, range(1, 801)))["so"] == {*range(1, 801)}
    assert database.read(lambda tx: said(tx, range(1, 801, 20))) == {}
