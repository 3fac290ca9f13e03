"""What a history refers to is looked up among the tenant's messages."""

import time

import pytest

from .scenes import CALL, asks, message_item, note, polls, response, user

OUTPUT = {"type": "function_call_output", "call_id": "call_8f2k1x", "output": "sunny"}
SAID = {**message_item("Hello"), "id": "msg_1"}


def ref(name):
    return {"type": "item_reference", "id": name}


HISTORIES = {
    "a message": ([SAID], [ref("msg_1"), user("how?")], ["hi", "Hello", "how?", "Well"]),
    "reasoning before it": ([SAID], [ref("rs_1"), ref("msg_1"), user("how?")], ["hi", "Hello", "how?", "Well"]),
    "a call": ([CALL], [ref("fc_1"), OUTPUT], ["hi", "", "sunny", "Well"]),
    "a message and its call": ([SAID, CALL], [ref("msg_1"), ref("fc_1"), OUTPUT], ["hi", "Hello", "sunny", "Well"]),
    "a call beside it": ([SAID, CALL], [ref("msg_1"), CALL, OUTPUT], ["hi", "Hello", "sunny", "Well"]),
    "two messages": (
        [SAID, {**message_item("There"), "id": "msg_2"}],
        [ref("msg_1"), ref("msg_2"), user("how?")],
        ["hi", "Hello", "There", "how?", "Well"],
    ),
}


@pytest.mark.parametrize(("output", "refers", "texts"), HISTORIES.values(), ids=HISTORIES)
def test_a_history_that_refers(book, output, refers, texts):
    """A conversation goes on from a history that names what was answered, in place of saying it."""
    book.take(asks("hi", response("completed", *output)))
    book.take(asks([user("hi"), *refers], response("completed", "Well", completion_id="resp_2")))

    assert book.texts() == [texts]


@pytest.mark.parametrize("key", ["sk-a-client", "sk-another-key"])
def test_unknown_references(book, key):
    """What is not known, or is another tenant's, is left out."""
    book.take(asks("hi", response("completed", SAID)))
    name = "msg_1" if key != "sk-a-client" else "msg_7"
    book.take(asks([ref(name), user("how?")], response("completed", "Well", completion_id="resp_2"), key=key))

    assert book.texts() == [["hi", "Hello"], ["how?", "Well"]]


def test_ids_as_gateways_seal_them(book, store):
    """Answers and items are known by ids of many hundred letters, as LiteLLM and GitHub Copilot make them."""
    answer, item = ("".join(f"{kind}_{number}" for number in range(150)) for kind in ("resp", "msg"))
    book.take(asks("hi", response("queued", background=True, completion_id=answer), name="e-1"))
    said = {**message_item("Hello"), "id": item}
    book.take(polls(response("completed", said, completion_id=answer), completion_id=answer))
    book.take(note(messageId=answer))
    refers = [user("hi"), {"type": "item_reference", "id": item}, user("how?")]
    book.take(asks(refers, response("completed", {**message_item("Well"), "id": item + "."}, completion_id="r_2")))
    refers += [{"type": "item_reference", "id": item + "."}, user("so?")]
    book.take(asks(refers, response("completed", "So", completion_id="r_3")))

    long = answer.upper()
    book.take(asks([*refers, message_item("So"), user("?")], response("completed", "!", completion_id=long)))
    book.take(asks("bye", response("completed", "Bye", completion_id="r_5"), previous_response_id=long))

    assert book.texts() == [["hi", "Hello", "how?", "Well", "so?", "So", "?", "!", "bye", "Bye"]]
    assert store._database.read(lambda tx: tx.one("annotation", key=1)["message_id"]) == "e-1"


def test_a_reference_costs_nothing(book):
    """A message is brought in once, however often a history refers to it or to its calls."""
    book.take(asks("hi", response("completed", SAID, {**message_item("There"), "id": "msg_2"}, CALL)))
    refers = [*(ref(name) for _ in range(50) for name in ("msg_1", "msg_2")), *[ref("fc_1"), OUTPUT] * 3]
    book.take(asks([user("hi"), *refers], response("completed", "Well", completion_id="resp_2")))

    assert book.texts() == [["hi", "Hello", "There", "sunny", "sunny", "sunny", "Well"]]


def test_no_more_is_brought_in_than_a_request_may_hold(book):
    """Messages that are longer together than a request may be are left out."""
    long = [{**message_item(letter * (12 << 20)), "id": f"msg_{letter}"} for letter in "abc"]
    book.take(asks("hi", response("completed", *long)))
    refers = [ref(one["id"]) for one in long]
    book.take(asks([*refers, user("how?")], response("completed", "Well", completion_id="resp_2")))

    assert [text[:1] for text in book.texts()[0]] == ["a", "b", "h", "W"]


def test_messages_that_repeat_take_linear_time(book):
    """Fifty thousand calls that a message has again are looked at once each."""
    calls = [CALL | {"call_id": f"call_{at}"} for at in range(50_000)]
    said = [ref("msg_7"), *calls, {**message_item(""), "content": []}, *calls, user("how?")]
    begun = time.process_time()

    assert book.take(asks(said, response("completed", "Well"))).outcome == "recorded"
    assert time.process_time() - begun < 15
