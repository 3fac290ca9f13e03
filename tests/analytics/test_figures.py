"""Figures against the slow and obvious evaluator, over random lives of a log."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from proxy.analytics import figures
from proxy.analytics.chosen import chosen_by
from proxy.analytics.figures import Asked
from proxy.analytics.gathering import Chosen
from proxy.core.among import Among
from proxy.core.search_words import Words
from proxy.core.session_filter import SessionFilter
from proxy.core.tally import figures as told_of
from tests.analytics import figures_scenes as scenes
from tests.analytics.figures_evaluator import evaluate
from tests.analytics.figures_life import emptied, live, logged
from tests.analytics.insights_evaluator import words_of

DERIVED = (
    "session",
    "answer",
    "answer_sums",
    "person",
    "citation",
    "page",
    "trait",
    "trait_time",
    "trait_name",
    "asked",
    "sheaf",
)

#: What about half of the scenes' messages have.
SAYING = SessionFilter(words=(Words("I"),))
#: Filters, and the sessions that pass them; of all of these weeks are kept.
SOME = [
    (SessionFilter(properties=(("source", "docs"),)), lambda session: said("source")(session) == "docs"),
    (SessionFilter(feedback="negative"), lambda session: "negative" in session["thumbs"]),
    (SessionFilter(feedback="positive"), lambda session: "positive" in session["thumbs"]),
    (SessionFilter(among=Among(failed="regenerated")), lambda session: session["regenerated"] > 0),
]


def told(found, asked):
    return (
        told_of(found.total, found.newcomers),
        {start: told_of(tally, found.newcomers_of.get(start, set())) for start, tally in found.series.items()},
        {name: told_of(tally, found.newcomers) for name, tally in found.groups.items()},
    )


def agree(database, examples):
    @settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=(Phase.generate,),
    )
    @given(
        *(scenes.LIVES, scenes.SPANS, scenes.UNITS),
        *(st.sampled_from(["model", "endpoint"]), st.booleans(), st.sampled_from(SOME)),
    )
    def run(life, span, unit, by, with_side, some):
        try:
            for step in life:
                database.write(lambda tx, step=step: live(tx, step))
            tables = database.read(logged)
            asked = Asked(*span, unit=unit, by=by, with_side=with_side)
            expected = evaluate(tables, *span, unit, lambda one: one[by], with_side=with_side)
            assert told(database.read(lambda tx: figures.figures(tx, asked)), asked) == expected

            in_all, _, by_group = expected
            assert database.read(lambda tx: figures.earlier(tx, asked)) == (in_all, by_group)

            filtered = Asked(*span, unit=unit, by=by, with_side=with_side, chosen=Chosen(()))
            assert told(database.read(lambda tx: figures.figures(tx, filtered)), filtered) == expected

            by_property = Asked(*span, unit=unit, by="property:source", property="source", with_side=with_side)
            expected = evaluate(tables, *span, unit, said("source"), with_side=with_side)
            assert told(database.read(lambda tx: figures.figures(tx, by_property)), by_property) == expected

            asked_for, passes = some
            chosen = database.read(lambda tx: chosen_by(tx, asked_for, *span))
            of_one = Asked(*span, unit=unit, by=by, with_side=with_side, chosen=chosen)
            expected = evaluate(tables, *span, unit, lambda one: one[by], passes=passes, with_side=with_side)
            assert told(database.read(lambda tx: figures.figures(tx, of_one)), of_one) == expected
            assert database.read(lambda tx: figures.earlier(tx, of_one)) == (expected[0], expected[2])

            chosen = database.read(lambda tx: chosen_by(tx, SAYING, *span))
            saying = Asked(*span, unit=unit, by=by, with_side=with_side, chosen=chosen)
            has_it = {"passes": lambda session: session["id"] in ids_saying(tables, "i"), "with_side": with_side}
            expected = evaluate(tables, *span, unit, lambda one: one[by], **has_it)
            assert told(database.read(lambda tx: figures.figures(tx, saying)), saying) == expected
            assert database.read(lambda tx: figures.earlier(tx, saying)) == (expected[0], expected[2])

            by_property = replace(saying, by="property:source", property="source")
            expected = evaluate(tables, *span, unit, said("source"), **has_it)
            assert told(database.read(lambda tx: figures.figures(tx, by_property)), by_property) == expected
        finally:
            database.write(emptied)

        left = database.read(lambda tx: {table: list(tx.ask(f"SELECT * FROM {table}", {})) for table in DERIVED})
        assert not any(left.values())

    run()


def ids_saying(tables, word):
    """Conversations one message of which, of those that stand in it, has a word."""
    return {
        row["conversation"]
        for row in tables["message"]
        if row["place"] is not None and word in words_of(row["text"] or "")
    }


def said(name):
    """A property as text, as queries group by it."""
    from tests.analytics.evaluator import as_text

    return lambda session: as_text(session["properties"].get(name))


def test_figures_are_the_evaluators(database):
    """Figures of random logs, kept and not, are those of the evaluator, and nothing of what is deleted stays."""
    agree(database, 30)


@pytest.mark.slow
def test_figures_of_many_logs_are_the_evaluators(database):
    """Figures of 300 random logs are those of the evaluator."""
    agree(database, 300)


OLD = scenes.NOW - 100 * scenes.HOUR
ASKS = {"role": "user", "content": "?", "createdAt": OLD, "id": "m0"}
ANSWERS = {"role": "assistant", "content": "!", "createdAt": OLD, "id": "m1", "properties": {"latencyMs": 1234}}
PROMPTS = {"role": "system", "content": "!", "createdAt": OLD, "id": "m4"}
CHAT = {"id": "c0", "messages": [ASKS, ANSWERS, PROMPTS], "user": {"userId": "ann"}, "properties": {"model": "m"}}
LATER = ASKS | {"createdAt": OLD + 50 * scenes.HOUR}
ANNS_SECOND = {"id": "c1", "messages": [LATER | {"id": "m2"}], "user": {"userId": "ann"}}
CHANGES = {
    "an answer comes": ("log", CHAT | {"messages": [ASKS, ANSWERS, ANSWERS | {"id": "m9"}]}),
    "an answer says more": ("log", CHAT | {"messages": [ASKS, ANSWERS | {"properties": {"refusal": True}}]}),
    "an answer was none": ("log", CHAT | {"messages": [ASKS, ANSWERS | {"role": "user"}]}),
    "an answer was a prompt": ("log", CHAT | {"messages": [ASKS, ANSWERS | {"role": "system"}, PROMPTS]}),
    "a prompt was an answer": ("log", CHAT | {"messages": [ASKS, ANSWERS, PROMPTS | {"role": "assistant"}]}),
    "an answer is replaced": ("log", CHAT | {"messages": [ASKS, ANSWERS | {"id": "m8"}]}),
    "an answer goes": ("log", CHAT | {"messages": [ASKS]}),
    "another model": ("log", CHAT | {"properties": {"model": "n"}}),
    "a side request": ("log", CHAT | {"properties": {"kind": "title"}}),
    "another user": ("log", CHAT | {"user": {"userId": "bob"}}),
    "it began later": ("log", CHAT | {"messages": [LATER]}),
    "it began earlier": ("log", CHAT | {"messages": [ASKS | {"createdAt": OLD - 30 * scenes.HOUR}, ANSWERS]}),
    "somebody had been there before": (
        "log",
        ANNS_SECOND | {"id": "c2", "messages": [ASKS | {"id": "m3", "createdAt": OLD - 70 * scenes.HOUR}]},
    ),
    "the first goes": ("delete", "c0"),
    "a thumb": ("thumb", {"type": "negative", "messageId": "m1", "id": "f"}),
    "a thumb turns": ("thumb", {"type": "negative", "messageId": "m2", "id": "g"}),
    "a thumb goes": ("undo", "g"),
    "regenerated": ("event", {"id": "x", "type": "message:regenerated", "conversationId": "c0"}),
    "not regenerated": ("event", {"id": "y", "type": "copied", "conversationId": "c1"}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("since", [OLD - 80 * scenes.HOUR, OLD + 40 * scenes.HOUR], ids=["of both", "of the second"])
def test_a_change_shows_in_sums_that_were_kept(database, change, since):
    """What changes in an hour that is summed already shows in the figures at once, and when it is summed again."""
    thumb = ("thumb", {"type": "positive", "messageId": "m2", "id": "g"})
    event = ("event", {"id": "y", "type": "message:regenerated", "conversationId": "c1"})
    asked = Asked(since, scenes.NOW, unit="day")
    for step in [("log", CHAT), ("log", ANNS_SECOND), thumb, event, ("sum", None)]:
        database.write(lambda tx, step=step: live(tx, step))
    assert database.read(lambda tx: list(tx.ask("SELECT * FROM stale", {}))) == []

    database.write(lambda tx: live(tx, change))
    expected = evaluate(database.read(logged), since, scenes.NOW, "day", lambda one: one["model"])
    assert told(database.read(lambda tx: figures.figures(tx, asked)), asked) == expected
    database.write(lambda tx: live(tx, ("sum", None)))
    assert told(database.read(lambda tx: figures.figures(tx, asked)), asked) == expected
