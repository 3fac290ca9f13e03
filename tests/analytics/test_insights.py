"""Insights against the slow and obvious evaluator, over random lives of a log."""

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from proxy.analytics import sessions
from proxy.analytics.chosen import chosen_by
from proxy.analytics.gathering import ALL
from proxy.analytics.insights import ROWS, insights
from proxy.analytics.ranking import AGAIN, QUESTIONS, most
from proxy.core.among import read_among
from proxy.core.figure_question import read_question
from proxy.core.search_words import Words
from proxy.core.session_filter import Page, SessionFilter, read_sessions
from tests.analytics import figures_scenes as scenes
from tests.analytics.figures_life import emptied, live, logged
from tests.analytics.insights_evaluator import chats, evaluate

#: What about half of the scenes' messages have.
SAYING = SessionFilter(words=(Words("I"),))
#: Insights are as far as texts have been read, whether weeks are kept or not.
LAST = st.sampled_from([("sum", None), ("read", None)])
RANKINGS = {"questions": QUESTIONS, "again": AGAIN}
NO_SIDE = ALL.without_side()


def listed(narrow, span, tx):
    """How many sessions the list has that a row leads to."""
    feedback = narrow.get("feedback")
    among = replace(read_among(narrow), began=span[0], before=span[1])
    asked = SessionFilter(side=False, feedback=feedback, among=among)
    return sessions.lines(tx, asked, Page(0)).total


def agree(database, examples):
    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=(Phase.generate,),
    )
    @given(scenes.LIVES, scenes.SPANS, LAST)
    def run(life, span, last):
        try:
            for step in [*life, last]:
                database.write(lambda tx, step=step: live(tx, step))
            tables = database.read(logged)
            with_side = database.read(lambda tx: insights(tx, ALL, *span))
            for link in with_side["links"]:
                link.pop("title")
            assert with_side == evaluate(tables, *span, with_side=True)
            expected = evaluate(tables, *span)
            found = database.read(lambda tx: insights(tx, NO_SIDE, *span))
            for link in found["links"]:
                assert link.pop("title") in ("", "One", "Two")
            for name in expected:
                assert found[name] == expected[name], (name, found[name], expected[name])
            assert found.keys() == expected.keys()
            for name, ranking in RANKINGS.items():
                ranked = database.read(lambda tx, r=ranking: most(tx, r, *span))
                assert [(-row.times, -row.sessions, row.name) for row in ranked] == [
                    (row.get("times", row["sessions"]), row["sessions"], int(row["narrow"]["asked"]))
                    for row in expected[name]
                ]
            chosen = database.read(lambda tx: chosen_by(tx, SAYING, *span)).without_side()
            expected = evaluate(database.read(logged), *span, lambda one: "i" in one["said"])
            said = database.read(lambda tx: insights(tx, chosen, *span))
            assert said | {"links": [{**link, "title": ""} for link in said["links"]]} == expected | {
                "links": [{**link, "title": ""} for link in expected["links"]]
            }
            for name, rows in found.items():
                for row in rows if name != "searches" else ():
                    assert database.read(partial(listed, row["narrow"], span)) == row["sessions"], (name, row)
        finally:
            database.write(emptied)
            database.write(lambda tx: tx.run("drop_outdated_events", before=10**15))

    run()


def test_whoever_cut_answers_off_a_list_is_short(database):
    """However many answers say, in words of their own, who cut them off, the list is no longer than the others."""
    said = [
        {"role": "assistant", "content": "so", "createdAt": scenes.NOW, "properties": {"interrupted": f"by {number}"}}
        for number in range(2 * ROWS)
    ]
    database.write(lambda tx: live(tx, ("log", {"id": "c", "messages": said, "properties": {}, "user": {}})))

    told = database.read(lambda tx: insights(tx, NO_SIDE, scenes.NOW, scenes.NOW + 1))

    assert len(told["failures"]) == ROWS


@pytest.mark.parametrize("said", ["why " * 300, "x" * 1500, "退" * 1500], ids=["many words", "long", "Han"])
def test_a_long_search_leads_to_the_list(database, said):
    """Whatever was searched for, the list takes as much of it as it can look for."""
    event = {"type": "search_query_submitted", "searchQuery": said, "createdAt": scenes.NOW}
    database.write(lambda tx: live(tx, ("search", event)))

    (row,) = database.read(lambda tx: insights(tx, NO_SIDE, scenes.NOW, scenes.NOW + 1))["searches"]

    assert read_sessions(row["narrow"].items(), limit=1, highest=1)[0].words


def test_insights_are_the_evaluators(database):
    """Insights of random logs are those of the evaluator."""
    agree(database, 60)


@pytest.mark.slow
def test_insights_of_many_logs_are_the_evaluators(database):
    """Insights of 1,000 random logs are those of the evaluator."""
    agree(database, 1000)


