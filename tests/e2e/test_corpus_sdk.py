"""The recorded answers of some thirty upstreams, through the proxy, as the official OpenAI SDK reads them.

Where the SDK can read an answer, and makes of it what is expected, analytics must have the same. The others are printed
by name (`-rP`): there the SDK raises, or is wrong by the corpus's own expectation; `core/test_corpus.py` holds those.
"""

from __future__ import annotations

import warnings

import openai
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState

from proxy.core.jsontext import canonical
from proxy.core.message import text_of
from proxy.core.public import public_messages
from tests.core.test_corpus import CASES, comparable, told
from tests.e2e.playback import Answer, Playback
from tests.e2e.process import Teelog
from tests.recordings import needs_corpus

#: Of the recorded answers that many at least are read rightly by the SDK; fewer, and this would test nothing.
READ_RIGHTLY = 300


def read_by_sdk(client, name, case):
    """The choices as the SDK's user has them, in OpenAI's form; raises what the SDK raises."""
    asked = case["request"]["json"] or {}
    common = {
        "model": "m",
        "stream": case["body"].suffix == ".sse",
        "extra_headers": {"x-play": name, "x-teelog-conversation-id": name},
        **({"n": asked["n"]} if isinstance(asked.get("n"), int) else {}),
    }
    if case["endpoint"] == "completions":
        answer = client.completions.create(prompt="Hi", **common)
        texts = {}
        for chunk in answer if common["stream"] else [answer]:
            for choice in chunk.choices:
                texts[choice.index] = texts.get(choice.index, "") + choice.text
        return {index: {"role": "assistant", "content": text} for index, text in texts.items()}
    answer = client.chat.completions.create(messages=[{"role": "user", "content": "Hi"}], **common)
    if common["stream"]:
        state = ChatCompletionStreamState()
        for chunk in answer:
            state.handle_chunk(chunk)
        answer = state.current_completion_snapshot
    return {choice.index: dumped(choice.message) for choice in answer.choices}


def dumped(message):
    """A message of the SDK's; it leaves arguments that never came as null."""
    told = message.model_dump()
    for call in told.get("tool_calls") or ():
        if "function" in call:
            call["function"]["arguments"] = call["function"]["arguments"] or ""
    return told


def same_as_expected(case, choices):
    """Whether the SDK's choices are the expected ones."""
    with_ids = not case.get("flags", {}).get("ignore_ids")
    expected = {one["index"]: one["message"] for one in case["expected"]["choices"]}
    return choices.keys() == expected.keys() and all(
        {**comparable(expected[index], with_ids=with_ids), "reasoning": ""}
        == {**comparable(message, with_ids=with_ids), "reasoning": ""}
        for index, message in choices.items()
    )


@pytest.mark.slow
@needs_corpus
def test_the_sdk_and_the_log_agree(tmp_path):
    """Every recorded answer that the SDK reads rightly is in analytics as the SDK's user has it."""
    known = {str(at): case for at, case in enumerate(CASES.values()) if case["expected"]}
    choices, unread = {}, {}
    with Playback() as upstream, Teelog(tmp_path, upstream.url) as teelog, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with openai.OpenAI(base_url=teelog.base_url, api_key="sk-of-the-user", max_retries=0) as client:
            for name, case in known.items():
                recorded = told(case)
                upstream.answers[name] = Answer(
                    recorded.answer, recorded.answer_headers["content-type"], recorded.status
                )
                try:
                    choices[name] = read_by_sdk(client, name, case)
                except Exception as error:
                    unread[case["id"]] = type(error).__name__
        wrong = [name for name in choices if not same_as_expected(known[name], choices[name])]
        rightly = {name: choices[name] for name in choices if name not in wrong and choices[name]}
        teelog.until(lambda: is_told(teelog) and {one["id"] for one in teelog.conversations()} >= rightly.keys(), 120)
        logged = {one["id"]: answer_in(one["messages"]) for one in teelog.conversations()}

    print(f"the SDK reads {len(rightly)} of {len(known)} rightly")
    print(*(f"raises {error}: {name}" for name, error in sorted(unread.items())), sep="\n")
    print(*(f"is wrong: {known[name]['id']}" for name in wrong), sep="\n")
    assert len(rightly) >= READ_RIGHTLY
    differing = {
        known[name]["id"]: (told_of(logged[name], made_up), told_of(read, made_up))
        for name, read, made_up in (
            (name, as_told(read), any(map(lacks_ids, read.values()))) for name, read in rightly.items()
        )
        if told_of(logged[name], made_up) != told_of(read, made_up)
    }
    assert differing == {}


def answer_in(messages):
    """The answer of a logged conversation; one that was cut before it said anything is no message."""
    return messages[-1] if messages[-1]["role"] == "assistant" else {"content": ""}


def as_told(choices):
    """The SDK's choices as analytics would tell them: the first in public form, with the others beside it."""
    first, *others = (choices[index] for index in sorted(choices))
    (public,) = public_messages([first])
    return public | {"properties": {"alternatives": others}}


def lacks_ids(message):
    """Whether calls of a message came without ids, so that some were made up."""
    return bool(message.get("function_call")) or any(not call["id"] for call in message.get("tool_calls") or ())


def told_of(message, made_up):
    """What must be equal of an answer: text, calls, and the texts of the other choices."""
    calls = [
        ("" if made_up else call["id"], call["function"]["name"], canonical(call["function"]["arguments"]))
        for call in message.get("tool_calls") or ()
    ]
    others = (message.get("properties") or {}).get("alternatives") or ()
    return text_of(message["content"]), calls, [text_of(one.get("content")) for one in others]


def is_told(teelog):
    """Whether nothing is left to be delivered."""
    return teelog.status()["recorder"]["sinks"]["analytics"]["depth"] == 0
