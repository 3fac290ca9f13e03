"""Outages of a sink, of every kind and of any length: nothing is lost, and it is not run over."""

import pytest
import structlog

from proxy.core.gate import MOST_REFUSED, PROBE_SECONDS, VERDICTS
from proxy.core.retry import LONGEST_RETRY_AFTER_SECONDS
from proxy.errors import PermanentFailure, SinkClosed, TransientFailure
from proxy.outbox import held

from ..fakes import NOW, Answer, FakeAnalytics
from .office import Office, Sink, chats, named_turn, take, talk
from .scenes import note

DAY = 24 * 3600


def raising(error):
    def answer(path, body):
        raise error

    return answer


# ── a sink that says when ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        pytest.param("120", 120, id="seconds"),
        pytest.param("1.5", 1.5, id="a fraction"),
        pytest.param("Tue, 14 Nov 2023 22:15:20 GMT", 120, id="date"),
        pytest.param("Tuesday, 14-Nov-23 22:15:20 GMT", 120, id="date of RFC 850"),
        pytest.param("1000000000", LONGEST_RETRY_AFTER_SECONDS, id="decades"),
        pytest.param("Fri, 31 Dec 2100 23:59:59 GMT", LONGEST_RETRY_AFTER_SECONDS, id="another century"),
        pytest.param("Tue, 14 Nov 2023 22:13:10 GMT", 0, id="a date that has passed"),
        pytest.param("0", 0, id="nothing"),
        pytest.param("soon", 0, id="a word"),
    ],
)
@pytest.mark.parametrize("chance", [0.0, 0.999])
async def test_the_whole_sink_waits(store, clock, status, value, seconds, chance):
    """After an answer that says when nothing at all is sent before, and all of it soon after; what says nothing waits a bit."""
    async with FakeAnalytics() as analytics, Office(store, clock, analytics, chance=lambda: chance) as office:
        chats(store, 1)
        analytics.script = [Answer(status, headers={"Retry-After": value})] * (1 if seconds or status == 429 else 3)
        await office.deliver()
        tried = len(analytics.got)
        chats(store, 5, first=1)
        if seconds:
            await office.deliver_until(NOW + round(seconds * 1000) - 1)
            assert len(analytics.got) == tried
        await office.deliver_until(NOW + round(seconds * 1500) + 5000)

        assert len({body["id"] for body in analytics.bodies}) == 6
        assert (await office.sink())["depth"] == 0


# ── a key or an address that is wrong ───────────────────────────────────────────────────────────────────────────────


async def test_a_key_that_is_refused_for_a_day(store, clock):
    """Of 1,000 conversations none is set aside and none burns a try; one POST a minute asks, and all arrive once it is mended."""
    sink = Sink(raising(SinkClosed("the analytics API answered 401 Unauthorized (check delivery.api_key)", "key")))
    chats(store, 1000)
    async with Office(store, clock, sink) as office:
        with structlog.testing.capture_logs() as lines:
            await office.deliver_until(NOW + DAY * 1000)
            told, standing = await office.sink(), office.courier.status()
            asked = sink.posts
            sink.answer = lambda path, body: None
            await office.deliver_all()

    assert asked <= DAY / PROBE_SECONDS + 1 + 4  # both ends of the day, and what was on its way with the first
    assert (told["depth"], told["dead"], standing["stopped"]) == (1000, {}, "key")
    assert standing["stopped_seconds"] >= DAY - PROBE_SECONDS
    assert standing["next_try_seconds"] <= PROBE_SECONDS
    assert (await office.sink())["depth"] == 0
    assert len(sink.has) == 1000
    said = [line["event"] for line in lines if line["event"] != "delivery.done"]
    assert said == ["delivery.stopped", "delivery.recovered"]
    print(
        f"row 10: a key refused for a day: {asked} POSTs meanwhile, 0 dead letters, {len(sink.has)} of 1,000 delivered"
    )


async def test_one_conversation_that_a_firewall_dislikes(store, clock):
    """A 403 for one conversation keeps none of the others waiting."""

    def answer(path, body):
        if b'"chat-0003"' in body:
            raise SinkClosed("403", "key")

    sink = Sink(answer)
    chats(store, 100)
    async with Office(store, clock, sink) as office:
        await office.deliver_until(NOW + 1000)

        assert len(sink.has) == 99
        assert (await office.sink())["dead"] == {}


async def test_a_sink_without_events(store, clock):
    """A sink that has no address for events gets its conversations all the same, and without delay."""
    async with FakeAnalytics() as analytics, Office(store, clock, analytics) as office:
        take(store, *(note("event", entityType="x") for _ in range(20)))
        analytics.script = [Answer(404)] * 20 * 3
        await office.deliver()
        chats(store, 30)
        await office.deliver_until(NOW + 1000)

        assert office.courier.status()["stopped"] is None
        assert sum(got.path == "/conversations" for got in analytics.got) == 30


