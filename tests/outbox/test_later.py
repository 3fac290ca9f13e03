"""Answers that came after their exchange are told again, under the same id."""

from dataclasses import replace

import pytest

from proxy.config import Conversation
from proxy.core.message import text_of
from proxy.core.redact import Redactor
from proxy.core.wire import build_conversation
from proxy.journal.reader import Position
from proxy.outbox.later import take_later
from proxy.outbox.reading import Reading

from ..fakes import NOW
from .scenes import CALL, asks, assistant, events, exchange, message_item, note, polls, read, response, user

QUEUED = response("queued", background=True)


def ask(book, body=QUEUED, **more):
    return book.take(asks("hi", body, name="e-1", **more))


def logged(book):
    (one,) = book.snapshots()
    return [(each.id, each.message.role, text_of(each.message.content)) for each in one.messages]


def test_a_polled_answer(book):
    """An answer made in the background is logged empty, and whole once a poll brought it: one message, a newer rev."""
    first = ask(book)
    (before,) = book.snapshots()
    assert (before.messages[-1].properties["finishReason"], text_of(before.messages[-1].message.content)) == (
        "queued",
        "",
    )
    assert "interrupted" not in before.messages[-1].properties

    outcomes = [
        book.take(polls(response("in_progress", background=True))),
        book.take(polls(response("completed", "Hello", usage={"output_tokens": 2}), name="e-9", started=NOW + 9000)),
    ]

    assert [one.outcome for one in outcomes] == ["unanswered", "recorded"]
    assert outcomes[1].rev > first.rev
    assert logged(book) == [("e-1.h0", "user", "hi"), ("e-1", "assistant", "Hello")]
    (one,) = book.snapshots()
    answer = one.messages[-1]
    assert answer.created_at == NOW + 9500
    assert answer.properties == {
        "model": "m-1", "completionId": "resp_1", "finishReason": "completed", "usage": {"output_tokens": 2},
        "latencyMs": 9500,
    }  # fmt: skip


def test_an_answer_that_is_whole_is_not_touched(book):
    """However often a whole answer is asked for again, nothing changes."""
    ask(book, response("completed", "Hello"))

    assert book.take(polls(response("completed", "Bye"))).outcome == "seen"
    assert book.texts() == [["hi", "Hello"]]


def test_a_poll_is_recorded_once(book):
    """A poll that comes again after a crash, and a second poll, change nothing."""
    ask(book)
    poll = polls(response("completed", "Hello"))

    assert [book.take(one).outcome for one in (poll, poll, polls(response("completed", "Hello")))] == [
        "recorded", "seen", "seen",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(
            polls(response("completed", "Hello", completion_id="resp_2"), completion_id="resp_2"), id="another"
        ),
        pytest.param(polls(response("completed", "Hello"), key="sk-another-key"), id="of another tenant"),
    ],
)
def test_an_unknown_answer(book, payload):
    """An answer whose question was never seen, or is another tenant's, is only counted."""
    ask(book)

    assert book.take(payload).outcome == "unknown_answer"
    assert book.texts() == [["hi", ""]]


def test_the_conversation_goes_on(book):
    """A history with the answer that was polled is found by it."""
    ask(book)
    book.take(polls(response("completed", "Hello")))
    book.take(
        asks([user("hi"), message_item("Hello"), user("how?")], response("completed", "Well", completion_id="r_2"))
    )

    assert book.texts() == [["hi", "Hello", "how?", "Well"]]


def test_an_answer_of_several_messages(book):
    """Several messages in one answer: the last has the exchange's id, and those that come later make room for themselves."""
    ask(book, headers=[("x-teelog-conversation-id", "chat")])
    book.take(asks("more", response("completed", "Here", completion_id="r_2"), name="e-2",
                   headers=[("x-teelog-conversation-id", "chat")]))  # fmt: skip
    book.take(polls(response("completed", "Let me see", CALL, "Sunny")))

    (one,) = book.snapshots()
    assert [(each.id, text_of(each.message.content)) for each in one.messages] == [
        ("e-1.h0", "hi"), ("e-1.0", "Let me see"), ("e-1", "Sunny"), ("e-2.h0", "more"), ("e-2", "Here"),
    ]  # fmt: skip
    assert one.messages[1].message.tool_calls[0]["id"] == "call_8f2k1x"
    history = [user("hi"), message_item("Let me see"), CALL, message_item("Sunny"), user("more"), message_item("Here")]
    book.take(asks([*history, user("bye")], response("completed", "Bye", completion_id="r_3")))
    assert book.texts() == [["hi", "Let me see", "Sunny", "more", "Here", "bye", "Bye"]]


