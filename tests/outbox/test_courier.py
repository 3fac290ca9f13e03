"""The courier against a sink that fails in every way."""

import asyncio

import pytest
import structlog

from proxy.config import Delivery
from proxy.core.calm import CALM_SECONDS
from proxy.core.gate import RAMP_SECONDS
from proxy.errors import DatabaseUnavailable
from proxy.outbox.courier import LEASE_SECONDS, SWEEP_SECONDS, Courier
from proxy.outbox.sending import RENDER_TRIES, SHORT_TRIES
from proxy.outbox.store import ANALYTICS, Store

from ..fakes import NOW, Answer, FakeAnalytics
from .office import Office, chats, contents, take, talk
from .scenes import SECRET, exchange, note, user

#: What makes the gate of a sink shut, for a second.
BUSY = Answer(429, headers={"Retry-After": "1"})


@pytest.fixture
async def office(store, clock):
    """An office whose sink answers from a script that the test adds to."""
    async with FakeAnalytics() as analytics, Office(store, clock, analytics) as office:
        yield office


async def test_a_conversation_is_delivered_once(office, store):
    """What is due is posted once, and not again."""
    talk(store, "hi")

    assert await office.deliver() == 1
    assert await office.deliver() == 0
    ((path, body),) = [(got.path, got.json) for got in office.analytics.got]
    assert (path, body["id"], contents(body)) == ("/conversations", "chat", ["hi", "re hi"])
    assert body["properties"]["teelogRev"] == NOW
    assert (await store.status(NOW))["counters"]["delivered"] == 1


async def test_a_thumb_goes_after_its_message(office, store):
    """Feedback on a message is posted after the conversation, in the same run."""
    take(store, note(messageId="e-1"), exchange([user("hi")], name="e-1"))

    assert await office.deliver() == 2
    assert [got.path for got in office.analytics.got] == ["/conversations", "/feedback"]
    assert office.analytics.got[1].json["messageId"] == "e-1"


async def test_a_thumb_given_while_analytics_is_down(office, store):
    """Whatever comes first while the sink is down, conversation and feedback arrive in their order when it is back."""
    office.analytics.script = [Answer(503)] * SHORT_TRIES
    take(store, note(messageId="chatcmpl-e-1", name="f-1"))
    take(store, exchange([user("hi")], name="e-1"), note(messageId="e-1", name="f-2"))
    await office.deliver()
    assert (await office.sink())["waiting"] == 2

    take(store, note("event", messageId="e-1", entityType="message", type="message:copied"))
    office.analytics.got.clear()
    await office.deliver_until(NOW + 30_000)

    first, *rest = office.analytics.got
    assert (first.path, sorted(got.path for got in rest)) == ("/conversations", ["/events", "/feedback", "/feedback"])
    assert {got.json["messageId"] for got in rest} == {"e-1"}


async def test_a_thumb_on_nothing_becomes_a_dead_letter(office, store):
    """Feedback that speaks of nothing waits as long as is configured, then is set aside and says so."""
    take(store, note(messageId="nobody"))
    for hours, told in ((23, {}), (25, {"unknown message": 1})):
        office.clock.now = NOW + hours * 3_600_000
        await office.deliver()
        assert (await office.sink())["dead"] == told


# ── failures ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("failure", [Answer(500), Answer(503), Answer(408), Answer(hang_up=True)])
async def test_a_short_failure_passes_within_the_lease(office, store, failure):
    """A failure or two are followed by another try within moments, on the same lease."""
    talk(store, "hi")
    office.analytics.script = [failure] * (SHORT_TRIES - 1)

    assert await office.deliver() == 1
    assert len(office.analytics.got) == SHORT_TRIES
    assert (await office.sink())["depth"] == 0


@pytest.mark.parametrize(
    ("status", "tries"),
    [(500, SHORT_TRIES), (503, SHORT_TRIES), (409, SHORT_TRIES), (429, 1), (401, 1), (403, 1), (404, 1), (302, 1)],
)
async def test_an_outage_loses_nothing(office, store, status, tries):
    """Whatever keeps a sink from taking a conversation, it is postponed with the reason, and delivered when it passes."""
    talk(store, "hi")
    office.analytics.script = [Answer(status)] * (tries + tries)
    await office.deliver()

    assert len(office.analytics.got) == tries
    told = await office.sink()
    assert (told["depth"], told["failing"], told["dead"]) == (1, 1, {})
    assert str(status) in told["last_error"]
    await office.deliver_all()
    assert len(office.analytics.got) == 2 * tries + 1 + (status >= 500)  # an echo, where the end was not seen
    assert (await office.sink())["depth"] == 0


