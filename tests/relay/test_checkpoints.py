"""Which answers under way are handed to the journal, and when; the clock is the test's."""

from __future__ import annotations

import asyncio

import pytest

from proxy.core.capture import Capture, CapturedHead
from proxy.core.capture_rules import CaptureRules
from proxy.relay.checkpoints import (
    AGAIN_SECONDS,
    PART_BYTES,
    PARTS,
    ROUND_SECONDS,
    SAVE_BYTES,
    SAVE_SECONDS,
    STEP,
    Checkpoints,
    parts_of_step,
)
from proxy.relay.reply import Reply

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
EVENT = b"data: 1\n\n"


class Client:
    """A transport that takes everything."""

    def write(self, data):
        pass

    def is_closing(self):
        return False

    def close(self):
        pass


class Journal:
    """Tells what was handed over: (whole or not, bytes of the answer), and what was forgotten."""

    def __init__(self):
        self.saved, self.forgotten = [], []

    def save(self, part):
        size = sum(map(len, part.capture.pieces if part.capture else part.pieces))
        self.saved.append((part.capture is not None, size))
        self.part = part

    def forget(self, name):
        self.forgotten.append(name)


class Recording:
    def commit(self, capture, done):
        return True

    def too_large(self):
        pass


@pytest.fixture
def journal():
    return Journal()


def reply(limit=1 << 30):
    head = CapturedHead("POST", "/v1/chat/completions", "", "1", (), CaptureRules())
    one = Reply(
        Client(), "POST", "an-id", http10=False, close_client=False, capture=Capture("an-id", head, b"{}", 1),
        recording=Recording(), limit=limit, on_end=lambda error: None,
    )  # fmt: skip
    one.written_at = 100.0
    return one


async def looked(journal, one, *moments):
    """Look at moments (seconds after the request was sent), each after some reads."""
    checkpoints = Checkpoints(journal, asyncio.get_running_loop(), lambda: [one])
    for after, *reads in moments:
        for data in reads:
            one.feed(data)
        checkpoints.look(100.0 + after)
    return checkpoints


async def test_short_exchanges_cost_nothing(journal):
    """What is over before it is due is never handed over."""
    await looked(journal, reply(), (0.1, HEAD), (SAVE_SECONDS - 0.01, EVENT))

    assert (journal.saved, journal.forgotten) == ([], [])


async def test_what_came_since_is_handed_over(journal):
    """First the whole, later what came since, and nothing when nothing came."""
    await looked(journal, reply(), (0.8, HEAD, EVENT), (1.0, EVENT), (1.6, EVENT), (2.4,), (3.2, EVENT))

    assert journal.saved == [(True, len(HEAD + EVENT)), (False, 2 * len(EVENT)), (False, len(EVENT))]


async def test_a_silent_upstream(journal):
    """A request that has no answer yet is kept too, and again with the answer's head."""
    await looked(journal, reply(), (0.8,), (1.6,), (1.8, HEAD), (2.0,), (2.6, EVENT))

    assert journal.saved == [(True, 0), (True, len(HEAD)), (False, len(EVENT))]


async def test_a_flood_is_handed_over_in_parts(journal):
    """No part is larger than what may lie in memory several times, the whole one neither; together they are all there is."""
    reads = [b"data: %b\n\n" % (b"x" * 300_000)] * 10
    await looked(journal, reply(), (0.8, HEAD, *reads), (1.6, *reads))

    assert [whole for whole, _ in journal.saved] == [True] + [False] * (len(journal.saved) - 1)
    assert sum(size for _, size in journal.saved) == len(HEAD) + 20 * len(reads[0])
    assert max(size for _, size in journal.saved) <= PART_BYTES + len(reads[0])


async def test_much_at_once(journal):
    """64 KiB do not wait for their time."""
    await looked(journal, reply(), (0.8, HEAD), (1.0, b"x" * (SAVE_BYTES - 1)), (1.2, b"x"))

    assert journal.saved == [(True, len(HEAD)), (False, SAVE_BYTES)]


async def test_a_part_that_failed(journal):
    """After a failure the whole is handed over, but not at once: the disk may be full."""
    one = reply()
    checkpoints = await looked(journal, one, (0.8, HEAD, EVENT))
    journal.part.of.failed = True
    for after in (1.0, 2.0, 0.8 + AGAIN_SECONDS):
        one.feed(EVENT)
        checkpoints.look(100.0 + after)

    assert journal.saved == [(True, len(HEAD + EVENT)), (True, len(HEAD + 4 * EVENT))]


async def test_the_end(journal):
    """What is over, or over its bound, is forgotten: by then it is in the journal, or counted."""
    for end in (lambda one: one.abandon(), lambda one: one.feed(b"x" * 1000)):
        one = reply(limit=1000)
        checkpoints = await looked(journal, one, (0.8, HEAD, EVENT))
        end(one)
        checkpoints.look(101.0)
        checkpoints.look(102.0)

    assert journal.forgotten == ["an-id"] * 2
    assert len(journal.saved) == 2


def test_nothing_is_older_than_a_second():
    """A piece is handed over within a second, however it falls between two rounds."""
    assert SAVE_SECONDS + 2 * ROUND_SECONDS < 1


class Timers:
    """A loop whose time is moved by the test, from one timer to the next."""

    def __init__(self):
        self.now, self.due, self.call = 0.0, 0.0, None

    def time(self):
        return self.now

    def call_later(self, seconds, call, *arguments):
        return self.call_at(self.now + seconds, call, *arguments)

    def call_at(self, when, call, *arguments):
        assert when > self.now
        self.due, self.call = when, lambda: call(*arguments)
        return self

    def step(self):
        self.now = self.due
        self.call()

    def until(self, when):
        while self.due <= when + 1e-9:
            self.step()


def begun(count):
    streams = [reply() for _ in range(count)]
    for one in streams:
        one.feed(HEAD)
        one.written_at = 1.0  # long ago
    return streams


@pytest.mark.parametrize("count", [0, 1, PARTS, PARTS + 1, 10 * PARTS, 300, 3000])
def test_many_at_once_are_spread(journal, count):
    """However many are due at once, a step hands over a few of them, and one round all."""
    loop, streams = Timers(), begun(count)
    Checkpoints(journal, loop, lambda: streams).start()
    most = before = 0
    while loop.due < 2 * ROUND_SECONDS - 1e-9:
        loop.step()
        most, before = max(most, len(journal.saved) - before), len(journal.saved)
    assert (len(journal.saved), journal.forgotten) == (count, [])
    assert most <= parts_of_step(count)

    streams.clear()
    loop.until(4 * ROUND_SECONDS)
    assert len(journal.forgotten) == count


def test_parts_of_a_step_are_few():
    """They are more with more answers, and no more than a round needs to come to its end."""
    assert [parts_of_step(answers) for answers in (1, 40, 200, 800, 3000)] == [2, 2, 8, 8, 30]


def test_answers_that_are_not_due_are_gone_through_in_few_steps(journal):
    """Where nothing has come since, a step looks at many answers, and a round takes its time."""
    loop, streams = Timers(), begun(10 * STEP)
    Checkpoints(journal, loop, lambda: streams).start()
    loop.until(2 * ROUND_SECONDS)
    steps, began = 0, loop.now
    while loop.due <= began + ROUND_SECONDS + 1e-9:
        loop.step()
        steps += 1
    assert 10 <= steps <= 11