def test_several_messages_at_once(book):
    """An answer that comes at once with several messages has the same ids."""
    ask(book, response("completed", "Let me see", CALL, "Sunny"))

    assert [name for name, *_ in logged(book)] == ["e-1.h0", "e-1.0", "e-1"]


def test_an_answer_of_fewer_messages(book):
    """A cut answer that turns out to have fewer messages gives up those it had too many."""
    ask(book, response("in_progress", "One", "Two", "Three", background=True))
    book.take(polls(response("completed", "One", "Two!")))

    assert logged(book) == [("e-1.h0", "user", "hi"), ("e-1.0", "assistant", "One"), ("e-1", "assistant", "Two!")]
    assert book.replaced() == ["e-1.1"]


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_an_answer_that_never_came(book, status):
    """An answer that failed or was cancelled says so, and by whom; what it had said is kept."""
    ask(book, response("in_progress", "Hel", background=True))
    book.take(polls(response(status, error={"message": "no"} if status == "failed" else None)))

    assert logged(book)[-1] == ("e-1", "assistant", "Hel")
    (one,) = book.snapshots()
    properties = one.messages[-1].properties
    assert properties["finishReason"] == status
    assert properties["interrupted"] == {"failed": "upstream", "cancelled": "client"}[status]


def test_a_cut_answer_that_is_fetched(book):
    """A stream that was cut in the foreground is made whole by whoever fetches the answer later."""
    stream = events({"type": "response.created", "response": response("in_progress")}, *deltas("Hel"))
    ask(book, stream, stream=True, interrupted="client")
    book.take(polls(response("completed", "Hello")))

    assert logged(book)[-1] == ("e-1", "assistant", "Hello")
    (one,) = book.snapshots()
    assert "interrupted" not in one.messages[-1].properties
    assert one.messages[-1].properties["timeToFirstTokenMs"] == 100


CREATED = {"type": "response.queued", "response": QUEUED}
ADDED = {"type": "response.output_item.added", "output_index": 0, "item": {"type": "message", "role": "assistant"}}


