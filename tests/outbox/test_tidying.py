"""What is idle is freed and forgotten, and chats that come back are the same."""

import asyncio

import pytest

from proxy.config import Conversation, Privacy
from proxy.core.buckets import DAY_MS
from proxy.core.calm import CALM_SECONDS
from proxy.outbox.store import ANALYTICS
from proxy.outbox.tidying import INTERVAL_SECONDS, keep_tidy

from ..fakes import NOW
from .book import Book
from .scenes import assistant, exchange, note, says, user

HI, HOW = [user("hi")], [user("hi"), assistant("Hello"), user("how?")]
AFTER = [*HOW, assistant("Well"), user("bye")]
WEEK, SEASON = NOW + 7 * DAY_MS + 1000, NOW + 90 * DAY_MS + 1000


class Desk(Book):
    """A book whose conversations are delivered and tidied when the test says so."""

    async def deliver(self):
        while leases := await self._store.lease(ANALYTICS, WEEK, WEEK + 1000, 100):
            for lease in leases:
                parcel = await self._store.parcel(lease)
                await self._store.ack(lease, parcel.rev, NOW)

    async def tidy(self, now):
        while await self._store.tidy(now - 7 * DAY_MS, now - 90 * DAY_MS):
            pass

    def said(self):
        """All words that are in the store."""
        return " ".join(self.column("SELECT body || properties FROM message"))

    def counts(self):
        tables = ("conversation", "message", "other_tip", "key", "annotation", "outbox")
        return [self.column(f"SELECT count(*) FROM {table}")[0] for table in tables]


@pytest.fixture
def desk(store, tmp_path):
    return Desk(store, tmp_path / "teelog.db")


def named(name="chat"):
    return [("x-teelog-conversation-id", name)]


async def test_what_was_said_is_freed(desk):
    """A week after the last turn, and once delivered, no word of the conversation is in the store; its hashes are."""
    desk.take(exchange(HI))
    desk.take(exchange(HOW, "Well"))
    await desk.tidy(WEEK)
    assert "Hello" in desk.said(), "not yet delivered"

    await desk.deliver()
    await desk.tidy(WEEK - 2000)
    assert "Hello" in desk.said(), "not yet idle"

    await desk.tidy(WEEK)
    assert not {"Hello", "how?", "Well"} & set(desk.said().replace('"', " ").split())
    assert desk.counts()[:2] == [1, 4]


async def test_a_chat_that_goes_on_is_not_idle(desk):
    """What counts is the last turn: of chats that began together those that went on are kept, and freed in their turn."""
    for number in range(120):
        desk.take(exchange([user(f"hi {number}")]))
    for number in range(0, 120, 2):
        desk.take(exchange([user(f"hi {number}"), assistant("Hello"), user("how?")], started=WEEK), WEEK)
    await desk.deliver()
    await desk.tidy(WEEK)

    freed = "SELECT count(*) FROM conversation WHERE freed"
    assert desk.column(freed) == [60]
    assert desk.column(f"{freed} AND rev = {WEEK}") == [0]

    await desk.tidy(WEEK + 7 * DAY_MS + 1)
    assert desk.column(freed) == [120]


async def test_a_chat_that_comes_back(desk):
    """The client's history fills in what was freed; ids, times and what clients do not send stay as they were."""
    desk.take(exchange([says("system", "Be kind"), *HI], says("assistant", "Hello", reasoning="hm"), name="e-1"))
    desk.take(exchange(HOW, "Well", name="e-2"))
    before = desk.snapshots()
    await desk.deliver()
    await desk.tidy(WEEK)
    assert desk.snapshots() == [], "it cannot be sent without its words"
    desk.take(exchange(AFTER, "Bye", name="e-3", started=WEEK), WEEK)

    (one,) = desk.snapshots()
    assert one.messages[:5] == before[0].messages
    assert one.messages[2].message.reasoning == "hm"
    assert [logged.id for logged in one.messages[5:]] == ["e-3.h4", "e-3"]


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param([*HOW[2:], assistant("Well"), user("bye")], id="through a window"),
        pytest.param(AFTER[4:], id="with the new question alone"),
    ],
)
async def test_a_chat_that_comes_back_without_its_history(desk, asked):
    """What analytics has is never sent over with less: a part of a freed chat begins a conversation that names it."""
    for turn in (HI, HOW):
        desk.take(exchange(turn, "Hello" if turn is HI else "Well", headers=named()))
    await desk.deliver()
    await desk.tidy(WEEK)
    desk.take(exchange(asked, "Bye", headers=named(), started=WEEK), WEEK)
    desk.take(exchange([user("more")], "More", headers=named(), started=WEEK + 1000), WEEK)

    (one,) = desk.snapshots()
    assert one.id.startswith("chat~")
    assert one.properties["forkedFrom"] == "chat"
    assert desk.texts() == [[*(message["content"] for message in asked), "Bye", "more", "More"]]


async def test_an_answer_that_was_freed_and_replaced_and_is_put_back(desk):
    """Who comes back, asks again, and goes on from the answer of old, has that answer in the log with all its words."""
    desk.take(exchange(HI))
    desk.take(exchange(HOW, says("assistant", "Well", reasoning="hm"), name="e-2"))
    await desk.deliver()
    await desk.tidy(WEEK)
    desk.take(exchange(HOW, "Better", started=WEEK), WEEK)
    desk.take(exchange(AFTER, "Bye", started=WEEK + 9000), WEEK)

    assert desk.texts() == [["hi", "Hello", "how?", "Well", "bye", "Bye"]]
    answer = desk.snapshots()[0].messages[3]
    assert (answer.id, answer.message.reasoning) == ("e-2", "hm")


