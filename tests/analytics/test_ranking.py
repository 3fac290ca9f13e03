"""The most asked of a span, found among the most asked of all, held against counting."""

import random
from collections import Counter

import pytest

from proxy.analytics.keeper import Keeper
from proxy.analytics.ranking import CANDIDATES, QUESTIONS, ROWS, most
from tests.analytics.test_searching import START, put_all

DAY = 86_400_000
#: What is asked in each of so many sessions, by how many days the log has.
LOGS = {
    "some questions often, most once": lambda chance, number: min(int(chance.paretovariate(0.4)), 10**6),
    "each question once": lambda chance, number: number,
    "a few, all alike": lambda chance, number: chance.randrange(40),
    "what is new comes often": lambda chance, number: number // 100,
}


@pytest.mark.parametrize("asked", LOGS.values(), ids=LOGS)
async def test_the_most_asked_of_any_span(database, store, asked):
    """Whatever is asked how often, the first rows of a span are those that counting all of it finds."""
    chance = random.Random(7)
    made = [
        {"id": f"c{number}", "text": f"number {asked(chance, number)}", "began": START + number * DAY // 50}
        for number in range(1500)
    ]
    put_all(database, made)
    while await Keeper(store).do_some():
        pass
    keys = database.read(
        lambda tx: {row[0]: row[1] for row in tx.ask("SELECT conversation, question FROM session", {})}
    )
    for first, last in ((0, 30), (3, 4), (10, 20), (29, 31), (40, 50)):
        span = (START + first * DAY, START + last * DAY)
        counts = Counter(keys[one["id"]] for one in made if span[0] <= one["began"] < span[1])
        expected = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:ROWS]

        found = database.read(lambda tx, s=span: most(tx, QUESTIONS, *s))

        assert [(row.key, -row.times) for row in found] == expected
    assert len(made) < CANDIDATES
