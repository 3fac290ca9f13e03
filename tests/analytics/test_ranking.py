"""The most asked of a span, found among the most asked of all, held against counting."""

import random
from collections import Counter

import pytest

from proxy.analytics.keeper import Keeper
from proxy.analytics.ranking import CANDIDATES, PAGES, QUESTIONS, ROWS, most
from tests.analytics.figures_life import live
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


def citing(number, chance):
    """A conversation that cites two pages, anywhere within ten weeks."""
    links = [{"url": f"https://a.example/{chance.randrange(30)}"} for _ in range(2)]
    said = {"id": f"m{number}", "role": "assistant", "content": "so", "links": links}
    at = START + chance.randrange(70 * DAY)
    return {"id": f"c{number}", "messages": [said | {"createdAt": at}], "properties": {}}


def test_the_most_cited_of_any_span(database):
    """Whole weeks and what is beside them are all that is cited, after some began at another time and some went."""
    chance = random.Random(7)
    steps = [("log", citing(number, chance)) for number in range(80)] + [("sum", None)]
    steps += [("log", citing(number, chance)) for number in range(20)] + [("delete", f"c{n}") for n in range(10, 30)]
    for step in steps:
        database.write(lambda tx, step=step: live(tx, step))
    weeks = "SELECT page, began - began % 604800000 AS week, count(*) FROM citation GROUP BY page, week"
    moved, kept = database.read(
        lambda tx: [
            [tuple(row) for row in tx.ask(text, {})] for text in (weeks, "SELECT * FROM cited_in_week ORDER BY 1, 2")
        ]
    )
    assert moved == kept

    database.write(lambda tx: live(tx, ("sum", None)))
    cited = database.read(
        lambda tx: [tuple(row) for row in tx.ask("SELECT url, began FROM citation JOIN page ON page.id = page", {})]
    )
    edges = [START + day * DAY + by for day in (-3, 0, 1, 5, 7, 8, 21, 40, 69, 71) for by in (-1, 0, 1)]
    for since, until in [(since, until) for since in edges for until in edges if since < until]:
        counts = Counter(url for url, began in cited if since <= began < until)
        expected = sorted(((-count, url) for url, count in counts.items()))[:ROWS]

        found = database.read(lambda tx, s=since, u=until: most(tx, PAGES, s, u))

        assert [(row.times, row.name) for row in found] == expected