# ── what is refused for good ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_sink_that_refuses_everything(store, clock):
    """Of 5,000 conversations that a sink refuses at most 50 are set aside; mended, it gets all, and those when replayed."""
    sink = Sink(raising(PermanentFailure("the analytics API answered 422 Unprocessable Entity: no such field")))
    chats(store, 5000)
    async with Office(store, clock, sink, concurrency=64, recovery_per_second=10_000) as office:
        with structlog.testing.capture_logs() as lines:
            await office.deliver_until(NOW + 3600_000)
        told, standing = await office.sink(), office.courier.status()
        dead = sum(told["dead"].values())
        asked = sink.posts
        sink.answer = lambda path, body: None
        await office.deliver_all()
        delivered = len(sink.has)
        held.retry(store, held.Wanted(state="dead"), clock())
        await office.deliver_all()

    assert dead == told["dead"]["refused"] == MOST_REFUSED <= VERDICTS
    assert (told["depth"], standing["stopped"]) == (5000 - dead, "rejects")
    assert asked <= 64 + MOST_REFUSED + 3600 / PROBE_SECONDS
    assert (delivered, len(sink.has)) == (5000 - dead, 5000)
    assert [line["event"] for line in lines].count("delivery.stopped") == 1
    print(
        f"row 10: every POST 422: {dead} dead letters of 5,000, {asked} POSTs in the first hour, all delivered when mended"
    )


async def test_one_poison_conversation_among_a_thousand(store, clock):
    """999 are delivered without delay, one is set aside with its reason, and goes out when it is retried."""

    def answer(path, body):
        if b'"chat-0500"' in body:
            raise PermanentFailure("422: no such type")

    sink = Sink(answer)
    chats(store, 1000)
    async with Office(store, clock, sink) as office:
        await office.deliver()
        took = (clock() - NOW) / 1000
        told = await office.sink()
        delivered = len(sink.has)
        assert (told["depth"], told["dead"], told["last_error"]) == (0, {"refused": 1}, "422: no such type")
        assert office.courier.status()["stopped"] is None
        talk(store, "more", name="chat-0001")
        sink.answer = lambda path, body: None
        assert held.retry(store, held.Wanted(state="dead"), clock()) == 1
        await office.deliver_all()

    assert (delivered, len(sink.has), (await office.sink())["dead"]) == (999, 1000, {})
    assert took < 10
    print(f"row 10: one poison row among 1,000: {delivered} delivered in {took:.1f} s, 1 dead letter, replayed")


async def test_a_replay_sends_the_newest_rev(store, clock):
    """A dead letter whose conversation could have gone on is sent as it stands now, not as it was refused."""
    sink = Sink(raising(PermanentFailure("422")))
    talk(store, "one")
    async with Office(store, clock, sink) as office:
        await office.deliver()
        sink.answer = lambda path, body: None
        held.retry(store, held.Wanted(state="dead"), clock())
        talk(store, "two")
        await office.deliver()

    assert len(sink.has["chat"]["messages"]) == 4
    told = await office.sink()
    assert (told["failing"], told["last_error"]) == (0, None)


# ── a sink that is down ─────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_outage_longer_than_what_is_kept(store, clock):
    """What a sink that is down has not been asked for is set aside at the same age as what it has."""
    sink = Sink(raising(TransientFailure("down")))
    chats(store, 20)
    async with Office(store, clock, sink, max_age_hours=1.0) as office:
        await office.deliver_until(NOW + 3500_000)
        assert (await office.sink())["dead"] == {}
        chats(store, 1, first=20, now=clock())
        await office.deliver_until(NOW + 4500_000)

    told = await office.sink()
    assert (told["dead"], told["depth"]) == ({"too old": 20}, 1)


async def test_a_sink_that_is_down_is_asked_now_and_then(store, clock):
    """An outage of an hour with 1,000 conversations costs the sink some hundred POSTs; half a minute after it, all flows."""
    sink = Sink(raising(TransientFailure("down")))
    chats(store, 1000)
    async with Office(store, clock, sink) as office:
        await office.deliver_until(NOW + 3600_000)
        asked = sink.posts
        sink.answer = lambda path, body: None
        await office.deliver_until(clock() + 61_000)

    assert asked < 300
    assert len(sink.has) == 1000


@pytest.mark.parametrize("rounds", [2, pytest.param(10, marks=pytest.mark.slow)])
async def test_an_hour_without_a_sink(store, clock, rounds):
    """Thousands of conversations go on through an hour's outage: each is sent once afterwards, and nothing is lost."""
    conversations = 500 * rounds
    sink = Sink(raising(TransientFailure("no answer in time", in_doubt=True)))
    async with Office(store, clock, sink) as office:
        for turn in range(rounds):
            for first in range(0, conversations, 250):
                names = (f"chat-{number}" for number in range(first, first + 250))
                take(store, *(named_turn(f"turn {turn}", name) for name in names), now=clock())
            await office.deliver_until(NOW + 3600_000 * (turn + 1) // rounds)
        asked, began = sink.posts, clock()
        sink.answer = lambda path, body: None
        await office.deliver_all()

    lost = conversations - sum(len(told["messages"]) == 2 * rounds for told in sink.has.values())
    each = (sink.posts - asked) / conversations
    print(
        f"row 8: {conversations:,} conversations, {conversations * rounds:,} turns, sink down for an hour: {lost} lost, "
        f"{asked} POSTs meanwhile, {each:.4f} per conversation afterwards, within {(clock() - began) / 1000:.0f} s"
    )
    assert lost == 0
    assert each <= 1.05
    assert (await office.sink())["dead"] == {}
