"""The recorded Responses answers, through the proxy, as the official OpenAI SDK reads them.

Where the SDK can read an answer, and makes of it what is expected, analytics must have the same. The others are printed
by name (`-rP`): there the SDK raises, is wrong by the corpus's own expectation, or has calls that are no functions;
`core/test_corpus_responses.py` holds those.
"""

from __future__ import annotations

import warnings

import openai
import pytest

from proxy.core.jsontext import canonical
from tests.core.test_corpus_responses import CASES, told
from tests.e2e.playback import Answer, Playback
from tests.e2e.process import Teelog
from tests.e2e.test_corpus_sdk import is_told
from tests.recordings import needs_corpus

#: Of the recorded answers that many at least are read rightly by the SDK; fewer, and this would test nothing.
READ_RIGHTLY = 50


def read_by_sdk(client, name, case):
    """What the SDK's user has of an answer: its texts and its functions' calls."""
    common = {"model": "m", "input": "Hi", "extra_headers": {"x-play": name, "x-teelog-conversation-id": name}}
    if case["stream"]:
        with client.responses.stream(**common) as stream:
            answer = stream.get_final_response()
    else:
        answer = client.responses.create(**common)
    texts = [part for item in answer.output if item.type == "message" for part in item.content]
    calls = [item for item in answer.output if item.type == "function_call"]
    return (
        "".join(part.refusal if part.type == "refusal" else part.text for part in texts),
        [(call.call_id, call.name, canonical(call.arguments)) for call in calls],
    )


def told_of(messages):
    """The same of an answer's messages in OpenAI's form."""
    calls = [call for one in messages for call in one.get("tool_calls") or ()]
    return (
        "".join(one.get("content") or one.get("refusal") or "" for one in messages),
        [(call["id"], call["function"]["name"], canonical(call["function"]["arguments"])) for call in calls],
    )


@pytest.mark.slow
@needs_corpus
def test_the_sdk_and_the_log_agree(tmp_path):
    """Every recorded answer that the SDK reads rightly is in analytics as the SDK's user has it."""
    known = {str(at): case for at, case in enumerate(CASES.values())}
    read, unread = {}, {}
    with Playback() as upstream, Teelog(tmp_path, upstream.url) as teelog, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with openai.OpenAI(base_url=teelog.base_url, api_key="sk-of-the-user", max_retries=0) as client:
            for name, case in known.items():
                recorded = told(case)
                kind = recorded.answer_headers["content-type"]
                upstream.answers[name] = Answer(recorded.answer, kind, recorded.status)
                try:
                    read[name] = read_by_sdk(client, name, case)
                except Exception as error:
                    unread[case["id"]] = type(error).__name__
        wrong = [name for name in read if read[name] != told_of(known[name]["expected"]["messages"])]
        rightly = {name: read[name] for name in read if name not in wrong and any(read[name])}
        teelog.until(lambda: is_told(teelog) and {one["id"] for one in teelog.conversations()} >= rightly.keys(), 120)
        logged = {one["id"]: told_of(one["messages"][1:]) for one in teelog.conversations()}

    print(f"the SDK reads {len(rightly)} of {len(known)} rightly")
    print(*(f"raises {error}: {name}" for name, error in sorted(unread.items())), sep="\n")
    print(*(f"reads otherwise: {known[name]['id']}" for name in wrong), sep="\n")
    assert len(rightly) >= READ_RIGHTLY
    assert {known[name]["id"]: logged[name] for name in rightly if logged[name] != rightly[name]} == {}
