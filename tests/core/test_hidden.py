"""Messages of which only metadata is kept: recognised by those who have the key, and saying nothing."""

from __future__ import annotations

import pytest

from proxy.core.caller import Caller
from proxy.core.hidden import hidden, hidden_answer, hidden_caller
from proxy.core.history import History
from proxy.core.message import Message, digest, is_heard
from proxy.core.turn import Answered, Choice

KEY = b"of this installation"
CALL = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"what": "a secret"}'}}
MESSAGES = {
    "a question": Message("user", "a secret", id="m-1", name="secret"),
    "parts": Message("user", [{"type": "text", "text": "a secret"}]),
    "an answer": Message("assistant", "a secret", reasoning="a secret", refusal="a secret", extra={"x": "a secret"}),
    "calls": Message("assistant", None, tool_calls=[CALL]),
    "a result": Message("tool", "a secret", tool_call_id="call_1"),
    "the old form": Message("assistant", None, function_call={"name": "look_up", "arguments": "a secret"}),
    "a prompt": Message("system", "a secret"),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_nothing_that_was_said_is_written(name):
    """Of a message roles, ids and the names of functions are written, and no word of it."""
    message = MESSAGES[name]
    told = hidden(message, KEY).to_json()

    assert "secret" not in str(told)
    assert told["role"] == message.role
    assert (told.get("id"), told.get("tool_call_id")) == (message.id, message.tool_call_id)
    assert [call["function"]["name"] for call in told.get("tool_calls", ())] == ["look_up"] * len(message.tool_calls)
    assert digest(hidden(message, KEY)).hex() not in str(told)


@pytest.mark.parametrize("name", MESSAGES)
def test_it_is_recognised_with_the_key_alone(name):
    """The same message is hidden the same way, another otherwise, and with another key all of it."""
    message = MESSAGES[name]
    once, again = (History.of([hidden(message, KEY)], b"t") for _ in range(2))

    assert once.chain == again.chain
    assert is_heard(hidden(message, KEY)) == is_heard(message)
    assert hidden(message, KEY).content != hidden(message, b"another").content
    assert hidden(message, KEY).content != hidden(Message(message.role, "another secret"), KEY).content


def test_a_silent_answer_stays_silent():
    """What a history is not recognised by, is not hidden either: it says nothing."""
    silent = hidden(Message("assistant", " "), KEY)

    assert (silent.content, is_heard(silent)) == (None, False)


def test_an_answer_keeps_its_counts():
    """Model, usage, ids and finish reason stay; what a sentence may stand in is a word, a number, or gone."""
    choice = Choice(0, Message("assistant", "a secret", extra={"native_finish_reason": "STOP"}), "stop")
    other = Choice(1, Message("assistant", "a secret"), "since a secret was said", [Message("assistant", "secret")])
    usage = {"total_tokens": 9, "details": {"cached": 2, "by": "secret"}, "note": "secret"}
    error = {"type": "server_error", "code": 7, "message": "a secret"}
    told = hidden_answer(Answered([choice, other], True, "m", "c-1", usage, error, details={"x": "secret"}), KEY)

    assert "secret" not in str([told.usage, told.error, told.details, [one.message.to_json() for one in told.choices]])
    assert (told.model, told.completion_id, told.usage) == ("m", "c-1", {"total_tokens": 9, "details": {"cached": 2}})
    assert told.error == {"type": "server_error"}
    assert [one.finish_reason for one in told.choices] == ["stop", None]
    assert told.choices[0].message.extra == {"native_finish_reason": "STOP"}


@pytest.mark.parametrize(
    ("error", "told"), [(None, None), ("a secret", {"type": "error"}), ({"a": 1}, {"type": "error"})]
)
def test_that_there_was_an_error_is_told(error, told):
    """An error without a code is one all the same."""
    assert hidden_answer(Answered([], True, error=error), KEY).error == told


def test_a_caller_keeps_ids():
    """Ids stay; a caller's own properties may say anything, and go."""
    caller = hidden_caller(Caller("c-1", "ada", {"note": "a secret"}, session_id="s"))

    assert (caller.conversation_id, caller.user, caller.session_id, caller.properties) == ("c-1", "ada", "s", {})
