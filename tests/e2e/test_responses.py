"""The official OpenAI SDK and the Responses API: what its user sees is what analytics has, whole and once."""

from __future__ import annotations

import openai
import pytest

from tests.e2e.process import Teelog, transcript
from tests.e2e.responses_upstream import ResponsesUpstream
from tests.e2e.test_sdk import only_the_base_url

TOOL = {"type": "function", "name": "look_up", "parameters": {"type": "object", "properties": {}}, "strict": False}

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def upstream():
    with ResponsesUpstream() as server:
        yield server


def plain(client, given, **more):
    return client.responses.create(model="m", input=given, **more)


def streamed(client, given, **more):
    final = None
    for event in client.responses.create(model="m", input=given, stream=True, **more):
        final = event
    return final.response


def helper(client, given, **more):
    with client.responses.stream(model="m", input=given, **more) as stream:
        return stream.get_final_response()


def shown(response) -> list[tuple]:
    """What the SDK's user sees of an answer, in the order of its items."""
    lines = []
    for item in response.output:
        if item.type == "message":
            (part,) = item.content
            lines.append(("assistant", part.refusal if part.type == "refusal" else part.text))
        elif item.type == "function_call":
            lines.append(("call", item.call_id, item.name, item.arguments))
    return lines


def items_of(response) -> list[dict]:
    """An answer as the next request's input holds it."""
    return [item.model_dump(exclude_none=True) for item in response.output]


def talk(client, ask, name) -> list[tuple]:
    """Three turns with all history sent each time; one with a tool, its output, and one that is refused."""
    given, lines = [], []
    for said in (f"{name} search", f"{name} what is it?", f"{name} harm", f"{name} bye"):
        given.append({"role": "user", "content": said})
        lines.append(("user", said))
        answer = ask(client, given, tools=[TOOL])
        given += items_of(answer)
        lines += shown(answer)
        for call in [item for item in answer.output if item.type == "function_call"]:
            given.append({"type": "function_call_output", "call_id": call.call_id, "output": "found"})
            answer = ask(client, given, tools=[TOOL])
            given += items_of(answer)
            lines += [("result", call.call_id, "found"), *shown(answer)]
    return lines


def lines_of(conversation) -> list[tuple]:
    """A transcript with results where they came: after their calls."""
    return sorted(transcript(conversation), key=str)


def test_every_conversation_is_whole_and_there_once(tmp_path, upstream):
    """Plain, streamed and through the SDK's stream helper: texts, calls, results, refusals, several messages at once."""
    with Teelog(tmp_path, upstream.url) as teelog, only_the_base_url(teelog.base_url):
        with openai.OpenAI() as client:
            expected = [talk(client, ask, ask.__name__) for ask in (plain, streamed, helper)]
        messages = sum(line[0] in ("user", "assistant") for one in expected for line in one)
        logged = teelog.until(
            lambda: (found := teelog.conversations()) and sum(len(c["messages"]) for c in found) >= messages and found
        )

        assert sorted(map(lines_of, logged)) == sorted(sorted(one, key=str) for one in expected)
        for conversation in logged:
            answer = conversation["messages"][1]
            assert answer["properties"]["reasoning"] == "Search first."
            assert answer["properties"]["server_tool_calls"][0]["action"]["type"] == "search"
            assert answer["properties"]["finishReason"] == "completed"
            assert answer["properties"]["usage"]["output_tokens"] == 2
            assert answer["links"][0]["url"] == "https://a.example/"
            assert "interrupted" not in answer["properties"]


def test_an_answer_made_in_the_background(tmp_path, upstream):
    """An answer that is polled until it is there is one message, with the id of the exchange that asked for it."""
    with Teelog(tmp_path, upstream.url) as teelog, only_the_base_url(teelog.base_url):
        with openai.OpenAI() as client:
            asked = client.responses.with_raw_response.create(model="m", input="hi", background=True)
            name, answer = asked.headers["x-teelog-id"], asked.parse()
            first = teelog.until(teelog.conversations)[0]["messages"]
            while answer.status != "completed":
                answer = client.responses.retrieve(answer.id)
        teelog.until(lambda: teelog.conversations()[0]["messages"][-1]["content"])

        (logged,) = teelog.conversations()
        assert first[-1]["properties"]["finishReason"] == "queued"
        assert transcript(logged) == [("user", "hi"), *shown(answer)]
        assert logged["messages"][-1]["id"] == first[-1]["id"] == name
        assert logged["messages"][-1]["properties"]["finishReason"] == "completed"


def test_a_background_stream_that_is_resumed(tmp_path, upstream):
    """A stream that broke off, taken up again where it did, is one answer, as the SDK has it in the end."""
    with Teelog(tmp_path, upstream.url) as teelog, only_the_base_url(teelog.base_url):
        with openai.OpenAI() as client:
            seen = list(client.responses.create(model="m", input="search", background=True, stream=True))
            teelog.until(lambda: (found := teelog.conversations()) and len(found[0]["messages"]) == 2)
            rest = client.responses.retrieve(seen[0].response.id, stream=True, starting_after=seen[-1].sequence_number)
            final = list(rest)[-1].response
        teelog.until(lambda: teelog.conversations()[0]["messages"][-1]["content"])

        (logged,) = teelog.conversations()
        assert transcript(logged) == [("user", "search"), *shown(final)]
        assert logged["messages"][-1]["properties"]["reasoning"] == "Search first."
        assert "interrupted" not in logged["messages"][-1]["properties"]


def test_an_answer_that_nobody_asked_for_here(tmp_path, upstream):
    """A poll of an unknown answer goes through and is counted."""
    with Teelog(tmp_path, upstream.url) as teelog, only_the_base_url(upstream.url):
        with openai.OpenAI() as client:
            key = plain(client, "hi").id
        with openai.OpenAI(base_url=teelog.base_url) as client:
            client.responses.retrieve(key)
            assert client.responses.retrieve(key).output_text == "echo of hi"
        teelog.until(lambda: teelog.status()["recorder"]["counters"].get("unknown_answer") == 2)

        assert teelog.conversations() == []
