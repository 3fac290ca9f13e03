"""Sums of weeks by trait: when they are made, and that they are kept only if they hold."""

import pytest

from proxy.analytics import keeping, reading
from proxy.analytics.keeper import WEEKS_REST_MS, Keeper
from proxy.analytics.trait_weeks import beside, claim, fresh_weeks, keep, summed, week_of
from proxy.core.buckets import DAY_MS, HOUR_MS, bucket_of
from tests.analytics import figures_scenes as scenes
from tests.analytics.figures_life import live
from tests.analytics.looking import log

WEEK = bucket_of(scenes.NOW - 14 * DAY_MS, "week")
TAGGED = {"tags": ["vip"], "properties": {"model": "m"}}


def chat(number, **more):
    said = [{"role": "user", "content": "?", "createdAt": WEEK + number, "id": f"m{number}"}]
    return {"id": f"c{number}", "messages": said, **TAGGED, **more}


def logged(database, *steps):
    for step in steps:
        database.write(lambda tx, step=step: live(tx, step))


def hours(database):
    """The sums that come before."""
    database.write(lambda tx: [keeping.sum_hours(tx, scenes.NOW), reading.read_sessions(tx)])


def kept(database):
    return database.read(lambda tx: [tuple(row) for row in tx.ask("SELECT start, side, model FROM kept_trait", {})])


def number_of(database, trait):
    ((number,),) = database.read(
        lambda tx: list(tx.ask("SELECT id FROM trait_name WHERE trait = :trait", {"trait": trait}))
    )
    return number


def test_a_week_is_summed_once_its_hours_are(database):
    """As long as an hour of it is to be summed a week is not; then it is claimed, and holds when its sums are kept."""
    logged(database, ("log", chat(1)), ("log", chat(2)))
    assert database.write(lambda tx: claim(tx, scenes.NOW)) is None
    hours(database)

    assert database.write(lambda tx: claim(tx, WEEK + HOUR_MS)) is None, "it goes on"
    assert database.write(lambda tx: claim(tx, scenes.NOW)) == WEEK
    assert database.read(lambda tx: fresh_weeks(tx, WEEK, scenes.NOW))[:1] != [WEEK]
    sums = database.read(lambda tx: summed(tx, WEEK, least=2))
    database.write(lambda tx: keep(tx, WEEK, sums))

    assert kept(database) == [(WEEK, 0, "m")] * 2
    assert database.read(lambda tx: fresh_weeks(tx, WEEK, scenes.NOW))[:1] == [WEEK]
    assert database.write(lambda tx: claim(tx, scenes.NOW)) is None


@pytest.mark.parametrize(
    "change",
    [("log", chat(3)), ("log", chat(1, tags=[])), ("delete", "c1"), ("log", chat(1, tags=["other"]))],
    ids=["another", "without its tag", "deleted", "with another tag"],
)
def test_what_changes_meanwhile_is_not_kept(database, change):
    """Sums of a week that has changed since it was claimed are thrown away, and it is claimed again."""
    logged(database, ("log", chat(1)), ("log", chat(2)))
    hours(database)
    database.write(lambda tx: claim(tx, scenes.NOW))
    sums = database.read(lambda tx: summed(tx, WEEK, least=1))
    logged(database, change)
    database.write(lambda tx: keep(tx, WEEK, sums))

    assert kept(database) == []
    hours(database)
    assert database.write(lambda tx: claim(tx, scenes.NOW)) == WEEK


def test_a_claim_that_a_crash_has_forgotten_is_taken_again(database):
    """A week that was claimed and not kept is claimed again."""
    logged(database, ("log", chat(1)))
    hours(database)

    assert [database.write(lambda tx: claim(tx, scenes.NOW)) for _ in range(2)] == [WEEK, WEEK]


@pytest.mark.parametrize("least", [1, 2], ids=["kept", "summed now"])
def test_a_trait_that_few_have_is_summed_when_it_is_asked_for(database, least):
    """Whether its sums are kept or not, a week has the same."""
    logged(database, ("log", chat(1)), ("log", chat(2, properties={"kind": "title"})), ("log", chat(3, tags=[])))
    hours(database)
    week = database.write(lambda tx: claim(tx, scenes.NOW))
    database.write(lambda tx: keep(tx, week, summed(tx, week, least + 1)))
    vip = number_of(database, "tvip")

    found = database.read(lambda tx: week_of(tx, vip, WEEK))

    assert [(one.side, one.model, one.tally.sessions) for one in found] == [(0, "m", 1), (1, "", 1)]
    assert any(kept(database)) is (least == 1)


def test_weeks_of_a_span():
    """What is beside some weeks of a span is told in order."""
    week = 7 * DAY_MS
    assert [*beside(WEEK - 5, WEEK + 3 * week + 5, [WEEK, WEEK + 2 * week])] == [
        (WEEK - 5, WEEK), (WEEK + week, WEEK + 2 * week), (WEEK + 3 * week, WEEK + 3 * week + 5),
    ]  # fmt: skip
    assert [*beside(WEEK, WEEK + week, [WEEK])] == []


async def test_the_keeper_rests_between_two_rounds(store, clock):
    """Weeks are summed after all else, and looked at again a minute later: one that goes on to change is not summed all the time."""
    await log(store, {"role": "user", "content": "?", "createdAt": "2025-11-01T12:00:00Z"}, tags=["vip"])
    clock.now += 3_600_000
    keeper = Keeper(store)
    while await keeper.do_some():
        pass
    await log(store, {"role": "user", "content": "?", "createdAt": "2025-11-02T12:00:00Z"}, tags=["vip"])
    while await keeper.do_some():
        pass

    async def stale():
        return len(await store.read(lambda tx: list(tx.ask("SELECT 1 FROM stale_week", {}))))

    assert await stale() == 1
    clock.now += WEEKS_REST_MS
    while await keeper.do_some():
        pass
    assert await stale() == 0