@pytest.mark.parametrize("status", [400, 422])
async def test_what_is_refused_for_good_is_buried(office, store, status):
    """A conversation that the sink refuses is set aside after one try; the next turn of it is tried again."""
    talk(store, "hi")
    office.analytics.script = [Answer(status, body=b'{"detail":"no such type"}')]
    await office.deliver_all()

    told = await office.sink()
    assert (told["depth"], told["dead"]) == (0, {"refused": 1})
    assert "no such type" in told["last_error"]
    talk(store, "more")
    await office.deliver_all()
    assert (await office.sink())["dead"] == {}
    assert contents(office.analytics.bodies[-1]) == ["hi", "re hi", "more", "re more"]


async def test_retry_after_is_honoured(office, store, clock):
    """A sink that says when is not asked before, not even within the lease."""
    talk(store, "hi")
    office.analytics.script = [Answer(429, headers={"Retry-After": "90"})]
    await office.deliver()

    assert len(office.analytics.got) == 1
    assert await office.courier.next_due() >= NOW + 90_000
    clock.now = NOW + 89_999
    assert await office.deliver() == 0


async def test_waits_grow(store, clock):
    """The longer a sink is down, the longer the waits, up to five minutes."""
    waits = []
    async with FakeAnalytics() as analytics, Office(store, clock, analytics, recovery_per_second=10_000) as office:
        talk(store, "hi")
        analytics.script = [Answer(500)] * 60
        for _ in range(12):
            await office.deliver()
            due = await store.next_due(ANALYTICS)
            waits.append((due - clock()) / 1000)
            clock.now = due

    assert waits == [0.5, 1, 2, 4, 8, 16, 32, 64, 128, 150, 150, 150]


async def test_what_is_too_old_is_buried(office, store, clock):
    """What has failed for longer than allowed is set aside with its reason, and says so in the log."""
    talk(store, "hi")
    office.analytics.script = [Answer(500)] * 10
    await office.deliver()
    clock.forward(169 * 3600)
    with structlog.testing.capture_logs() as lines:
        await office.deliver()

    assert (await office.sink())["dead"] == {"too old": 1}
    assert [line["reason"] for line in lines if line["event"] == "delivery.buried"] == ["too old"]
    assert SWEEP_SECONDS < 169 * 3600


async def test_a_clock_that_jumps_makes_nothing_old(office, store, clock):
    """A clock that is days ahead, or a machine that has slept for days, gets every row a try before it is too old."""
    talk(store, "hi")
    office.analytics.script = [Answer(500)] * 5
    await office.deliver()
    clock.forward(CALM_SECONDS)
    await office.deliver()
    office.jumped = 9 * 86_400
    clock.forward(9 * 86_400)
    await office.deliver_all()

    told = await office.sink()
    assert (told["depth"], told["dead"]) == (0, {})


async def test_one_bad_row_does_not_stop_the_others(office, store):
    """Among many conversations one that is refused and one that cannot be rendered keep nobody waiting."""
    chats(store, 6)
    await store._database.awrite(lambda tx: tx.run("say_again", key=1, body="[]"))  # no message
    office.analytics.script = [Answer(), Answer(400)]
    await office.deliver_all()

    told = await office.sink()
    assert (told["depth"], told["dead"]) == (0, {"refused": 1, "not rendered": 1})
    assert len({body["id"] for body in office.analytics.bodies}) == 5
    assert RENDER_TRIES == 3


# ── never backwards, never twice at once ────────────────────────────────────────────────────────────────────────────


async def test_never_two_sends_of_one_conversation_at_once(office, store):
    """A turn that is recorded while its conversation is being sent goes out afterwards."""
    gate = asyncio.Event()
    talk(store, "one")
    office.analytics.script = [Answer(gate=gate)]
    delivering = asyncio.ensure_future(office.deliver())
    await asyncio.wait_for(office.analytics.arrived.wait(), 10)
    talk(store, "two")
    assert await store.lease(ANALYTICS, NOW, NOW + 1000, 10) == []
    gate.set()
    await delivering

    assert [len(body["messages"]) for body in office.analytics.bodies] == [2, 4]
    assert office.analytics.most_open == 1


async def test_revs_only_grow(office, store):
    """Through failures and new turns the revs that a sink gets of one conversation never go down."""
    office.analytics.script = [Answer(500), Answer(hang_up=True), Answer(500), Answer(), Answer(503)] * 4
    for word in ("one", "two", "three", "four"):
        talk(store, word)
        await office.deliver()
    await office.deliver_all()

    revs = [body["properties"]["teelogRev"] for body in office.analytics.bodies]
    assert revs == sorted(revs)
    assert len(office.analytics.bodies[-1]["messages"]) == 8


