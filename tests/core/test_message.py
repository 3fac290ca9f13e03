"""Messages and how they are recognised."""

import orjson
import pytest

from proxy.core.message import Message, chain, digest, pairs, text_of


def call(name="weather", arguments='{"town":"Oslo"}', key="c1"):
    return {"id": key, "type": "function", "function": {"name": name, "arguments": arguments}}


def image(url, **more):
    return {"type": "image_url", "image_url": {"url": url, **more}}


FULL = Message(
    role="assistant",
    content=[{"type": "text", "text": "Look"}],
    tool_calls=[call()],
    tool_call_id="c0",
    name="Ann",
    refusal="no",
    reasoning="hm",
    function_call={"name": "f", "arguments": "{}"},
    id="m1",
    extra={"citations": ["https://one.example"]},
)


@pytest.mark.parametrize(
    "message", [FULL, Message("user", "Hi"), Message("user", ""), Message("user", []), Message("user")], ids=str
)
def test_round_trip(message):
    """A message comes back equal from its JSON, which holds only what was said."""
    written = orjson.loads(orjson.dumps(message.to_json()))

    assert Message.from_json(written) == message
    assert all(value or name == "content" for name, value in written.items())


def test_compact():
    """What is empty is absent."""
    assert Message("user", "Hi").to_json() == {"role": "user", "content": "Hi"}
    assert Message("assistant").to_json() == {"role": "assistant"}


TEXTS = {
    "string": ("Hi", "Hi"),
    "nothing": (None, ""),
    "parts": ([{"type": "text", "text": "a"}, image("u"), {"type": "output_text", "text": "b"}], "ab"),
    "refusal": ([{"type": "refusal", "refusal": "no"}], "no"),
    "thinking": ([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}], "a"),
    "no text in it": ([{"type": "text", "text": None}, {"text": "x"}, {}], ""),
}


@pytest.mark.parametrize(("content", "text"), TEXTS.values(), ids=TEXTS)
def test_text_of(content, text):
    """The text of a content is its text parts, joined."""
    assert text_of(content) == text


SAME = {
    "blanks": (Message("user", "a  b\n"), Message("user", " a b")),
    "parts": (Message("user", [{"type": "text", "text": "a "}, {"type": "text", "text": "b"}]), Message("user", "a b")),
    "NFC": (Message("user", "cafe\u0301"), Message("user", "caf\u00e9")),
    "name, ids, extra": (
        Message("user", "a", name="Ann", id="m1", extra={"x": 1}),
        Message("user", "a"),
    ),
    "developer": (Message("developer", "a"), Message("system", "a")),
    "function role": (Message("function", "a", name="f"), Message("tool", "a", tool_call_id="c1")),
    "cache mark": (
        Message("user", [{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}]),
        Message("user", "a"),
    ),
    "cache mark on a file": (
        Message("user", [{"type": "file", "file": {"file_id": "f"}, "cache_control": {}}]),
        Message("user", [{"file": {"file_id": "f"}, "type": "file"}]),
    ),
    "reasoning": (Message("assistant", "a", reasoning="hm"), Message("assistant", "a")),
    "thinking part": (
        Message("assistant", [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "a"}]),
        Message("assistant", "a"),
    ),
    "think block": (Message("assistant", "<think>\nhm\n</think>\n\na"), Message("assistant", "a")),
    "details block": (
        Message("assistant", '<details type="reasoning" done="true">hm</details>a'),
        Message("assistant", "a"),
    ),
    "reminder blocks": (
        Message("user", "<system-reminder>x</system-reminder>\n<system_reminder>y</system_reminder>a"),
        Message("user", "a"),
    ),
    "refusal": (Message("assistant", refusal="no"), Message("assistant", "no")),
    "nothing said": (Message("assistant", "", [call()]), Message("assistant", None, [call()])),
    "call ids": (Message("assistant", None, [call(key="c1")]), Message("assistant", None, [call(key="c2")])),
    "spelling of arguments": (
        Message("assistant", None, [call(arguments='{"a":1,"b":2}')]),
        Message("assistant", None, [call(arguments='{ "b": 2.0, "a": 1 }')]),
    ),
    "no arguments": (
        Message("assistant", None, [call(arguments="")]),
        Message("assistant", None, [call(arguments="{}")]),
    ),
    "function call": (
        Message("assistant", function_call={"name": "weather", "arguments": '{"town": "Oslo"}'}),
        Message("assistant", None, [call()]),
    ),
    "image detail": (
        Message("user", [image("https://a", detail="low")]),
        Message("user", [{"type": "input_image", "image_url": "https://a"}]),
    ),
    "media type of a data address": (
        Message("user", [image("data:image/png;base64,AAAA")]),
        Message("user", [image("data:;base64,AAAA")]),
    ),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_recognised(one, other):
    """What clients change between turns does not change a message's digest."""
    assert digest(one) == digest(other)