def deltas(*texts):
    return (
        {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": text} for text in texts
    )


def test_a_resumed_stream(book):
    """A stream that is resumed, cut and resumed again goes on where it was, repeats left out, until its end."""
    ask(book, events(CREATED, ADDED, *deltas("Hel")), stream=True, interrupted="upstream")
    assert logged(book)[-1] == ("e-1", "assistant", "Hel")

    book.take(
        polls(events(*deltas("Hel", "lo, "), start=2), query="?stream=true&starting_after=1", interrupted="client")
    )
    assert logged(book)[-1] == ("e-1", "assistant", "Hello, ")
    (one,) = book.snapshots()
    assert one.messages[-1].properties["interrupted"] == "client"

    done = {"type": "response.completed", "response": response("completed", "Hello, world!")}
    book.take(polls(events(*deltas("d!"), done, start=6), query="?stream=true&starting_after=5"))

    assert logged(book) == [("e-1.h0", "user", "hi"), ("e-1", "assistant", "Hello, world!")]
    (one,) = book.snapshots()
    assert "interrupted" not in one.messages[-1].properties
    assert "unfinished" not in one.messages[-1].message.extra


def test_a_stream_that_begins_again(book):
    """The stream of an answer that was asked for without one is taken from its beginning, as far as it comes."""
    ask(book)
    book.take(polls(events(CREATED, ADDED, *deltas("Hel")), query="?stream=true", interrupted="client"))
    assert logged(book)[-1] == ("e-1", "assistant", "Hel")

    outcome = book.take(polls(response("in_progress", background=True)))

    assert outcome.outcome == "unanswered"
    assert logged(book)[-1] == ("e-1", "assistant", "Hel")


def test_what_is_kept_to_go_on_from_is_not_told(book):
    """What a resumed stream needs stays here."""
    ask(book, events(CREATED, ADDED, *deltas("Hel")), stream=True, interrupted="upstream")

    assert "unfinished" not in str(build_conversation(book.snapshots()[0]))


def test_feedback_on_a_later_answer(book, store):
    """Feedback that names the answer's completion, its exchange or the poll is about the same message."""
    for name in ("e-1", "e-9", "resp_1"):
        book.take(note(messageId=name))
    ask(book)
    book.take(polls(response("completed", "Hello"), name="e-9"))

    bodies = store._database.read(lambda tx: [tx.one("annotation", key=key)["message_id"] for key in (1, 2, 3)])
    assert bodies == ["e-1"] * 3


def test_a_polled_answer_is_known_by_its_items(book):
    """A history that refers to an answer that was polled goes on from it."""
    ask(book)
    book.take(polls(response("completed", {**message_item("Hello"), "id": "msg_1"})))
    refers = [user("hi"), {"type": "item_reference", "id": "msg_1"}, user("how?")]
    book.take(asks(refers, response("completed", "Well", completion_id="r_2")))

    assert book.texts() == [["hi", "Hello", "how?", "Well"]]


def test_chat_is_not_asked_for_later(book):
    """An interrupted chat answer stays as it is, whatever is polled."""
    book.take(exchange([user("hi")], assistant("Hel"), completion_id="resp_1"))

    assert book.take(polls(response("completed", "Hello"))).outcome == "seen"


class Blackener:
    """Takes out the word "secret"."""

    def message(self, message):
        return replace(message, content=(message.content or "").replace("secret", "***"))

    def value(self, value):
        return value


def test_what_is_redacted_only_as_a_whole():
    """A word that a cut has split is taken out once the answer is put together."""
    reading = Reading(Conversation(), Blackener())
    first = reading.read(asks("hi", events(CREATED, ADDED, *deltas("my sec")), stream=True, interrupted="client")).item
    later = reading.read(polls(events(*deltas("ret"), start=3), query="?stream=true&starting_after=2")).item

    (message,) = later.behind(first.answers[-1].extra["unfinished"]).answers
    assert message.content == "my ***"


@pytest.mark.parametrize(("number", "index"), [(4111111111111110, 0), (0, 4111111111111111)])
def test_numbers_that_look_like_cards(store, number, index):
    """Redaction leaves a resumed stream what it needs to go on, whatever numbers its server gives events and items."""
    reading = Reading(Conversation(), Redactor({}))
    (piece,) = deltas("Hel")
    first = events(CREATED, piece | {"output_index": index}, start=number)
    rest = events(piece | {"output_index": index, "delta": "lo"}, start=number + 2)
    asked = asks("hi", first, name="e-1", stream=True, interrupted="client")
    told = [reading.read(one).item for one in (asked, polls(rest, query="?stream=true", interrupted="client"))]

    outcomes = store.take(told, "journal", Position(0, 0), NOW)
    assert [one.outcome for one in outcomes] == ["recorded", "recorded"]


def test_the_log_line_of_a_poll():
    """What is said of a poll names the endpoint, the model and the tokens."""
    usage = {"input_tokens": 7, "output_tokens": 2}
    facts = Reading(Conversation()).read(polls(response("completed", "Hello", usage=usage))).facts

    assert (facts["endpoint"], facts["model"]) == ("responses", "m-1")
    assert (facts["prompt_tokens"], facts["completion_tokens"]) == (7, 2)


class Counted:
    """A transaction that counts the rows it gives."""

    def __init__(self, tx):
        self._tx = tx
        self.rows = 0

    def __getattr__(self, name):
        return getattr(self._tx, name)

    def all(self, name, **values):
        found = self._tx.all(name, **values)
        self.rows += len(found)
        return found

    def one(self, name, **values):
        return next(iter(self.all(name, **values)), None)


def test_an_answer_at_the_end_of_a_long_conversation(book, store):
    """What is read to tell an answer again does not grow with what was said before it."""
    named = [("x-teelog-conversation-id", "chat")]
    talk = [said for at in range(200) for said in (user(f"q{at}"), assistant(f"a{at}"))]
    book.take(exchange([*talk, user("one more")], "So", headers=named))
    ask(book, headers=named, started=NOW + 9000)
    later = read(polls(response("completed", "Hello"), started=NOW + 10_000))

    def work(tx):
        counted = Counted(tx)
        return take_later(counted, later, NOW + 10_500).outcome, counted.rows

    outcome, rows = store.write(work)
    assert outcome == "recorded"
    assert rows < 20
