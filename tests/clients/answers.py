"""One answer, three times told: by the bytes of the server, by the SDK that joins them, and by the log."""

from __future__ import annotations

import re
import urllib.error
import urllib.request

import openai
from openai.lib.streaming.chat import ChatCompletionStreamState

from tests.clients.servers import KEY

#: What the tool that the models are offered takes.
LIGHT = {
    "type": "object",
    "properties": {"room": {"enum": ["hall", "attic"]}, "level": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["room", "level"],
    "additionalProperties": False,
}


def ask(client: openai.OpenAI, how: str, body: dict) -> openai.types.chat.ChatCompletion:
    """The answer as the SDK puts it together."""
    if how == "whole":
        return client.chat.completions.create(**{k: v for k, v in body.items() if k != "stream_options"})
    state = ChatCompletionStreamState()
    chunks = client.chat.completions.create(**body, stream=True)
    for chunk in sorted(chunks, key=place_of) if body.get("n") else chunks:
        state.handle_chunk(chunk)
    try:
        return state.get_final_completion()
    except openai.LengthFinishReasonError as error:
        return error.completion


def place_of(chunk) -> int:
    """The choice a chunk is of: the SDK's own joining fails unless choice 0 comes first, and llama.cpp sends any first."""
    return chunk.choices[0].index if chunk.choices else 1 << 16


def shown(choice) -> dict:
    """A choice as the log tells it."""
    message = choice.message
    calls = [call.model_dump(include={"id", "type", "function"}) for call in message.tool_calls or ()]
    for call in calls:
        call["function"] = {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}
    return {"content": message.content or "", "tool_calls": calls, "finishReason": choice.finish_reason}


def told(message: dict) -> list[dict]:
    """The choices in a logged answer, the first and its alternatives."""
    properties = message["properties"]
    said = [{**message, "finishReason": properties.get("finishReason")}, *properties.get("alternatives", ())]
    return [
        {
            "content": one.get("content") or "",
            "tool_calls": [{k: call[k] for k in ("id", "type", "function")} for call in one.get("tool_calls") or ()],
            "finishReason": one.get("finishReason"),
        }
        for one in said
    ]


def without_ids(choices: list[dict]) -> list[dict]:
    """Ids of calls are made up anew for each answer."""
    return [{**one, "tool_calls": [call["function"] for call in one["tool_calls"]]} for one in choices]


def shown_calls(message) -> list[dict]:
    return [call.model_dump(include={"id", "type", "function"}, exclude_none=True) for call in message.tool_calls]


def raw(url: str, body: bytes) -> tuple[int, str, bytes]:
    """Status, content type and body."""
    request = urllib.request.Request(
        f"{url}/chat/completions", body, {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers["content-type"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["content-type"], error.read()


def steady(answer: tuple[int, str, bytes]) -> tuple[int, str, bytes]:
    """An answer without what differs from one to the next."""
    status, kind, body = answer
    return status, kind, re.sub(rb'"(id|created|timings)": ?("[^"]*"|\d+|\{[^}]*\})', rb'"\1":?', body)


def ask_response(client: openai.OpenAI, how: str, body: dict) -> openai.types.responses.Response:
    """The Responses answer as the SDK tells it; of a stream what it says at its end, which the deltas before must say."""
    if how == "whole":
        return client.responses.create(**body)
    events = list(client.responses.create(**body, stream=True))
    response = events[-1].response
    assert "".join(one.delta for one in events if one.type == "response.output_text.delta") == response.output_text
    return response


def shown_response(response) -> dict:
    """A Responses answer as the log tells it."""
    calls = [one for one in response.output if one.type == "function_call"]
    limit = response.incomplete_details
    return {
        "content": response.output_text,
        "tool_calls": [
            {"id": one.call_id, "type": "function", "function": {"name": one.name, "arguments": one.arguments}}
            for one in calls
        ],
        "finishReason": limit.reason if limit else response.status,
    }
