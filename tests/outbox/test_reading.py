"""A record read."""

import pytest

from proxy.config import Conversation
from proxy.core.entry import Entry
from proxy.core.exchange import Note
from proxy.core.message import Message
from proxy.outbox.reading import Passed, Reading, SetAside

from .scenes import exchange, note, user

HI = [user("hi")]


class Blackener:
    """Takes out the word "secret"."""

    def text(self, text):
        return text.replace("secret", "***")

    def message(self, message):
        return Message(message.role, self.text(message.content))

    def value(self, value):
        if isinstance(value, dict):
            return {key: self.value(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.value(one) for one in value]
        return self.text(value) if isinstance(value, str) else value


def test_an_exchange():
    """An exchange becomes an entry, and the facts of its log line: ids, sizes and times."""
    told = Reading(Conversation()).read(exchange(HI, name="e-1"))

    assert isinstance(told.item, Entry)
    assert told.item.history.rest == [Message("user", "hi")]
    assert told.facts == {
        "id": "e-1",
        "status": 200,
        "first_byte_ms": 100,
        "duration_ms": 500,
        "endpoint": "chat.completions",
        "model": "m-1-2025",
        "prompt_tokens": 7,
        "completion_tokens": 2,
    }


def test_configured_headers():
    """Conversation and user are read from the configured headers."""
    reading = Reading(Conversation(id_headers=("x-chat-id",), user_headers=("x-openwebui-user-id",)))
    item = reading.read(exchange(HI, headers=[("X-Chat-Id", "c"), ("X-OpenWebUI-User-Id", "ann")])).item

    assert (item.caller.conversation_id, item.caller.user) == ("c", "ann")


@pytest.mark.parametrize(
    ("payload", "outcome"),
    [
        pytest.param(exchange(HI, status=429, body=b'{"error":{"message":"slow"}}'), "refused", id="refused by status"),
        pytest.param(exchange(HI, body=b'{"error":{"message":"no"}}'), "refused", id="an error without choices"),
        pytest.param(exchange("nonsense", status=400, body=b"{}"), "refused", id="refused for what is no chat"),
        pytest.param(exchange(HI, target="/v1/embeddings"), "not_rebuilt", id="another endpoint"),
        pytest.param(
            exchange([], target="/v1/completions", prompt="def f(", suffix=")"), "not_rebuilt", id="code completion"
        ),
    ],
)
def test_no_message_comes_of_it(payload, outcome):
    """Refused exchanges, and those of endpoints that are not rebuilt, are only counted."""
    assert Reading(Conversation()).read(payload).item == Passed(outcome)


@pytest.mark.parametrize(
    ("payload", "name"),
    [
        pytest.param(b"\x00\x01", "", id="no record at all"),
        pytest.param(exchange("nonsense", name="e-1"), "e-1", id="no list of messages"),
        pytest.param(exchange(HI, name="e-1", body=b"<html>"), "e-1", id="an answer that is no JSON"),
    ],
)
def test_what_cannot_be_read_is_set_aside(payload, name):
    """What is not understood comes back with its reason and all its bytes."""
    item = Reading(Conversation()).read(payload).item

    assert isinstance(item, SetAside)
    assert (item.id, item.payload) == (name, payload)
    assert item.reason


@pytest.mark.parametrize("payload", [b"\x00\x01", exchange("nonsense")], ids=["no record at all", "no messages"])
@pytest.mark.parametrize(
    ("redactor", "keep", "kept"),
    [
        pytest.param(None, False, True, id="nothing is redacted"),
        pytest.param(Blackener(), False, False, id="redacted"),
        pytest.param(Blackener(), True, True, id="redacted, and asked to keep"),
    ],
)
def test_what_cannot_be_redacted(payload, redactor, keep, kept):
    """What cannot be read is kept as it came unless there is redaction; with it, only where that was asked for."""
    reading = Reading(Conversation(), redactor, keep_unreadable=keep)
    expected = payload if kept else b""

    assert reading.read(payload).item.payload == expected
    assert reading.set_aside(payload, "it raised").payload == expected
    assert reading.set_aside(exchange(HI, name="e-1"), "it raised").id == "e-1"


def test_messages_are_redacted():
    """Questions, answers and other choices are redacted before anything else sees them."""
    choices = [{"message": {"role": "assistant", "content": f"secret {n}"}} for n in "ab"]
    item = Reading(Conversation(), Blackener()).read(exchange([user("my secret")], choices=choices, n=2)).item

    assert item.history.rest[0].content == "my ***"
    assert item.answers[0].content == "*** a"
    assert item.properties["alternatives"][0]["content"] == "*** b"


def test_errors_are_redacted():
    """An error beside an answer is told with it, redacted: it may quote what was asked."""
    body = b'{"choices":[{"message":{"content":"Hi"}}],"error":{"message":"no secret here"}}'
    item = Reading(Conversation(), Blackener()).read(exchange(HI, body=body)).item

    assert item.properties["error"] == {"message": "no *** here"}


def test_words_of_the_upstream_are_redacted():
    """Usage and the reason for the end are told as the upstream says them, redacted: some say it in free words."""
    body = b'{"choices":[{"message":{"content":"Hi"},"finish_reason":"a secret"}],"usage":{"n":7,"by":"secret"}}'
    item = Reading(Conversation(), Blackener()).read(exchange(HI, body=body)).item

    assert (item.properties["finishReason"], item.properties["usage"]) == ("a ***", {"n": 7, "by": "***"})


def test_every_prompt_is_redacted():
    """The further prompts of a legacy completion are redacted as the first is."""
    body = b'{"choices":[{"text":"secret a"},{"text":"secret b"}]}'
    told = exchange([], target="/v1/completions", prompt=["secret one", "secret two"], body=body)
    (further,) = Reading(Conversation(), Blackener()).read(told).item.further

    assert [message.content for message in (*further.history.rest, *further.answers)] == ["*** two", "*** b"]


def test_notes_are_redacted():
    """A person's words in feedback are redacted; ids are not."""
    reasons = [{"label": "secret", "details": "a secret"}]
    item = Reading(Conversation(), Blackener()).read(note(messageId="secret", details="secret!", reasons=reasons)).item

    assert isinstance(item, Note)
    assert item.body["messageId"] == "secret"
    assert item.body["details"] == "***!"
    assert item.body["reasons"] == [{"label": "***", "details": "a ***"}]


TITLE = [user("Please generate a concise title (max 40 characters) for a conversation that starts with: a secret")]


def test_side_requests():
    """A side request is told by its kind; as configured it is dropped, and counted."""
    item = Reading(Conversation()).read(exchange(TITLE)).item
    dropped = Reading(Conversation(side_requests="drop")).read(exchange(TITLE))

    assert item.side == "title"
    assert dropped.item == Passed("side_request")
    assert dropped.facts["side"] == "title"


def test_properties_are_redacted():
    """What callers tell besides their messages is redacted, too."""
    headers = [("x-teelog-property-note", "a secret")]
    item = Reading(Conversation(), Blackener()).read(exchange(HI, headers=headers)).item

    assert item.caller.properties == {"note": "a ***"}
