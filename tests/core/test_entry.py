"""An exchange, ready to be placed."""

import pytest

from proxy.core.additions import additions
from proxy.core.caller import Caller
from proxy.core.entry import conversation_properties
from proxy.core.message import Message
from proxy.core.place import Placing
from proxy.core.turn import Answered, Choice

from .exchanges import ANSWER, ID, USER, answered, asked, entry


def test_properties_of_an_answer():
    """An answer tells its model, reason to finish, usage, times, completion and the choices beside it."""
    other = Message("assistant", "Good day")
    usage = {"prompt_tokens": 3}
    one = entry(asked(USER, stream=True), answered(ANSWER, other, model="m-2", completion_id="chatcmpl-1", usage=usage))

    *_, answer = additions(one, Placing())
    assert answer.properties == {
        "model": "m-2",
        "finishReason": "stop",
        "usage": usage,
        "completionId": "chatcmpl-1",
        "timeToFirstTokenMs": 1,
        "latencyMs": 2,
        "alternatives": [{"role": "assistant", "content": "Good day", "finishReason": "stop"}],
    }
    assert (answer.created_at, one.started) == (2, 0)


def test_what_is_unknown_is_absent():
    """Nothing is invented: an answer without usage, ids and streaming tells only what is known."""
    *_, answer = additions(entry(), Placing())

    assert answer.properties == {"model": "m-1", "finishReason": "stop", "latencyMs": 2}


@pytest.mark.parametrize(
    ("by", "complete", "told"),
    [
        pytest.param("client", False, "client", id="by the client"),
        pytest.param("crash", False, "crash", id="by a crash"),
        pytest.param("", False, "upstream", id="ended early by the upstream"),
        pytest.param("", True, None, id="not"),
    ],
)
def test_interrupted(by, complete, told):
    """An answer that was cut is kept as far as it came, and says who cut it."""
    *_, answer = additions(entry(answer=answered(ANSWER, complete=complete), interrupted=by), Placing())

    assert answer.message is ANSWER
    assert answer.properties.get("interrupted") == told


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        pytest.param(answered(complete=False), False, id="nothing came"),
        pytest.param(answered(Message("assistant"), complete=False), False, id="cut before it said anything"),
        pytest.param(answered(Message("assistant", "")), True, id="whole, with nothing to say"),
        pytest.param(answered(Message("assistant", reasoning="Hm"), complete=False), True, id="cut while it reasoned"),
    ],
)
def test_answers_that_say_nothing(answer, kept):
    """An answer that was cut before it said anything is no message."""
    assert bool(entry(answer=answer).answers) is kept


def test_an_answer_in_an_odd_role():
    """Whatever role an upstream gives its answer, it is the assistant's; what it said stays in the properties."""
    *_, answer = additions(entry(answer=answered(Message("model", "Hello"))), Placing())

    assert (answer.message.role, answer.message.content) == ("assistant", "Hello")
    assert answer.properties["originalRole"] == "model"


def test_properties_of_a_conversation():
    """Ours win over the caller's; what is unknown is absent."""
    caller = Caller(properties={"plan": "pro", "source": "me"})

    assert conversation_properties(entry(caller=caller)) == {
        "plan": "pro",
        "source": "teelog",
        "endpoint": "chat.completions",
        "model": "m-1",
    }


def test_calls_without_an_id_are_given_one():
    """Calls that came without an id get distinct ones, the same when the answer is read again; given ids stay."""
    call = {"id": "", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    answer = Message("assistant", tool_calls=[call, call, call | {"id": "real"}])
    one, again = (entry(answer=answered(answer, answer)) for _ in range(2))
    first, second, third = (each["id"] for each in one.answers[0].tool_calls)

    assert first.startswith("call_")
    assert len(first) == len("call_") + 8
    assert first != second
    assert third == "real"
    assert one.answers == again.answers
    assert one.properties["alternatives"][0]["tool_calls"][0]["id"] not in ("", first, second)


def test_native_finish_reason():
    """What the upstream behind a gateway gave as its reason is told beside the gateway's."""
    told = entry(answer=answered(Message("assistant", "Hi", extra={"native_finish_reason": "end_turn"})))

    assert (told.properties["finishReason"], told.properties["nativeFinishReason"]) == ("stop", "end_turn")


CALL = {"id": "", "type": "function", "function": {"name": "weather", "arguments": "{}"}}


def test_messages_before_the_last_of_an_answer():
    """Of several messages the last has the exchange's id and the properties; calls without ids get different ones."""
    earlier = [Message("assistant", "Let me see", tool_calls=[CALL]), Message("assistant", "And", tool_calls=[CALL])]
    choice = Choice(0, Message("assistant", "Sunny", tool_calls=[CALL]), "completed", earlier=earlier)
    new = additions(entry(answer=Answered([choice], complete=True)), Placing())

    assert [(one.id, one.message.content) for one in new[1:]] == [
        (f"{ID}.0", "Let me see"), (f"{ID}.1", "And"), (ID, "Sunny"),
    ]  # fmt: skip
    assert [one.properties.get("finishReason") for one in new[1:]] == [None, None, "completed"]
    assert len({one.message.tool_calls[0]["id"] for one in new[1:]}) == 3


def test_several_messages_cut_before_the_last_said_anything():
    """An answer whose last message is still empty is kept for those before it."""
    choice = Choice(0, Message("assistant"), None, earlier=[ANSWER])

    assert len(entry(answer=Answered([choice], complete=False)).answers) == 2


@pytest.mark.parametrize(
    ("reason", "pending", "by", "told"),
    [
        pytest.param("queued", True, "", None, id="still to come"),
        pytest.param("in_progress", True, "client", "client", id="cut, and still to come"),
        pytest.param("cancelled", False, "", "client", id="cancelled"),
        pytest.param("failed", False, "", "upstream", id="failed"),
    ],
)
def test_answers_without_an_end(reason, pending, by, told):
    """An answer that is still to come was not interrupted, unless the exchange was; a client cancels, an upstream fails."""
    choice = Choice(0, Message("assistant"), reason, earlier=[ANSWER])
    one = entry(answer=Answered([choice], complete=False, is_pending=pending), interrupted=by)

    assert (one.properties["finishReason"], one.properties.get("interrupted")) == (reason, told)


def test_a_pending_answer_is_a_message():
    """An answer that is still to come has its place, though nothing was said yet."""
    choice = Choice(0, Message("assistant"), "queued")

    assert entry(answer=Answered([choice], complete=False, is_pending=True)).answers == [Message("assistant")]


def test_a_prompt_that_is_stored_upstream():
    """A stored prompt is told by its name, never by what was filled in."""
    question = asked()
    question.body = {"prompt": {"id": "pmpt_1", "version": "2", "variables": {"who": "Ann"}}}

    assert entry(question).properties["prompt"] == {"id": "pmpt_1", "version": "2"}


@pytest.mark.parametrize("prompt", [{}, {"id": 5}, {"id": {"a": ["ann"]}, "version": ["1"]}, "Say hi"])
def test_a_prompt_without_a_name(prompt):
    """What is no name is not told of a stored prompt."""
    question = asked()
    question.body = {"prompt": prompt}

    assert "prompt" not in entry(question).properties
