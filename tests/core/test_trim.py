"""A conversation that is too large is made to fit, and says what was left out."""

import copy

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.core.trim import BODY_LIMIT, LAST, fitted


def message(number, content, role="user", **properties):
    told = {"id": f"m-{number}", "createdAt": "2023-11-14T22:13:20.000Z", "role": role, "content": content}
    return told | ({"properties": properties} if properties else {})


def calling(number, *results):
    """An answer that called tools, with what they gave."""
    calls = [
        {"id": f"call-{number}-{at}", "type": "function", "function": {"name": "f", "arguments": "{}"}}
        for at in range(len(results))
    ]
    told = [{"tool_call_id": f"call-{number}-{at}", "content": result} for at, result in enumerate(results)]
    return message(number, "", "assistant", toolResults=told) | {"tool_calls": calls}


def conversation(*messages, **properties):
    return {
        "id": "chat",
        "type": "openai",
        "messages": list(messages),
        "properties": {"source": "teelog", **properties},
    }


def trimmed(body, limit):
    """What comes of a body, read again."""
    before = copy.deepcopy(body)
    raw = fitted(body, limit)
    assert body == before
    return orjson.loads(raw), len(raw)


def ids(body):
    return [one["id"] for one in body["messages"]]


def test_what_fits_is_not_touched():
    """A body of exactly the limit is sent as it is, without a word on trimming."""
    body = conversation(message(0, "hi"))
    size = len(orjson.dumps(body))

    assert trimmed(body, size) == (body, size)


def test_results_of_tools_are_shortened_first():
    """Long results become short, no more than is needed, and every message stays under its id."""
    body = conversation(*(calling(number, "x" * 100_000, "short") for number in range(40)))
    told, size = trimmed(body, 1_000_000)

    assert size <= 1_000_000
    assert ids(told) == ids(body)
    results = [one["properties"]["toolResults"] for one in told["messages"]]
    assert {len(long["content"]) for long, _ in results} == {16_384 + len("… [83,616 characters left out]")}
    assert {short["content"] for _, short in results} == {"short"}
    assert [one["tool_call_id"] for one in results[3]] == ["call-3-0", "call-3-1"]
    assert told["properties"] == {
        "source": "teelog",
        "trimmed": {"bytes": len(orjson.dumps(body)), "toolResults": 40},
    }


def test_a_result_that_nobody_asked_for_is_one_too():
    """A tool's result that stands as a message of its own is shortened with the others."""
    body = conversation(message(0, "x" * 300_000, "system", originalRole="tool"), message(1, "y" * 50_000))
    told, _ = trimmed(body, 200_000)

    assert len(told["messages"][0]["content"]) < 70_000
    assert len(told["messages"][1]["content"]) == 50_000
    assert told["properties"]["trimmed"]["toolResults"] == 1


def test_then_the_oldest_of_the_middle_go():
    """The system prompt, the first question and the last ten stay; of the rest the oldest go, as many as must."""
    said = [message("s", "be kind", "system"), *(message(n, f"{n} " + "x" * 1000) for n in range(100))]
    body = conversation(*said)
    told, size = trimmed(body, 60_000)

    gone = told["properties"]["trimmed"]["messages"]
    assert ids(told) == ["m-s", "m-0", *(f"m-{n}" for n in range(gone + 1, 100))]
    assert 60_000 - 1_500 < size <= 60_000
    assert told["messages"] == [one for one in said if one["id"] in ids(told)]


def test_what_stays_is_shortened_last():
    """Where the last ten alone are too large their texts are cut, and so are arguments, which stay JSON."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"text": "' + "a" * 90_000 + '"}'}}
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 9_000}}
    body = conversation(
        *(message(number, "x" * 50_000) for number in range(30)),
        message("call", "", "assistant") | {"tool_calls": [call]},
        message("picture", [{"type": "text", "text": "look"}, picture]),
    )
    told, size = trimmed(body, 40_000)

    assert size <= 40_000
    assert ids(told) == ["m-0", *(f"m-{number}" for number in range(22, 30)), "m-call", "m-picture"]
    arguments = told["messages"][-2]["tool_calls"][0]["function"]["arguments"]
    assert orjson.loads(arguments)["trimmed"].startswith('{"text": "aaa')
    assert told["messages"][-1]["content"][1] == {"type": "text", "text": "[a picture left out, 9,022 characters]"}
    assert told["properties"]["trimmed"]["texts"] == 11


@pytest.mark.parametrize("text", ["é", "\u2028", "😀", '"', "\\"])
def test_bytes_count_not_characters(text):
    """What a text takes as it is sent is what counts."""
    body = conversation(*(message(number, text * 30_000) for number in range(40)))
    _, size = trimmed(body, 500_000)

    assert size <= 500_000


def test_the_limit_is_under_two_million():
    """Without a limit of its own a body is made to fit what Inkeep takes."""
    assert len(fitted(conversation(*(message(n, "x" * 20_000) for n in range(400))))) <= BODY_LIMIT == 2_000_000


TEXTS = st.sampled_from(["", "hi", "x" * 900, "é" * 5_000, "y" * 40_000])
MESSAGES = st.one_of(
    st.builds(lambda role, text: (role, text), st.sampled_from(["user", "assistant", "system"]), TEXTS),
    st.builds(lambda results: ("tools", results), st.lists(TEXTS, min_size=1, max_size=3)),
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(said=st.lists(MESSAGES, min_size=1, max_size=60), limit=st.sampled_from([20_000, 50_000, 200_000]))
def test_any_conversation_fits(said, limit):
    """Whatever was said, it fits; the newest ten and the first question stay, in order, and nobody's id changes."""
    body = conversation(
        *(
            calling(number, *what) if role == "tools" else message(number, what, role)
            for number, (role, what) in enumerate(said)
        )
    )
    told, size = trimmed(body, limit)

    assert size <= limit
    assert [name for name in ids(body) if name in set(ids(told))] == ids(told)
    assert ids(told)[-LAST:] == ids(body)[-LAST:]
    first = next((one["id"] for one in body["messages"] if one["role"] == "user"), None)
    assert first is None or first in ids(told)
    assert fitted(body, limit) == fitted(body, limit)
