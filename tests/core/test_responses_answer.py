"""A Responses answer put together, where servers number, name or repeat its items oddly."""

import time

import pytest

from proxy.core.responses_answer import ResponseAnswer

ADDED, DONE = "response.output_item.added", "response.output_item.done"
COMPLETED = {"type": "response.completed", "response": {"status": "completed"}}


def item(text, **more):
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}], **more}


def call(name, arguments="{}", **more):
    return {"type": "function_call", "name": name, "arguments": arguments, **more}


def delta(text, **more):
    return {"type": "response.output_text.delta", "delta": text, **more}


def put_together(*chunks, kept=None):
    answer = ResponseAnswer(kept)
    for chunk in chunks:
        answer.take(chunk)
    return answer.result(is_done=False)


def said(answered):
    """The texts and calls of an answer's messages."""
    (choice,) = answered.choices
    messages = [*choice.earlier, choice.message]
    calls = [(one["function"]["name"], one["function"]["arguments"]) for each in messages for one in each.tool_calls]
    return [each.content for each in messages if each.content], calls


def test_items_without_number_and_id():
    """An item that has neither is told once: as a whole it is the newest of its kind and name that was opened."""
    answered = put_together(
        {"type": ADDED, "item": item("")}, delta("He"), delta("llo"), {"type": DONE, "item": item("Hello")},
        {"type": ADDED, "item": call("look", "")}, {"type": ADDED, "item": call("go", "")},
        {"type": DONE, "item": call("look", call_id="c_1")}, {"type": DONE, "item": call("go", call_id="c_2")},
        {"type": DONE, "item": item("Bye")}, COMPLETED,
    )  # fmt: skip

    assert said(answered) == (["Hello", "Bye"], [("look", "{}"), ("go", "{}")])


@pytest.mark.parametrize("numbers", [("0", "1"), (0.0, 1.0)], ids=["in quotes", "with a point"])
def test_numbers_as_some_write_them(numbers):
    """Items are kept apart by their numbers however these are written."""
    opened = [{"type": ADDED, "output_index": number, "item": item("")} for number in numbers]
    pieces = [delta(text, output_index=number) for number, text in zip(numbers, "AB", strict=True)]

    assert said(put_together(*opened, *pieces, COMPLETED)) == (["A", "B"], [])


@pytest.mark.parametrize("number", [-1, 1.5, True, "one", "-1", "9" * 5000, 1 << 70, float("inf"), [0]])
def test_what_is_no_number(number):
    """Where the number is none an item is known by its id."""
    chunks = [
        {"type": ADDED, "output_index": number, "item": item("", id="m_1")},
        delta("Hello", output_index=number, item_id="m_1"),
        {"type": DONE, "output_index": number, "item": item("Hello", id="m_1")},
    ]

    assert said(put_together(*chunks, COMPLETED)) == (["Hello"], [])


def test_an_item_that_comes_twice():
    """An item without an id that comes twice, word for word, is one."""
    done = {"type": DONE, "output_index": 0, "item": item("Hello")}

    assert said(put_together(done, done, COMPLETED)) == (["Hello"], [])


def test_items_of_one_id():
    """Items of a whole answer are all there, though the server gives them one id."""
    answer = ResponseAnswer()
    answer.take_whole({"status": "completed", "output": [item("One", id="m"), item("Two", id="m")]})

    assert said(answer.result(is_done=False)) == (["One", "Two"], [])


@pytest.mark.parametrize("told", [0, 20_000], ids=["whole", "streamed first"])
def test_many_items_take_linear_time(told):
    """Forty thousand items are put together in seconds, told by events before or not."""
    answer, begun = ResponseAnswer(), time.process_time()
    for at in range(told):
        answer.take({"type": DONE, "output_index": at, "item": item("x", id=f"a_{at}")})
    answer.take_whole({"status": "completed", "output": [item("x", id=f"b_{at}") for at in range(40_000)]})
    messages = answer.result(is_done=False).choices[0].earlier

    assert len(messages) == 39_999
    assert time.process_time() - begun < 20  # with each compared to each it takes ten minutes


def test_a_limit_of_an_answer_that_goes_on():
    """An answer that is still being made is not over because it names a limit."""
    answer = ResponseAnswer()
    limit = {"incomplete_details": {"reason": "max_output_tokens"}}
    answer.take_whole({"status": "in_progress", "output": [item("Hel")], **limit})
    answered = answer.result(is_done=False)

    assert (answered.choices[0].finish_reason, answered.is_pending) == ("in_progress", True)


def test_a_final_event_is_never_a_repeat():
    """The end of a resumed stream counts, though its server gives all events one number."""
    kept = {"sequence": 0, "items": [[0, item("Hel")]]}
    end = {**COMPLETED, "sequence_number": 0}

    answered = put_together(delta("Hel", output_index=0, sequence_number=0), end, kept=kept)
    assert (said(answered), answered.complete) == ((["Hel"], []), True)