DIFFERENT = {
    "text": (Message("user", "a"), Message("user", "b")),
    "word borders": (Message("user", "a b"), Message("user", "ab")),
    "role": (Message("user", "a"), Message("assistant", "a")),
    "arguments": (Message("assistant", None, [call()]), Message("assistant", None, [call(arguments="{}")])),
    "calls": (Message("assistant", None, [call()]), Message("assistant", None, [call(), call()])),
    "image": (Message("user", [image("https://a")]), Message("user", [image("https://b")])),
    "image data": (Message("user", [image("data:,A")]), Message("user", [image("data:,B")])),
    "file": (
        Message("user", [{"type": "file", "file": {"file_id": "f"}}]),
        Message("user", [{"type": "file", "file": {"file_id": "g"}}]),
    ),
    "text and call": (Message("assistant", "call\nf\n{}"), Message("assistant", None, [call("f", "{}")])),
    "think block within": (Message("assistant", "a <think>b</think>"), Message("assistant", "a")),
    "think block left open": (Message("assistant", "<think>a"), Message("assistant", "a")),
}


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT)
def test_told_apart(one, other):
    """What was said differently has another digest."""
    assert digest(one) != digest(other)


def test_digest_takes_any_text():
    """Lone surrogates and unfinished arguments are hashed too."""
    assert len(digest(Message("user", "\ud83d", [call(arguments='{"a": "\ud83d')]))) == 16


HISTORY = [Message("user", "Hi"), Message("assistant", "Hello"), Message("user", "Bye")]


def test_chain_grows_with_each_message():
    """A history's hashes are those of its beginning and more."""
    hashes = chain(HISTORY)

    assert [len(one) for one in hashes] == [16] * 3
    assert len(set(hashes)) == 3
    assert chain(HISTORY[:2]) == hashes[:2]
    assert chain(HISTORY[2:], hashes[1]) == hashes[2:]


def test_chain_passes_over_system_messages():
    """System and developer messages leave the hash as it was."""
    told = [Message("system", "It is Monday"), HISTORY[0], Message("developer", "Be kind"), *HISTORY[1:]]
    hashes = chain(HISTORY)

    assert chain(told) == [b"", hashes[0], hashes[0], *hashes[1:]]


def test_chain_depends_on_order_and_start():
    """The same messages in another order, or after another start, are another history."""
    assert chain(HISTORY)[-1] != chain([HISTORY[2], HISTORY[1], HISTORY[0]])[-1]
    assert chain(HISTORY, b"tenant")[0] != chain(HISTORY)[0]


def test_pairs():
    """An assistant message has the pair hash of the question before it, whatever tools were asked between."""
    asked = [
        Message("system", "x"),
        Message("assistant", "Welcome"),
        HISTORY[0],
        Message("assistant", None, [call()]),
        Message("tool", "12 degrees"),
        HISTORY[1],
    ]
    hashes = pairs(asked)

    assert [one is None for one in hashes] == [True, True, True, False, True, False]
    assert hashes[-1] == pairs(HISTORY)[1]
    assert hashes[-1] != hashes[3]
    assert pairs([Message("user", "Ho"), HISTORY[1]])[1] != hashes[-1]


def test_many_wrappers_take_linear_time():
    """A text of nothing but reminders, the last one open, costs no more than its length."""
    text = "<system-reminder>x</system-reminder>" * 20_000 + "<think>" * 20_000

    assert digest(Message("user", text)) == digest(Message("user", "<think>" * 20_000))
