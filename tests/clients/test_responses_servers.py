"""The Responses API of servers that no one here wrote, on random weights, behind teelog.

llama.cpp numbers neither events nor items, so that the SDK's own joining of its texts fails (`output_index` is None); what
the SDK shows is then its last event's answer, and the deltas that it gave. LiteLLM in front of it makes ids of its own.
"""

from __future__ import annotations

import json
import urllib.request

import pytest

from tests.clients.answers import LIGHT, ask_response, shown_response, told, without_ids
from tests.e2e.process import KEY

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]

#: In the tiny model's template token 5 begins a tool call, and 4 ends the turn.
TOOLS = {
    "tools": [{"type": "function", "name": "light", "parameters": LIGHT, "strict": True}],
    "tool_choice": "required",
    "extra_body": {"logit_bias": {"5": 100}, "max_tokens": 200},
}
CASES = {
    "text": {},
    "cut by length": {"max_output_tokens": 3},
    "tools": TOOLS,
    "instructions": {"instructions": "Be brief."},
}
#: For a foreseeable answer. LiteLLM leaves it out, and biases, too: behind it answers differ, may be empty, and nothing is called.
SEEDED = {"seed": 11, "cache_prompt": False}


def body_of(said, **fields) -> dict:
    extra = SEEDED | fields.pop("extra_body", {})
    return {"model": "tiny", "input": said, "extra_body": extra, **fields}


def answer_of(place, question: str, messages: int = 2) -> dict:
    """The logged answer to a question."""
    place.teelog.until(lambda: len([one for one in logged(place, question) if one["role"] != "system"]) >= messages)
    return logged(place, question)[-1]


def logged(place, question: str) -> list[dict]:
    """The messages of the conversation that a question is in."""
    found = (one["messages"] for one in place.teelog.conversations())
    return next((said for said in found if question in [one["content"] for one in said]), [])


@pytest.mark.parametrize("how", ["whole", "streamed"])
@pytest.mark.parametrize("name", CASES)
def test_answers(place, name, how):
    """The SDK's answer through teelog is logged as the SDK tells it, and is the one it gets directly."""
    question = f"{name}, {how}"
    direct, through = (ask_response(client, how, body_of(question, **CASES[name])) for client in place.clients)
    seen = shown_response(through)
    answer = answer_of(place, question)

    assert told(answer) == [seen]
    assert "interrupted" not in answer["properties"]
    assert answer["properties"]["completionId"] == through.id
    assert answer["properties"]["usage"]["output_tokens"] == through.usage.output_tokens
    if place.name == "llama.cpp":
        assert without_ids([seen]) == without_ids([shown_response(direct)])
        assert bool(seen["tool_calls"]) is (name == "tools")
        assert seen["content"] or seen["tool_calls"]


def turns(place, question: str) -> list[str]:
    """What is answered to a question and two more behind it; nothing as soon as an answer is empty: the SDK keeps none of it."""
    client = place.clients[1]
    said = [{"role": "user", "content": question}]
    texts = []
    for more in ("how so?", "why?", ""):
        response = ask_response(client, "streamed", body_of(said))
        if not response.output_text:
            return []
        texts.append(response.output_text)
        answer_of(place, question, 2 * len(texts))
        said += [item.model_dump(exclude_none=True) for item in response.output]
        said += [{"role": "user", "content": more}]
    return texts


def test_a_turn_after_another(place):
    """What was answered, sent back as the SDK gave it, and another question are one conversation."""
    held = ((question, turns(place, question)) for question in map("and then, {}?".format, range(20)))
    question, texts = next(pair for pair in held if pair[1])

    assert [one["content"] for one in logged(place, question)] == [
        question,
        texts[0],
        "how so?",
        texts[1],
        "why?",
        texts[2],
    ]


def test_feedback_by_the_answer_s_id(place):
    """Feedback that names the answer as the SDK does is about the logged message."""
    response = ask_response(place.clients[1], "streamed", body_of("was it good?"))
    answer = answer_of(place, "was it good?")
    sent = json.dumps({"type": "positive", "messageId": response.id}).encode()
    url = place.urls[1].removesuffix("/v1") + "/feedback"
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, sent, headers), timeout=30) as posted:
        assert posted.status == 200

    listed = f"{place.teelog.analytics}/feedback?limit=100&offset=0"
    found = place.teelog.until(lambda: place.teelog.get(listed)["positiveFeedback"])
    assert [one["messageId"] for one in found] == [answer["id"]]
