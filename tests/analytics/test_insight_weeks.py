"""What insights count of whole weeks: kept, used while it holds, and never when it does not."""

import pytest

from proxy.analytics import keeping, reading, trait_weeks
from proxy.analytics.chosen import chosen_by
from proxy.analytics.gathering import ALL
from proxy.analytics.insights import insights
from proxy.core.buckets import DAY_MS, bucket_of
from proxy.core.figure_question import read_question
from tests.analytics import figures_scenes as scenes
from tests.analytics.figures_life import live, logged
from tests.analytics.insights_evaluator import evaluate

WEEK = bucket_of(scenes.NOW - 14 * DAY_MS, "week")
SPAN = (WEEK - DAY_MS, scenes.NOW)
#: What is asked, and as which trait it is kept: by its name, or the number of what stands for one.
KEPT = {
    "all": ({}, 0),
    "a tag": ({"tag": "vip"}, "tvip"),
    "a model": ({"model": "m"}, "pmodel=m"),
    "an endpoint": ({"endpoint": "chat"}, "pendpoint=chat"),
    "thumbs down": ({"feedback": "negative"}, -1),
    "thumbs up": ({"feedback": "positive"}, -2),
    "thumbs": ({"feedback": "any"}, -3),
    "help failed": ({"failed": "any"}, -4),
    "refused": ({"failed": "refused"}, -5),
    "cut off": ({"failed": "interrupted"}, -6),
    "made anew": ({"failed": "regenerated"}, -7),
    "asked again": ({"again": "true"}, -8),
}


def chat(number, asked="Where is my last invoice?", page="a", **more):
    at = WEEK + number * DAY_MS
    answer = {"interrupted": "client", "refusal": True}
    said = [
        {"role": "user", "content": asked, "createdAt": at, "id": f"q{number}"},
        {"role": "assistant", "content": "so", "createdAt": at, "id": f"m{number}", "properties": answer}
        | {"links": [{"url": f"https://{page}.example"}]},
        {"role": "user", "content": "But where is my last invoice?", "createdAt": at, "id": f"r{number}"},
    ]
    told = {"tags": ["vip"], "properties": {"model": "m", "endpoint": "chat"}}
    return ("log", {"id": f"c{number}", "messages": said, **told, **more})


def thumb(name, kind, number, **more):
    return ("thumb", {"id": name, "type": kind, "messageId": f"m{number}", **more})


ANEW = {"id": "x", "type": "message:regenerated", "conversationId": "c1"}
STEPS = [
    *(chat(number) for number in range(1, 4)),
    thumb("f", "negative", 1),
    thumb("g", "positive", 1),
    ("event", ANEW),
    ("sum", None),
]


def happens(database, *steps):
    for step in steps:
        database.write(lambda tx, step=step: live(tx, step))


def found(database, query):
    def look(tx):
        chosen = chosen_by(tx, read_question(query, scenes.NOW).asked, *SPAN, by_week=True) or ALL
        return insights(tx, chosen.without_side(), *SPAN)

    return database.read(look)


@pytest.mark.parametrize(("query", "trait"), KEPT.values(), ids=KEPT)
def test_a_week_that_holds_is_not_counted_again(database, query, trait):
    """What is kept of a week is told, of all sessions, of those with a trait, and by what became of them."""
    happens(database, *STEPS)
    told = found(database, query)
    assert told["questions"][0]["sessions"] in (1, 3)

    change = "UPDATE kept_findings SET reasons = '{\"as it is kept\":[7,7]}' WHERE start = :week AND trait = "
    number = "(SELECT id FROM trait_name WHERE trait = :trait)" if isinstance(trait, str) else ":trait"
    database.write(lambda tx: list(tx.ask(change + number, {"week": WEEK, "trait": trait})))

    assert [row["reason"] for row in found(database, query)["reasons"]] == ["as it is kept"]


SEVERAL = {
    "a tag and a model": ({"tag": "vip", "model": "m"}, {1, 2, 3}),
    "a tag and thumbs down": ({"tag": "vip", "feedback": "negative"}, {1}),
    "a model, thumbs down": ({"model": "n", "feedback": "negative"}, {4}),
    "asked again and made anew": ({"again": "true", "failed": "regenerated"}, {1}),
    "three": ({"tag": "vip", "model": "m", "feedback": "any"}, {1}),
    "none has both": ({"tag": "vip", "model": "n"}, set()),
    "one that nobody has": ({"tag": "vip", "model": "x"}, set()),
}
OTHERS = [chat(4, tags=[], properties={"model": "n"}, page="b"), thumb("i", "negative", 4), ("sum", None)]


