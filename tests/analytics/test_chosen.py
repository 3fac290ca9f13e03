"""What leads to the sessions of a filter where many pass it: whatever it is, figures and insights are the same."""

import pytest
from multidict import MultiDict

from proxy.analytics.chosen import FEW, chosen_by
from proxy.analytics.figures import Asked, figures
from proxy.analytics.insights import insights
from proxy.analytics.store import open_database
from proxy.core.figure_question import read_question
from proxy.core.tally import figures as told
from tests.analytics import figures_evaluator, insights_evaluator
from tests.analytics import figures_scenes as scenes
from tests.analytics.figures_life import live, logged

SINCE, UNTIL = scenes.NOW - 20 * 24 * scenes.HOUR, scenes.NOW
COUNT = 2 * FEW + 30


def conversation(number):
    at = UNTIL - number * 4 * scenes.HOUR
    answer = {"latencyMs": 100 * number, "model": "m"} | ({"interrupted": "client"} if number % 3 == 0 else {})
    links = [{"url": f"https://a.example/{number % 5}"}]
    return {
        "id": f"c{number}",
        "tags": [*(["vip"] if number % 4 else []), *(["eu"] if number % 3 else [])],
        "properties": {"model": "mn"[number % 2], "source": "docs" if number % 5 else "app"},
        "user": {"userId": f"u{number % 9}"},
        "messages": [
            {"role": "user", "content": f"Where is my {number % 7}?", "createdAt": at},
            {"role": "assistant", "content": "here", "createdAt": at, "properties": answer, "links": links}
            | {"id": f"a{number}"},
            {"role": "user", "content": f"Where is my {number % 7}?", "createdAt": at},
        ],
    }


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """More sessions than few, most of them with one tag, and with another, and with a property; nothing changes them."""
    database = open_database(tmp_path_factory.mktemp("chosen") / "analytics.db")
    steps = [("log", conversation(number)) for number in range(COUNT)]
    steps += [
        ("thumb", {"type": "negative", "messageId": f"a{number}", "id": f"f{number}"}) for number in range(0, COUNT, 2)
    ]
    for step in [*steps, ("sum", None)]:
        database.write(lambda tx, step=step: live(tx, step))
    yield database
    database.close()


FILTERS = {
    "a tag": ({"tag": "vip"}, lambda one: one["number"] % 4, True),
    "a property": ({"property": "source=docs"}, lambda one: one["number"] % 5, True),
    "a tag and a property": (
        {"tag": "vip", "property": "source=docs"},
        lambda one: one["number"] % 4 and one["number"] % 5,
        True,
    ),
    "a tag and a thumb": (
        {"tag": "vip", "feedback": "negative"},
        lambda one: one["number"] % 4 and one["number"] % 2 == 0,
        False,
    ),
    "a tag and a model": ({"tag": "eu", "model": "n"}, lambda one: one["number"] % 3 and one["number"] % 2, True),
    "a tag and a word": ({"tag": "eu", "q": "where"}, lambda one: one["number"] % 3, True),
    "two tags and a word": (
        MultiDict([("tag", "eu"), ("tag", "vip"), ("q", "where")]),
        lambda one: one["number"] % 3 and one["number"] % 4,
        True,
    ),
    "a property, a thumb and a word": (
        {"property": "source=docs", "feedback": "negative", "q": "where"},
        lambda one: one["number"] % 5 and one["number"] % 2 == 0,
        None,
    ),
    "a tag and a word of nobody": ({"tag": "eu", "q": "nobody"}, lambda _: False, None),
    "a tag and cut off": (
        {"tag": "vip", "failed": "interrupted"},
        lambda one: one["number"] % 4 and one["number"] % 3 == 0,
        False,
    ),
    "a tag of nobody": ({"tag": "none"}, lambda _: False, None),
}


@pytest.mark.parametrize(("query", "passes", "by_trait"), FILTERS.values(), ids=FILTERS)
def test_many_that_pass_are_told_as_they_are(filled, query, passes, by_trait):
    """Figures and insights of sessions that a tag leads to are those of the evaluators, by whichever index they are read."""
    asked = read_question(query, scenes.NOW).asked
    tables = filled.read(logged)

    def meant(session):
        return passes(session | {"number": int(session["id"][1:])})

    chosen = filled.read(lambda tx: chosen_by(tx, asked, SINCE, UNTIL))
    wanted = Asked(SINCE, UNTIL, unit="day", chosen=chosen)
    found = filled.read(lambda tx: figures(tx, wanted))
    in_all, _, by_model = figures_evaluator.evaluate(
        tables, SINCE, UNTIL, "day", lambda one: one["model"], passes=meant
    )
    lists = filled.read(lambda tx: insights(tx, chosen.without_side(), SINCE, UNTIL))
    for link in lists["links"]:
        link.pop("title")

    assert told(found.total, found.newcomers) == in_all
    assert {name: told(tally, found.newcomers) for name, tally in found.groups.items()} == by_model
    assert lists == insights_evaluator.evaluate(tables, SINCE, UNTIL, meant)
    if by_trait is not None:
        assert (chosen.lead is not None and chosen.lead.condition != "") is by_trait
