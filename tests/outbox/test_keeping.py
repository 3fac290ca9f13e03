"""What is kept of an exchange by its upstream's level: something planted in every place, looked for in every byte."""

from __future__ import annotations

import orjson
import pytest

from proxy.config import Config, Conversation, Privacy, Upstream
from proxy.core.redact import Redactor
from proxy.core.wire import build_conversation
from proxy.journal.reader import Position
from proxy.outbox.client import AnalyticsClient
from proxy.outbox.commands import Commands
from proxy.outbox.reading import Reading
from proxy.outbox.store import ANALYTICS

from ..fakes import NOW, Answer, FakeAnalytics
from .book import Book
from .office import Office, take
from .scenes import SECRET, asks, assistant, exchange, note, response, user

MAIL, CARD, KEY = "ada@example.com", "4111 1111 1111 1111", "sk-proj-" + "a1B2" * 8
PLANTED = f"write to {MAIL}, pay with {CARD}, use {KEY}"
CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "f", "arguments": orjson.dumps({"to": PLANTED}).decode()},
}
HI = [user("hi")]
TASK = "### Task:\nGenerate a concise title.\n### Chat History:\n<chat_history>\nUSER: {0}\nASSISTANT: {0}\n</chat_history>"


def answered(**message):
    return [{"message": assistant(None, **message), "finish_reason": "stop"}]


def with_properties(**more):
    return {"type": "x", "entityType": "message", "messageId": "m-1", **more}


PLACES = {
    "question": exchange([user(PLANTED)]),
    "parts": exchange([user([{"type": "text", "text": PLANTED}, {"type": "file", "file": {"filename": PLANTED}}])]),
    "system prompt": exchange([{"role": "system", "content": PLANTED}, *HI]),
    "history": exchange([user("hi"), assistant(PLANTED), user("more")]),
    "name": exchange([user("hi", name=PLANTED)]),
    "answer": exchange(HI, PLANTED),
    "reasoning": exchange(HI, choices=answered(reasoning=PLANTED)),
    "refusal": exchange(HI, choices=answered(refusal=PLANTED)),
    "citations": exchange(HI, choices=[{"message": assistant("x", annotations=[{"type": "u", "title": PLANTED}])}]),
    "tool arguments": exchange(HI, choices=answered(tool_calls=[CALL])),
    "tool arguments brought back": exchange([*HI, assistant(None, tool_calls=[CALL]), {"role": "tool", "tool_call_id": "call_1", "content": "x"}]),
    "tool result": exchange([*HI, assistant(None, tool_calls=[CALL]), {"role": "tool", "tool_call_id": "call_1", "content": PLANTED}]),
    "function call": exchange(HI, choices=answered(function_call={"name": "f", "arguments": PLANTED})),
    "another choice": exchange(HI, n=2, choices=[{"message": assistant("x")}, {"message": assistant(PLANTED)}]),
    "finish reason": exchange(HI, choices=[{"message": assistant("x"), "finish_reason": PLANTED}]),
    "error beside an answer": exchange(HI, body=orjson.dumps({"choices": [{"message": assistant("x")}], "error": {"message": PLANTED}})),
    "usage": exchange(HI, body=orjson.dumps({"choices": [{"message": assistant("x")}], "usage": {"by": PLANTED}})),
    "title": exchange([user(TASK.format("x"))], PLANTED),
    "title's quotation": exchange([user(TASK.format(PLANTED))], "x"),
    "property header": exchange(HI, headers=[("x-teelog-property-note", PLANTED)]),
    "property name": exchange(HI, metadata={MAIL: "x"}),
    "metadata": exchange(HI, metadata={"note": PLANTED}),
    "prefill": exchange([*HI, assistant(PLANTED)], " goes on"),
    "legacy prompts": exchange([], target="/v1/completions", prompt=["x", PLANTED], body=orjson.dumps({"choices": [{"text": PLANTED}, {"text": PLANTED}]})),
    "responses": asks(PLANTED, response("completed", PLANTED)),
    "instructions": asks("x", response("completed", "y"), instructions=PLANTED),
    "feedback": note(messageId="m-1", details=PLANTED),
    "feedback's reasons": note(messageId="m-1", reasons=[{"label": PLANTED, "details": PLANTED}]),
    "feedback's properties": note(messageId="m-1", properties={"a": {MAIL: [PLANTED]}}),
    "an event": note("event", **with_properties(properties={"a": [PLANTED]})),
    "a search": note("event", type="x", entityType="search", searchQuery=PLANTED),
    "an unreadable request": exchange(PLANTED),
    "an unreadable answer": exchange(HI, body=f"<html>{PLANTED}".encode()),
    "no record at all": b"\x00" + PLANTED.encode(),
    "a refusal": exchange(HI, status=400, body=orjson.dumps({"error": {"message": PLANTED}})),
}  # fmt: skip


def reading(level="full", **privacy):
    config = Config(privacy=Privacy(**privacy), upstream=Upstream(store=level))
    return Reading.configured(config.conversation, config.privacy, Redactor({}), config.store_levels, SECRET)


