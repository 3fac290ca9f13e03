"""Insights against the slow and obvious evaluator, over random lives of a log."""

from dataclasses import replace
from functools import partial

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from proxy.analytics import sessions
from proxy.analytics.gathering import Chosen
from proxy.analytics.insights import ROWS, insights
from proxy.analytics.ranking import AGAIN, PAGES, QUESTIONS, UNHELPED, most
from proxy.core.among import read_among
from proxy.core.session_filter import Page, SessionFilter, read_sessions
from tests.analytics import figures_scenes as scenes
from tests.analytics.figures_life import emptied, live, logged
from tests.analytics.insights_evaluator import evaluate

RANKINGS = {"questions": QUESTIONS, "unhelped": UNHELPED, "again": AGAIN, "links": PAGES}
NO_SIDE = Chosen(("s.side = 0",))


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
    @given(scenes.LIVES, scenes.SPANS)
    def run(life, span):
        try:
            for step in [*life, ("sum", None)]:
                database.write(lambda tx, step=step: live(tx, step))
            expected = evaluate(database.read(logged), *span)
            found = database.read(lambda tx: insights(tx, NO_SIDE, *span))
            for link in found["links"]:
                assert link.pop("title") in ("", "One", "Two")
            for name in expected:
                assert found[name] == expected[name], (name, found[name], expected[name])
            assert found.keys() == expected.keys()
            for name, ranking in RANKINGS.items():
                ranked = database.read(lambda tx, r=ranking: most(tx, r, *span, few=0))
                assert [(-row.times, -row.sessions, row.name) for row in ranked] == [
                    (row.get("times", row["sessions"]), row["sessions"], row.get("url") or int(row["narrow"]["asked"]))
                    for row in expected[name]
                ]
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
