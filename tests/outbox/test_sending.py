"""One row on its way: what is too large, and what nobody knows the end of."""

import asyncio
import random

import orjson
import pytest
import structlog

from proxy.core.retry import ECHO_SECONDS
from proxy.core.trim import BODY_LIMIT
from proxy.errors import BodyTooLarge, SinkBusy, TransientFailure
from proxy.outbox.store import ANALYTICS

from ..fakes import NOW, Answer, FakeAnalytics
from .office import Office, Sink, chats, contents, named_turn, take, talk
from .scenes import exchange, note, user

LONG = "x" * 100_000


def long_chat(store, turns, words=LONG, name="long"):
    """A conversation of so many long answers."""
    for turn in range(turns):
        take(store, exchange([user(f"q{turn}")], f"{turn} {words}", headers=[("x-teelog-conversation-id", name)]))


# ── too large ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_nothing_larger_than_the_limit_is_sent(store, clock):
    """A conversation of 5 MB is sent in under 2,000,000 bytes, says so, and is acknowledged whole."""
    long_chat(store, 50)
    async with FakeAnalytics() as analytics, Office(store, clock, analytics) as office:
        await office.deliver()

    (got,) = analytics.got
    assert 1_800_000 < len(got.body) <= BODY_LIMIT
    assert got.json["properties"]["trimmed"]["messages"] > 50
    assert (await office.sink())["depth"] == 0
    print(
        f"413 and 2 MB: a conversation of {got.json['properties']['trimmed']['bytes']:,} bytes sent in {len(got.body):,}"
    )


async def test_a_sink_that_takes_less(store, clock):
    """After a 413 a conversation is sent once more in half the size; there are no dead letters, and nothing is doubled."""
    long_chat(store, 15)
    async with FakeAnalytics(Answer(413)) as analytics, Office(store, clock, analytics) as office:
        await office.deliver_all()

    whole, half = analytics.got
    assert len(whole.body) > 1_500_000
    assert len(half.body) <= len(whole.body) // 2
    assert half.json["id"] == whole.json["id"] == "long"
    assert {one["id"] for one in half.json["messages"]} < {one["id"] for one in whole.json["messages"]}
    assert (await office.sink())["dead"] == {}


async def test_a_sink_that_takes_nothing_of_it(store, clock):
    """A second 413 sets the conversation aside with its reason, and the others go on."""
    long_chat(store, 3)
    chats(store, 5)
    async with (
        FakeAnalytics(Answer(413), Answer(413)) as analytics,
        Office(store, clock, analytics, concurrency=1) as office,
    ):
        with structlog.testing.capture_logs() as lines:
            await office.deliver_all()

    told = await office.sink()
    assert (told["depth"], told["dead"]) == (0, {"too large": 1})
    assert "413" in told["last_error"]
    assert len(analytics.got) == 2 + 5
    (line,) = [line for line in lines if line["event"] == "delivery.buried"]
    assert (line["reason"], "teelog outbox" in line["hint"]) == ("too large", True)


async def test_an_event_that_is_too_large(store, clock):
    """What cannot be shortened is not sent twice after a 413."""
    take(store, note("event", entityType="x"))
    sink = Sink()
    sink.answer = lambda path, body: (_ for _ in ()).throw(BodyTooLarge("413"))
    async with Office(store, clock, sink) as office:
        await office.deliver_all()

    assert sink.posts == 1
    assert (await office.sink())["dead"] == {"too large": 1}


async def test_a_row_that_is_too_large_opens_the_gate(store, clock):
    """A sink that answers a probe with 413 is there again: the other rows do not wait for another probe."""
    sink = Sink(lambda path, body: (_ for _ in ()).throw(TransientFailure("down")))
    chats(store, 10)
    async with Office(store, clock, sink) as office:
        await office.deliver()
        assert office.courier.status()["stopped"] == "down"
        sink.answer = lambda path, body: (_ for _ in ()).throw(BodyTooLarge("413"))
        clock.forward(60)
        await office.deliver()
        assert office.courier.status()["stopped"] is None


# ── in doubt ────────────────────────────────────────────────────────────────────────────────────────────────────────


DOUBTS = {
    "500": (Answer(500), True),
    "503 that says when": (Answer(503, headers={"Retry-After": "1"}), True),
    "hung up": (Answer(hang_up=True), True),
    "409": (Answer(409), False),
    "429": (Answer(429, headers={"Retry-After": "1"}), False),
    "408": (Answer(408), False),
}


@pytest.mark.parametrize("name", DOUBTS)
async def test_an_echo_follows_what_is_in_doubt(store, clock, name):
    """After a POST whose end was not seen, and a success, the newest snapshot is sent once more a minute later; else not."""
    failure, in_doubt = DOUBTS[name]
    talk(store, "one")
    async with FakeAnalytics(failure) as analytics, Office(store, clock, analytics) as office:
        await office.deliver_until(NOW + 59_000)
        assert len(analytics.got) == 2
        told = await office.sink()
        assert (told["depth"], told["failing"]) == (0, 0)
        await office.deliver_all()

    assert len(analytics.got) == 2 + in_doubt
    if in_doubt:
        assert NOW + ECHO_SECONDS * 1000 <= clock() < NOW + ECHO_SECONDS * 1000 + 5000