async def test_who_slept_past_the_lease_sends_nothing(office, store, clock):
    """After a pause of the whole machine the lease is over: the row is not sent on it."""
    talk(store, "hi")
    (lease,) = await store.lease(ANALYTICS, NOW, NOW + 120_000, 1)
    parcel = await store.parcel(lease)
    clock.forward(LEASE_SECONDS)
    await office.courier._sending.settle(lease, parcel)

    assert office.analytics.got == []
    assert await store.next_due(ANALYTICS) is not None


async def test_an_answer_that_was_lost(office, store):
    """A conversation whose acknowledgement was lost is sent again, the same."""
    talk(store, "hi")
    office.analytics.script = [Answer(hang_up=True)]
    await office.deliver()

    first, second = office.analytics.bodies
    assert first == second


async def test_concurrency_is_bounded(store, clock):
    """No more POSTs are in flight than configured, and all rows go out."""
    async with FakeAnalytics() as analytics, Office(store, clock, analytics, concurrency=3) as office:
        chats(store, 20)
        gate = asyncio.Event()
        analytics.script = [Answer(gate=gate) for _ in range(3)]
        delivering = asyncio.ensure_future(office.deliver())
        while analytics.open < 3:
            await asyncio.wait_for(analytics.arrived.wait(), 10)
            analytics.arrived.clear()
        gate.set()
        assert await delivering == 20

    assert analytics.most_open == 3
    assert len({body["id"] for body in analytics.bodies}) == 20


async def test_recovery_is_paced(store, clock):
    """After an outage rows go out at the configured pace until none is due; then at full speed again."""
    async with FakeAnalytics() as analytics, Office(store, clock, analytics, recovery_per_second=4.0) as office:
        talk(store, "hi", name="first")
        analytics.script = [BUSY]
        await office.deliver()
        chats(store, 40)
        began = clock()
        await office.deliver_all()
        assert (clock() - began) / 1000 >= 40 / 4.0

        chats(store, 40)
        began = clock()
        assert await office.deliver() == 40
        assert clock() == began


async def test_one_line_when_it_fails_and_one_when_it_recovers(office, store, clock):
    """A sink that is down for several tries is told of once, and its recovery only after a delivery has succeeded."""
    talk(store, "hi")
    office.analytics.script = [Answer(503)] * 3 * SHORT_TRIES
    said = []
    with structlog.testing.capture_logs() as lines:
        for _ in range(4):
            await office.deliver()
            said.append([line["event"] for line in lines if line["event"] != "delivery.done"])
            clock.now = max(clock.now, await store.next_due(ANALYTICS) or 0)

    assert said == [["delivery.postponed"]] * 3 + [["delivery.postponed", "delivery.recovered"]]


class Broken:
    """A client with a fault of its own, so many times."""

    def __init__(self, faults=1):
        self.posts = 0
        self.faults = faults

    async def post(self, path, body):
        self.posts += 1
        if self.posts <= self.faults:
            raise ZeroDivisionError


async def test_a_fault_of_ours_postpones_the_row(store, clock):
    """What nobody thought of while sending costs the row a wait, not its lease; the reason is on file."""
    talk(store, "hi")
    client = Broken()
    courier = Courier(store, client, Delivery(), clock=clock, chance=lambda: 0.5, sleep=clock.sleep)
    await courier.deliver_due()

    sink = (await store.status(clock()))["sinks"][ANALYTICS]
    assert (sink["depth"], sink["last_error"]) == (1, "it could not be sent: ZeroDivisionError")
    clock.forward(1)
    assert await courier.deliver_due() == 1
    assert client.posts == 2


async def test_a_fault_of_ours_is_told_once(store, clock):
    """However often it strikes, it is one line with a traceback, and one when a delivery has worked."""
    talk(store, "hi")
    courier = Courier(store, Broken(5), Delivery(), clock=clock, chance=lambda: 0.5, sleep=clock.sleep)
    with structlog.testing.capture_logs() as lines:
        for _ in range(6):
            await courier.deliver_due()
            clock.now = await store.next_due(ANALYTICS) or clock.now

    said = [line["event"] for line in lines if line["event"] != "delivery.done"]
    assert said == ["delivery.failed", "delivery.works"]
    assert lines[0]["exc_info"]


async def test_the_rate_is_that_of_the_last_minute(office, store, clock):
    """Deliveries per second are counted over a minute, and forgotten after it."""
    chats(store, 30)
    await office.deliver()
    assert office.courier.status()["rate_per_second"] == 0.5
    clock.forward(59)
    assert office.courier.status()["rate_per_second"] == 0.5

    clock.forward(2)
    assert office.courier.status()["rate_per_second"] == 0.0