CITES = {
    "id": "c0",
    "messages": [
        {
            "id": "m0",
            "role": "assistant",
            "content": "so",
            "createdAt": scenes.NOW,
            "links": [{"url": "https://a.example"}],
        }
    ],
    "properties": {},
}
THUMB = {"type": "negative", "messageId": "m0", "id": "f"}
THUMBS = {
    "before it is read": ([("thumb", THUMB), ("sum", None)], 1),
    "after": ([("sum", None), ("thumb", THUMB)], 1),
    "two": ([("sum", None), ("thumb", THUMB), ("thumb", THUMB | {"id": "g"})], 1),
    "turned up": ([("sum", None), ("thumb", THUMB), ("thumb", THUMB | {"type": "positive"})], 0),
    "taken back": ([("sum", None), ("thumb", THUMB), ("undo", "f")], 0),
    "one of two taken back": ([("sum", None), ("thumb", THUMB), ("thumb", THUMB | {"id": "g"}), ("undo", "f")], 1),
}


@pytest.mark.parametrize(("steps", "disliked"), THUMBS.values(), ids=THUMBS)
def test_thumbs_stand_beside_what_is_cited(database, steps, disliked):
    """A page has as many thumbs down as sessions that cite it have one, at once, whatever becomes of thumbs."""
    for step in [("log", CITES), *steps]:
        database.write(lambda tx, step=step: live(tx, step))

    (link,) = database.read(lambda tx: insights(tx, NO_SIDE, scenes.NOW, scenes.NOW + 1))["links"]

    assert (link["sessions"], link["disliked"]) == (1, disliked)


TAGGED = {"id": "c0", "tags": ["vip"], "messages": [{"role": "user", "content": "Where is my invoice?"}]}
FILTERS = {
    "words": ({"q": "invoice"}, lambda one: "invoice" in one["said"]),
    "the beginning of a word": ({"q": "invo*"}, lambda one: "invoice" in one["said"]),
    "a user": ({"user": "ann"}, lambda one: one["user"] == "ann"),
    "a model": ({"model": "gpt-4o"}, lambda one: one["model"] == "gpt-4o"),
    "a tag": ({"tag": "vip"}, lambda one: "vip" in one["tags"]),
    "a property": ({"property": "source=docs"}, lambda one: one["properties"].get("source") == "docs"),
    "thumbs down": ({"feedback": "negative"}, lambda one: "negative" in one["thumbs"]),
    "thumbs up": ({"feedback": "positive"}, lambda one: "positive" in one["thumbs"]),
    "thumbs": ({"feedback": "any"}, lambda one: bool(one["thumbs"])),
    "help failed": ({"failed": "any"}, lambda one: one["failed"] or one["regenerated"] or "negative" in one["thumbs"]),
    "refused": ({"failed": "refused"}, lambda one: any(answer["refused"] for answer in one["answers"])),
    "cut off": ({"failed": "interrupted"}, lambda one: any(answer["interrupted"] for answer in one["answers"])),
    "cut off by the client": ({"failed": "interrupted:client"}, lambda one: "client" in one["cut"]),
    "made anew": ({"failed": "regenerated"}, lambda one: one["regenerated"] > 0),
    "asked again": ({"again": "true"}, lambda one: one["again"] > 0),
    "a link": ({"cites": "https://a.example/x"}, lambda one: "https://a.example/x" in one["links"]),
    "an endpoint": ({"endpoint": "chat"}, lambda one: one["endpoint"] == "chat"),
    "a property and a model": (
        {"property": "source=docs", "model": "gpt-4o"},
        lambda one: one["properties"].get("source") == "docs" and one["model"] == "gpt-4o",
    ),
    "an endpoint, asked again": (
        {"endpoint": "chat", "again": "true"},
        lambda one: one["endpoint"] == "chat" and one["again"] > 0,
    ),
    "cut off, with a thumb": (
        {"failed": "interrupted", "feedback": "any"},
        lambda one: any(answer["interrupted"] for answer in one["answers"]) and bool(one["thumbs"]),
    ),
    "a property and a thumb": (
        {"property": "source=docs", "feedback": "negative"},
        lambda one: one["properties"].get("source") == "docs" and "negative" in one["thumbs"],
    ),
}


@pytest.mark.parametrize(("query", "passes"), FILTERS.values(), ids=FILTERS)
def test_insights_of_some(database, query, passes):
    """Insights of whatever the list can be narrowed to are those of the evaluator, and the list has as many sessions."""

    @settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
    @given(scenes.LIVES, scenes.SPANS, LAST)
    def run(life, span, last):
        try:
            for step in [("log", TAGGED), *life, last]:
                database.write(lambda tx, step=step: live(tx, step))
            asked = read_question(query, scenes.NOW).asked
            tables = database.read(logged)
            expected = evaluate(tables, *span, passes)
            found = database.read(
                lambda tx: insights(tx, chosen_by(tx, asked, *span, by_week=True).without_side(), *span)
            )
            for link in found["links"]:
                link.pop("title")
            assert found == expected

            changed = {row["id"]: row["updated_at"] for row in tables["conversation"]}
            ids = sorted((one["id"] for one in chats(tables, *span, passes)), key=lambda name: (-changed[name], name))
            among = replace(read_among(query), began=span[0], before=span[1])
            wanted = replace(asked, side=False, among=among)
            page = database.read(lambda tx: sessions.lines(tx, wanted, Page(10)))
            assert [line["id"] for line in page.lines] == ids
            assert page.total == len(ids)
        finally:
            database.write(emptied)
            database.write(lambda tx: tx.run("drop_outdated_events", before=10**15))

    run()
