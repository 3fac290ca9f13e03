"""Later answers that are recorded before the exchange that asked for them."""

import pytest

from proxy.outbox import later
from proxy.outbox.later import Early

from .scenes import asks, events, polls, read, response
from .test_later import ADDED, CREATED, deltas

CUT = events(CREATED, ADDED, *deltas("Hel"))
END = {"type": "response.completed", "response": response("completed")}
REST = events(*deltas("lo"), END, start=3)


def resumes(body=REST, **more):
    return polls(body, query="?stream=true&starting_after=2", **more)


def test_a_stream_that_was_resumed_before_it_was_recorded(book):
    """The rest of a cut stream is put behind its beginning, which is recorded last."""
    assert book.take(resumes()).outcome == "unknown_answer"
    book.take(asks("hi", CUT, name="e-1", stream=True, interrupted="client"))

    (one,) = book.snapshots()
    assert [(each.id, each.message.content) for each in one.messages] == [("e-1.h0", "hi"), ("e-1", "Hello")]
    assert one.messages[-1].properties["finishReason"] == "completed"


def test_the_end_of_an_answer_stays(book):
    """A part of an answer does not take the place of its end, and the end takes that of a part."""
    for body in (response("in_progress", "Hel"), response("completed", "Hello"), response("in_progress", "H")):
        book.take(polls(body))
    book.take(asks("hi", response("queued", background=True)))

    assert book.texts() == [["hi", "Hello"]]


def test_an_early_answer_is_its_tenant_s(book):
    """What one tenant was answered is not told to another who asks under the same id."""
    book.take(polls(response("completed", "Hello"), key="sk-another-key"))
    book.take(asks("hi", response("queued", background=True)))

    assert book.texts() == [["hi", ""]]


def test_a_replayed_question_is_told_once(book):
    """A question that is recorded again after a crash finds its answer as it is."""
    book.take(resumes())
    asked = asks("hi", CUT, name="e-1", stream=True, interrupted="client")

    assert [book.take(one).outcome for one in (asked, asked)] == ["recorded", "seen"]
    assert book.texts() == [["hi", "Hello"]]


@pytest.mark.parametrize("bound", ["MOST_EARLY", "MOST_EARLY_BYTES"])
def test_early_answers_are_bounded(bound):
    """The oldest are given up when there are too many of them, or they are too long."""
    filling = "x" * (later.MOST_EARLY_BYTES // 100) if bound == "MOST_EARLY_BYTES" else ""
    early, many = Early(), 110 if filling else later.MOST_EARLY + 10
    told = [
        read(polls(response("completed", "Hi" + filling, completion_id=f"r_{at}"), completion_id=f"r_{at}"))
        for at in range(many)
    ]
    for each in told:
        early.keep(each)

    kept = [each for each in told if early.of(each.entry)]
    assert len(kept) <= later.MOST_EARLY
    assert sum(each.size for each in kept) <= later.MOST_EARLY_BYTES
    assert kept == told[-len(kept) :]
    assert len(kept) > 90