@pytest.fixture
def files(tmp_path, store):
    """All bytes that the store has written."""

    def read():
        return b"".join(path.read_bytes() for path in tmp_path.iterdir())

    return read


WAYS = {
    "privacy.redact": {"redact": True}, "level redacted": {"level": "redacted"}, "level metadata": {"level": "metadata"},
    "both": {"level": "metadata", "redact": True},
}  # fmt: skip


ANY = dict.fromkeys(("state", "sink", "kind", "before", "reason", "ids"))


def shown(store, how):
    """All that a person is shown of what the outbox holds."""
    commands = Commands(store, how, Redactor({}))
    rows = store.read(lambda tx: tx.all("held", after=0, sent=True, limit=999, **ANY))
    return b"".join(
        orjson.dumps(line) for row in rows for line in commands.answer({"verb": "show", "ids": [row["id"]]})
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_secret_is_nowhere(store, files, way):
    """Wherever it was planted, it is in no byte of the store, in nothing that is sent, nor in what a person is shown."""
    how, leaks = reading(**WAYS[way]), []
    for place, payload in PLACES.items():
        store.take([how.read(payload).item, how.set_aside(payload, "it raised")], "journal", Position(0, 0), NOW)
        if any(secret.encode() in files() for secret in (MAIL, CARD, KEY)):
            leaks.append(place)

    assert leaks == []
    assert not any(secret.encode() in shown(store, how) for secret in (MAIL, CARD, KEY))


@pytest.mark.parametrize("place", sorted(PLACES.keys() - {"a refusal"}))
def test_it_was_there_to_be_found(place):
    """Without redaction each of these places is kept, but for what the upstream refuses: nothing is looked for in vain."""
    assert MAIL in repr(reading().read(PLACES[place]).item)


async def test_a_dead_letter_quotes_no_secret(store, files, clock):
    """What a sink says of a refused body is redacted before it is kept as the reason."""
    body = orjson.dumps({"message": f"cannot take {MAIL}"})
    async with FakeAnalytics(Answer(400, body=body)) as analytics, Office(store, clock, analytics) as office:
        await office.client.close()
        office.client = AnalyticsClient(analytics.url, None, timeout_seconds=5, redact=Redactor({}).text)
        office.courier._sending._client = office.client
        take(store, exchange(HI))
        await office.deliver()
        (row,) = store.read(lambda tx: tx.all("dead_letters"))

    assert (row["sink"], row["n"]) == (ANALYTICS, 1)
    assert b"cannot take [email]" in files()
    assert MAIL.encode() not in files()


TALK = [
    user("one secret"),
    assistant("two secret"),
    user("three secret"),
    assistant("four secret"),
    user("five secret"),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("named", [True, False])
def test_conversations_come_out_whole(store, tmp_path, way, named):
    """Turn by turn a conversation is recognised, with and without a name; of metadata all but the words is told."""
    how, book = reading(**WAYS[way]), Book(store, tmp_path / "teelog.db")
    headers = [("x-teelog-conversation-id", "c-1")] if named else []
    for upto in (1, 3, 5):
        answer = f"{('two', 'four', 'six')[upto // 2]} secret"
        payload = exchange(TALK[:upto], answer, headers=headers, user="ada")
        assert store.take([how.read(payload).item], "journal", Position(0, 0), NOW)[0].outcome == "recorded"
    regenerated = exchange(TALK[:3], "four again", headers=headers, user="ada")
    store.take([how.read(regenerated).item], "journal", Position(0, 0), NOW)

    told, *forks = [build_conversation(one) for one in book.snapshots()]
    texts = [one["content"] for one in told["messages"]]
    assert len(forks) <= 1
    assert [one["role"] for one in told["messages"]][:4] == ["user", "assistant"] * 2
    assert told["userProperties"] == {"userId": "ada"}
    properties = told["messages"][1]["properties"]
    assert (properties["model"], properties["usage"]["total_tokens"], properties["latencyMs"]) == ("m-1-2025", 9, 500)
    if "metadata" in WAYS[way].values():
        assert {*texts} <= {"", None}
        assert not any(b"secret" in path.read_bytes() for path in tmp_path.iterdir())
    else:
        assert texts[:2] == ["one secret", "two secret"]


def test_each_upstream_has_its_own_level(tmp_path):
    """A level is that of the upstream whose exchange it is; one that is not known here is kept as the whole is."""
    config = Config(upstream=Upstream(store="redacted"), upstreams={"x": Upstream(store="metadata"), "y": Upstream()})

    assert config.store_levels == {"": "redacted", "x": "metadata", "y": "full"}
    how = Reading(Conversation(), Redactor({}), redacts=False, levels={"x": "metadata", "y": "full"})
    assert [how._level(name) for name in ("x", "y", "z")] == ["metadata", "full", "full"]
    assert how.read(b"\x00\x01").item.payload == b""
