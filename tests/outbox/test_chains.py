"""Requests that go on from a completion by its id, and bring nothing of what was said before."""

import pytest

from ..fakes import NOW
from .scenes import exchange, says, user
from .test_tidying import WEEK, Desk

LATER = NOW + 10_000


@pytest.fixture
def desk(store, tmp_path):
    return Desk(store, tmp_path / "teelog.db")


def turn(number, text=None, *, name=None, started=None, **more):
    """The question and answer of a turn, under the completion id `resp_<name>`."""
    name = name or str(number)
    return exchange(
        [says("system", f"rules of turn {number}"), user(text or f"q{number}")],
        f"a{name}",
        name=f"e-{name}",
        completion_id=f"resp_{name}",
        started=started or NOW + number * 1000,
        **more,
    )


def test_a_chain_of_responses(book):
    """Each response names the one before: one conversation, whole, under the newest instructions."""
    for number in range(3):
        book.take(turn(number), previous=f"resp_{number - 1}" if number else "")

    assert book.texts() == [["rules of turn 2", "q0", "a0", "q1", "a1", "q2", "a2"]]


def test_another_tenants_response(book):
    """A completion id is the tenant's own: another's means nothing."""
    book.take(turn(0, key="sk-one-key"))
    book.take(turn(1, key="sk-two-key"), previous="resp_0")

    assert [len(talk) for talk in book.texts()] == [3, 3]


def test_an_unknown_response(book):
    """Of a chain whose beginning was never recorded there is what came since, and it says so."""
    book.take(turn(1), previous="resp_0")
    book.take(turn(2), previous="resp_1")

    (one,) = book.snapshots()
    assert book.texts() == [["rules of turn 2", "q1", "a1", "q2", "a2"]]
    assert one.properties["history"] == "partial"


def test_an_older_response(book):
    """Going on from an older response is a fork that begins like the first, with ids of its own and the same times."""
    for number in range(2):
        book.take(turn(number), previous=f"resp_{number - 1}" if number else "")
    book.take(turn(2, name="2b", started=LATER), previous="resp_0")
    book.take(turn(3, started=2 * LATER), previous="resp_2b")

    origin, fork = book.snapshots()
    assert book.texts()[0] == ["rules of turn 1", "q0", "a0", "q1", "a1"]
    assert book.texts()[1] == ["rules of turn 3", "q0", "a0", "q2", "a2b", "q3", "a3"]
    assert fork.properties["forkedFrom"] == origin.id
    assert [one.created_at for one in fork.messages[1:3]] == [one.created_at for one in origin.messages[1:3]]
    assert not {one.id for one in fork.messages} & {one.id for one in origin.messages}


@pytest.mark.parametrize(("headers", "told"), [([], 1), ([("x-stainless-retry-count", "1")], 0)])
def test_a_response_asked_for_again(book, headers, told):
    """The same question to the same response is another answer; an SDK's retry is not even told."""
    book.take(turn(0))
    book.take(turn(1), previous="resp_0")
    book.take(turn(1, name="1b", started=LATER, headers=headers), previous="resp_0")

    assert book.texts() == [["rules of turn 1", "q0", "a0", "q1", "a1b"]]
    assert len(book.events()) == told


def test_going_on_from_a_response_that_was_replaced(book):
    """Who goes back to the response before it asked again has that one put back, under its id."""
    book.take(turn(0))
    book.take(turn(1), previous="resp_0")
    book.take(turn(1, name="1b", started=LATER), previous="resp_0")
    book.take(turn(2, started=2 * LATER), previous="resp_1")
    book.take(turn(3, started=3 * LATER), previous="resp_2")

    assert book.texts() == [["rules of turn 3", "q0", "a0", "q1", "a1", "q2", "a2", "q3", "a3"]]
    assert book.snapshots()[0].messages[4].id == "e-1"


def test_going_on_from_a_response_that_was_replaced_for_good(book):
    """A response whose place another has taken cannot be gone on with once that one was: what is new is told apart."""
    book.take(turn(0))
    book.take(turn(1), previous="resp_0")
    book.take(turn(1, name="1b", started=LATER), previous="resp_0")
    book.take(turn(2, started=2 * LATER), previous="resp_1b")
    book.take(turn(2, name="2b", started=3 * LATER), previous="resp_1")

    origin, other = book.snapshots()
    assert (other.properties["forkedFrom"], other.properties["history"]) == (origin.id, "partial")


@pytest.mark.parametrize("previous", ["resp_0", "resp_1"], ids=["from its beginning", "from its end"])
async def test_a_response_of_a_freed_conversation(desk, previous):
    """What is not here any more is not sent again without its words."""
    first, second = turn(0), turn(1)
    desk.take(first)
    desk.take(second, previous="resp_0")
    await desk.deliver()
    desk._store._database.write(lambda tx: tx.run("mark_freed", key=1, freed=1))
    desk.take(turn(2, started=WEEK), WEEK, previous=previous)

    (one,) = desk.snapshots()
    assert one.properties["history"] == "partial"
    assert desk.texts() == [["rules of turn 2", "q2", "a2"]]