@pytest.mark.parametrize(("query", "numbers"), SEVERAL.values(), ids=SEVERAL)
def test_several_traits_meet_in_what_is_kept(database, query, numbers):
    """Sessions with several traits are those that weeks keep of each; what they cite is told out of that, too."""
    happens(database, *STEPS, *OTHERS)
    ids = {f"c{number}" for number in numbers}
    expected = evaluate(database.read(logged), *SPAN, lambda one: one["id"] in ids)
    told = found(database, query)
    for link in told["links"]:
        link.pop("title")
    assert told == expected

    database.write(lambda tx: list(tx.ask("UPDATE kept_findings SET linked = zeroblob(length(linked))", {})))

    assert found(database, query)["links"] == []


CHANGES = {
    "another chat": chat(4),
    "other words": chat(1, asked="Why is that so?"),
    "another link": chat(1, page="b"),
    "without its tag": chat(1, tags=[]),
    "of another model": chat(1, properties={"model": "n"}),
    "as a side request": chat(1, properties={"model": "m", "kind": "title"}),
    "a thumb": thumb("h", "negative", 2),
    "a thumb turned": thumb("f", "positive", 1),
    "a reason": thumb("f", "negative", 1, reasons=[{"label": "slow", "details": ""}]),
    "a thumb taken back": ("undo", "f"),
    "made anew once more": ("event", ANEW | {"id": "y"}),
    "deleted": ("delete", "c1"),
}


@pytest.mark.parametrize(
    "query",
    [{}, {"tag": "vip"}, {"feedback": "negative"}, {"tag": "vip", "feedback": "negative"}],
    ids=["all", "a tag", "thumbs down", "both"],
)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_week_that_has_changed_is_counted_again(database, change, query):
    """Whatever insights count has changed, the next look tells it, before anything is kept anew."""
    happens(database, *STEPS, change)
    while database.write(reading.read_sessions):
        pass

    expected = evaluate(database.read(logged), *SPAN, passes(query))
    told = found(database, query)
    for link in told["links"]:
        link.pop("title")
    assert told == expected


def passes(query):
    return lambda one: (
        ("tag" not in query or "vip" in one["tags"]) and ("feedback" not in query or "negative" in one["thumbs"])
    )


def test_what_is_read_meanwhile_is_counted(database):
    """Texts that are read while a week is being counted are not lost: nothing is kept of it, and it is counted again."""
    happens(database, chat(1))
    database.write(lambda tx: keeping.sum_hours(tx, scenes.NOW))
    week = database.write(lambda tx: trait_weeks.claim(tx, scenes.NOW))
    sums = database.read(lambda tx: trait_weeks.summed(tx, week, least=1))
    database.write(reading.read_sessions)
    database.write(lambda tx: trait_weeks.keep(tx, week, sums))

    assert week == WEEK
    assert database.read(lambda tx: list(tx.ask("SELECT 1 FROM kept_findings", {}))) == []
    assert database.write(lambda tx: trait_weeks.claim(tx, scenes.NOW)) == WEEK


def test_with_side_requests_where_they_are_told_apart(database):
    """A week is kept with side requests only where that is something else."""
    happens(database, *STEPS)
    sides = "SELECT DISTINCT with_side FROM kept_findings ORDER BY 1"
    assert [row[0] for row in database.read(lambda tx: list(tx.ask(sides, {})))] == [0]

    happens(database, chat(5, properties={"kind": "title"}), ("sum", None))

    assert [row[0] for row in database.read(lambda tx: list(tx.ask(sides, {})))] == [0, 1]
    lists = [database.read(lambda tx, c=c: insights(tx, c, *SPAN)) for c in (ALL, ALL.without_side())]
    assert [one["questions"][0]["sessions"] for one in lists] == [4, 3]


def test_what_is_deleted_leaves_nothing(database):
    """Once a conversation is deleted nothing is kept of its week, until that is counted again."""
    happens(database, *STEPS, ("delete", "c1"))

    assert database.read(lambda tx: list(tx.ask("SELECT 1 FROM kept_findings", {}))) == []


def test_the_last_of_those_asked_at_once(database):
    """How it was asked last stands for a question; of those asked at the same time the smaller id, in whatever order they came."""
    for name, asked in (("cb", "Where is it?"), ("ca", "where is it"), ("cc", "WHERE IS IT?")):
        said = [{"role": "user", "content": asked, "createdAt": WEEK, "id": f"m{name}"}]
        happens(database, ("log", {"id": name, "messages": said, "tags": ["vip"]}))
    happens(database, ("sum", None))

    assert [found(database, one)["questions"][0]["question"] for one in ({}, {"tag": "vip"})] == ["where is it"] * 2