async def test_a_clock_that_is_set_back(office, store, clock):
    """Rows that were due on a clock a day ahead go out once it is right, failed ones too, and old ones are still swept."""
    clock.forward(24 * 3600)
    talk(store, "hi", name="failed", now=clock())
    office.analytics.script = [Answer(503)] * SHORT_TRIES
    await office.deliver()
    talk(store, "hi", name="new", now=clock())
    clock.forward(-24 * 3600)
    office.jumped = -24 * 3600
    take(store, note(messageId="nobody's"), now=clock() - 169 * 3_600_000)

    assert await office.deliver() == 2
    clock.forward(CALM_SECONDS)
    await office.deliver()
    told = await office.sink()
    assert (told["depth"], told["waiting"], told["dead"]) == (0, 0, {"unknown message": 1})


async def test_recovery_gathers_pace(store, clock):
    """A sink that takes everything gets more and more, so that a load over the configured pace is caught up with."""
    async with FakeAnalytics() as analytics, Office(store, clock, analytics, recovery_per_second=4.0) as office:
        talk(store, "hi", name="first")
        analytics.script = [BUSY]
        await office.deliver()
        chats(store, 400)
        began = clock()
        await office.deliver_all()

    assert RAMP_SECONDS < (clock() - began) / 1000 < 400 / 4.0 / 2


# ── start and end ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_loop_delivers_what_it_is_woken_for(office, store):
    """A running courier delivers what is recorded, and ends when it is drained."""
    loop = asyncio.ensure_future(office.courier.run())
    talk(store, "hi")
    office.courier.wake()
    await asyncio.wait_for(office.analytics.arrived.wait(), 10)
    await office.courier.drain(10)
    await asyncio.wait_for(loop, 10)

    assert len(office.analytics.got) == 1
    assert (await office.sink())["depth"] == 0


async def test_leases_of_a_dead_process_are_taken_over(office, store):
    """What a killed process was sending is sent again at the next start, without waiting for its lease."""
    talk(store, "hi")
    await store.lease(ANALYTICS, NOW, NOW + 120_000, 10)
    loop = asyncio.ensure_future(office.courier.run())
    await asyncio.wait_for(office.analytics.arrived.wait(), 10)
    await office.courier.drain(10)
    await loop

    assert len(office.analytics.got) == 1


async def test_drain_delivers_what_there_is(office, store):
    """The end comes after what is due has been delivered, when there is time."""
    chats(store, 10)
    await office.courier.drain(10)

    assert len(office.analytics.got) == 10


async def test_drain_gives_up_in_time(office, store):
    """A sink that does not answer keeps nobody from ending; what was on its way stays in the store."""
    chats(store, 10)
    office.analytics.script = [Answer(gate=asyncio.Event()) for _ in range(10)]
    await asyncio.wait_for(office.courier.drain(0.1), 10)

    assert (await office.sink())["depth"] == 10
    await store.take_over(ANALYTICS, NOW)
    office.analytics.script = []
    assert await office.deliver() == 10


class Refusing(Store):
    """A store whose disk is full for a while: so many acknowledgements are refused."""

    refusals = 0

    async def ack(self, *values, **more):
        if self.refusals:
            self.refusals -= 1
            raise DatabaseUnavailable("the disk is full")
        await super().ack(*values, **more)


async def test_a_full_disk_sends_twice_but_loses_nothing(tmp_path, clock):
    """When an acknowledgement cannot be put on file the loop goes on, and the row is sent again once its lease is over."""
    store = Refusing(tmp_path / "teelog.db", secret=SECRET)
    store.refusals = 1
    async with FakeAnalytics() as analytics, Office(store, clock, analytics) as office:
        chats(store, 2)
        assert await office.deliver() == 2
        assert (await office.sink())["depth"] == 1
        clock.forward(LEASE_SECONDS)
        assert await office.deliver() == 1
        assert (await office.sink())["depth"] == 0
    store.close()


async def test_a_store_that_refuses_is_told_once(tmp_path, clock):
    """A full disk is one line, however many acknowledgements it refuses, and one more when it takes them again."""
    store = Refusing(tmp_path / "teelog.db", secret=SECRET)
    store.refusals = 5
    async with FakeAnalytics() as analytics, Office(store, clock, analytics, concurrency=1) as office:
        chats(store, 5)
        with structlog.testing.capture_logs() as lines:
            await office.deliver()
            clock.forward(LEASE_SECONDS)
            assert await office.deliver() == 5
    store.close()

    said = [line["event"] for line in lines if line["event"] != "delivery.done"]
    assert said == ["delivery.waits", "delivery.goes_on"]