async def test_new_turns_do_not_wait_for_an_echo(store, clock):
    """While an echo waits a new turn is sent at once, and the echo has it."""
    talk(store, "one")
    async with FakeAnalytics(Answer(500)) as analytics, Office(store, clock, analytics) as office:
        await office.deliver_until(NOW + 10_000)
        talk(store, "two", now=clock())
        await office.deliver()
        assert len(analytics.got) == 3
        await office.deliver_all()

    assert [len(contents(body)) for body in analytics.bodies] == [2, 2, 4, 4]


async def test_a_late_success_needs_no_echo(store, clock):
    """A success that began after the last moment at which the lost POST can be applied is the last word."""
    talk(store, "one")
    async with FakeAnalytics() as analytics, Office(store, clock, analytics) as office:
        analytics.script = [Answer(500)] * 3
        await office.deliver()
        clock.forward(ECHO_SECONDS + 5)
        await office.deliver_all()

    assert len(analytics.got) == 4


async def test_what_a_dead_process_was_sending_is_in_doubt(store, clock):
    """After a restart a row that was leased is sent, and once more when what the dead process sent can come no more."""
    talk(store, "one")
    await store.lease(ANALYTICS, NOW, NOW + 120_000, 1)
    await store.take_over(ANALYTICS, NOW)
    sink = Sink()
    async with Office(store, clock, sink) as office:
        await office.deliver()
        assert sink.posts == 1
        await office.deliver_all()

    assert (sink.posts, clock()) == (2, NOW + ECHO_SECONDS * 1000)


async def test_a_refused_echo_is_given_up(store, clock):
    """The sink has acknowledged this very snapshot: that it refuses it a minute later sets nothing aside."""
    talk(store, "one")
    async with (
        FakeAnalytics(Answer(500), Answer(), Answer(422)) as analytics,
        Office(store, clock, analytics) as office,
    ):
        await office.deliver_all()

    told = await office.sink()
    assert (told["depth"], told["dead"], told["last_error"]) == (0, {}, None)
    assert len(analytics.got) == 3


async def test_an_echo_that_fails_is_tried_again(store, clock):
    """An echo in doubt is followed by another, until one has begun after all that may come late."""
    talk(store, "one")
    async with (
        FakeAnalytics(Answer(500), Answer(), Answer(500)) as analytics,
        Office(store, clock, analytics) as office,
    ):
        await office.deliver_all()

    assert len(analytics.got) == 5


class LateSink(Sink):
    """A sink that times out on some of what it gets, and applies most of that later."""

    def __init__(self, clock, rng, timeouts=0.3, applied=0.7):
        super().__init__()
        self.clock, self.rng, self.timeouts, self.applied = clock, rng, timeouts, applied
        self.late: list[tuple[int, str, dict]] = []

    async def post(self, path, body):
        self.apply_late()
        if self.rng.random() < self.timeouts:
            if self.rng.random() < self.applied:
                self.late.append((self.clock() + self.rng.randrange(60_000), path, orjson.loads(body)))
            self.posts += 1
            raise TransientFailure("no answer in time", in_doubt=True)
        await super().post(path, body)

    def apply_late(self):
        """What was to come by now comes, in its order."""
        self.late.sort(key=lambda one: one[0])
        while self.late and self.late[0][0] <= self.clock():
            self.take(*self.late.pop(0)[1:])


async def test_a_sink_that_times_out_and_applies_late(store, clock):
    """Through 30 % timeouts, most applied up to a minute later, no conversation is left on an old snapshot."""
    conversations, turns = 400, 4
    sink = LateSink(clock, random.Random(9))
    async with Office(store, clock, sink, recovery_per_second=10_000) as office:
        for turn in range(turns):
            now = clock()
            take(store, *(named_turn(f"turn {turn}", f"chat-{number}") for number in range(conversations)), now=now)
            await office.deliver_until(clock() + 2_000)
        before = sink.posts
        await office.deliver_all()
        clock.forward(120)
        sink.apply_late()

    newest = {name: len(told["messages"]) for name, told in sink.has.items()}
    old = [name for name, count in newest.items() if count != 2 * turns]
    print(
        f"row 9: {conversations} conversations, {turns} turns: {len(old)} on an old snapshot, {sink.posts} POSTs, {sink.posts - before} of them afterwards"
    )
    assert (len(newest), old, sink.late) == (conversations, [], [])
    assert (await office.sink())["depth"] == 0


# ── while a sink waits ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_is_on_its_way_does_not_knock_on_a_shut_gate(store, clock):
    """A row between two short tries is not tried again once another was told that everyone is to wait."""
    gate = asyncio.Event()
    chats(store, 2)
    async with (
        FakeAnalytics(Answer(429, headers={"Retry-After": "60"}, gate=gate), Answer(500, gate=gate)) as analytics,
        Office(store, clock, analytics) as office,
    ):
        delivering = asyncio.ensure_future(office.deliver())
        while analytics.open < 2:
            await asyncio.wait_for(analytics.arrived.wait(), 10)
            analytics.arrived.clear()
        gate.set()
        await delivering

        assert len(analytics.got) <= 3
        assert office.courier.status()["stopped"] == "busy"


async def test_a_wait_burns_no_try(store, clock):
    """However often a sink asks to wait, the row's own tries are not counted."""
    talk(store, "one")
    sink = Sink(lambda path, body: (_ for _ in ()).throw(SinkBusy("429", 60.0)))
    async with Office(store, clock, sink) as office:
        await office.deliver_until(NOW + 3600_000)
        (lease,) = await store.lease(ANALYTICS, clock() + 3600_000, clock() + 7200_000, 1)

    assert lease.tries == 1
    assert 30 < sink.posts <= 61