async def test_who_sends_no_history_is_kept(desk):
    """A chat whose client sends its newest question alone is nowhere else: it stays, and goes on."""
    for text in ("hi", "more"):
        desk.take(exchange([user(text)], f"re {text}", headers=named()))
    await desk.deliver()
    await desk.tidy(WEEK)
    desk.take(exchange([user("again")], "re again", headers=named(), started=WEEK), WEEK)

    assert desk.all() == {"chat": ["hi", "re hi", "more", "re more", "again", "re again"]}


def chats_of(desk, name, *words, started=NOW, **more):
    """Questions without their history."""
    for text in words:
        desk.take(exchange([user(text)], f"re {text}", headers=named(name), started=started, **more), started)


async def test_the_first_turn_of_who_sends_no_history_is_kept(desk):
    """Where other chats of a tenant come without their history, a chat of one turn is not torn in two."""
    chats_of(desk, "other", "hi", "more")
    chats_of(desk, "chat", "what?")
    await desk.deliver()
    await desk.tidy(WEEK)
    chats_of(desk, "chat", "and then?", started=WEEK)

    assert desk.all()["chat"] == ["what?", "re what?", "and then?", "re and then?"]


async def test_the_first_turn_of_others_is_freed(desk):
    """Another tenant's habit, or a second turn that brought the history, keeps nothing."""
    chats_of(desk, "other", "hi", "more", key="sk-of-another")
    chats_of(desk, "chat", "what?")
    await desk.deliver()
    await desk.tidy(WEEK)

    assert set(desk.all()) == {"other"}


async def test_what_was_buried_is_kept(desk, store):
    """A dead letter can be sent again: its conversation is neither freed nor forgotten."""
    desk.take(exchange(HI))
    (lease,) = await store.lease(ANALYTICS, NOW, NOW + 1000, 1)
    await store.bury(lease, lease.wanted_rev, "refused", "no", NOW)
    await desk.tidy(SEASON)

    assert desk.texts() == [["hi", "Hello"]]


async def test_a_thumb_on_a_freed_chat(desk):
    """Feedback finds its message by its ids as long as these are kept."""
    desk.take(exchange(HI, name="e-1", completion_id="chatcmpl-1"))
    await desk.deliver()
    await desk.tidy(WEEK)
    desk.take(note(messageId="chatcmpl-1"), WEEK)
    await desk.deliver()

    assert desk.column("SELECT state FROM outbox WHERE kind = 'feedback'") == ["sent"]


async def test_after_a_season_nothing_is_left(desk):
    """After ninety days conversations are gone with all that hangs on them, in whatever state they are."""
    for name in ("e-1", "e-2"):
        desk.take(exchange([user(name)], name=name))
        desk.take(exchange([user(name), assistant("Hello"), user("?")], started=NOW + 1000))
        desk.take(exchange([user(name), assistant("Hello"), user("?")], "!", started=NOW + 9000))
        desk.take(note(messageId=name))
        await desk.deliver()
        await desk.tidy(WEEK)
    await desk.tidy(SEASON)

    assert desk.counts() == [0, 0, 0, 0, 0, 0]


async def test_a_clients_name_stays_taken(desk):
    """A named chat that comes back after ninety days does not replace what analytics has under that name."""
    desk.take(exchange(HI, headers=named()))
    await desk.deliver()
    await desk.tidy(SEASON)
    assert desk.counts()[:3] == [1, 0, 0]

    desk.take(exchange([user("more")], "Here", headers=named(), started=SEASON), SEASON)
    (one,) = desk.snapshots()
    assert one.id.startswith("chat~")
    assert one.properties["forkedFrom"] == "chat"


@pytest.mark.parametrize("spacing", [1, 0], ids=["one after another", "of one batch, all at a time"])
async def test_many_are_tidied_in_steps(desk, spacing):
    """What is owed does not keep what lies behind it from being freed."""
    for number in range(120):
        desk.take(exchange([user(f"q{number}")]), NOW + number * spacing)
    await desk._store.lease(ANALYTICS, WEEK, WEEK * 2, 60)
    await desk.deliver()
    await desk.tidy(WEEK)

    assert desk.column("SELECT count(*) FROM conversation WHERE freed = 1") == [60]


async def test_the_store_is_tidied_every_minute(desk, store, clock):
    """The task looks after the store once a minute, by the configured days, as soon as it believes the clock."""
    desk.take(exchange(HI))
    await desk.deliver()
    slept, turns = [], asyncio.Event()

    async def sleep(seconds):
        slept.append(seconds)
        clock.forward(CALM_SECONDS)
        assert (desk.snapshots() == []) is (len(slept) > 2)
        if len(slept) == 3:
            turns.set()
            await asyncio.Event().wait()

    clock.now = NOW + 2 * DAY_MS
    clocks = {"clock": clock, "steady": lambda: clock() / 1000}
    task = asyncio.create_task(keep_tidy(store, Conversation(idle_days=1), Privacy(), **clocks, sleep=sleep))
    await turns.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert slept == [INTERVAL_SECONDS] * 3
    assert desk.snapshots() == []
