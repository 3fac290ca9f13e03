"""Legacy completions."""

import orjson
import pytest

from proxy.core.caller import Caller
from proxy.core.completions import MAX_PROMPTS, Completions
from proxy.core.entry import entry_of
from proxy.errors import RecordUnreadable

from .exchanges import exchange as any_exchange

COMPLETIONS = Completions()


def exchange(answer=b"", request=None, **more):
    return any_exchange(answer, request, target="/v1/completions", **more)


def asked(**body):
    return COMPLETIONS.read_request(exchange(request={"model": "m-1", **body}))


def whole(*texts, **more):
    choices = [{"index": at, "text": text, "finish_reason": "stop"} for at, text in enumerate(texts)]
    return orjson.dumps({"id": "cmpl-1", "object": "text_completion", "model": "m-2", "choices": choices, **more})


def texts(answered):
    return [(choice.index, choice.message.content) for choice in answered.choices]


def entries(answer, **body):
    told = exchange(answer, body)
    question, answered = COMPLETIONS.read_request(told), COMPLETIONS.read_answer(told)
    entry = entry_of(told, COMPLETIONS.name, question, answered, Caller(conversation_id="c", user="ann"))
    return [entry, *entry.further]


PROMPTS = {
    "text": ("Say hi", ["Say hi"]),
    "one text in a list": (["Say hi"], ["Say hi"]),
    "texts": (["a", "b"], ["a", "b"]),
    "tokens": ([1, 2, 3], ["[3 tokens]"]),
    "lists of tokens": ([[1, 2, 3], [4]], ["[3 tokens]", "[1 tokens]"]),
    "lone surrogates": ("\ud83d\ude00", ["\U0001f600"]),
    "none": (None, []),
    "an empty list": ([], []),
}


@pytest.mark.parametrize(("prompt", "expected"), PROMPTS.values(), ids=PROMPTS)
def test_prompts(prompt, expected):
    """Each prompt is one message of the user; of tokens only their number is told."""
    body = b'{"prompt":"\\ud83d\\ude00"}' if prompt == "\ud83d\ude00" else {"prompt": prompt}
    question = COMPLETIONS.read_request(exchange(request=body))

    said = [one for one in (question.messages, *question.further) if one]
    assert [(message.role, message.content) for (message,) in said] == [("user", text) for text in expected]


@pytest.mark.parametrize("prompt", [5, {"a": 1}, [1, "a"], [None], [["a"]], ["x"] * (MAX_PROMPTS + 1)])
def test_unreadable_prompts(prompt):
    """Prompts of no known form, and too many of them, are refused by name."""
    with pytest.raises(RecordUnreadable, match="completion request has"):
        asked(prompt=prompt)


def test_request():
    """Model, user, stream and the number of choices are read."""
    question = asked(prompt="a", n=3, stream=True, user="ann")

    assert (question.model, question.user, question.stream, question.n) == ("m-1", "ann", True, 3)
    assert question.is_conversation


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": "def f(", "suffix": ")"},
        {"prompt": "<PRE> def f( <SUF>) <MID>"},
        {"prompt": "<|fim_prefix|>def f(<|fim_suffix|>)<|fim_middle|>"},
        {"prompt": ["Hi", "<｜fim▁begin｜>def f(<｜fim▁hole｜>)<｜fim▁end｜>"]},
    ],
    ids=["suffix", "CodeLlama", "Qwen", "DeepSeek, second prompt"],
)
def test_filling_in_the_middle(body):
    """What an editor asks to fill in is no conversation."""
    assert not asked(**body).is_conversation
    assert asked(prompt="Hi", suffix="").is_conversation


def test_whole_answer():
    """A JSON answer gives its choices, id, model and usage."""
    answered = COMPLETIONS.read_answer(exchange(whole("One", "Two", usage={"total_tokens": 4})))

    assert texts(answered) == [(0, "One"), (1, "Two")]
    assert (answered.completion_id, answered.model, answered.usage) == ("cmpl-1", "m-2", {"total_tokens": 4})
    assert answered.complete


def test_deltas():
    """Where a delta is said in place of a text, some other text is not taken for it."""
    chunks = (
        b'data: {"choices":[{"delta":{"content":"%d"},"more":{"text":"%d"}}]}\n\n' % (n // 5, n) for n in range(10)
    )

    assert texts(COMPLETIONS.read_answer(exchange(b"".join(chunks)))) == [(0, "0000011111")]


def test_choices_of_one_index():
    """Servers that number the choices of each prompt anew are understood: no two choices become one."""
    answer = orjson.dumps({"choices": [{"index": 0, "text": "One"}, {"index": 0, "text": "Two"}]})

    assert texts(COMPLETIONS.read_answer(exchange(answer))) == [(0, "One"), (1, "Two")]


def test_echo():
    """A prompt that the answer repeats is no part of it, in a cut answer too; other beginnings are."""
    body = {"prompt": ["Say", "Tell"], "n": 2, "echo": True}
    answered = COMPLETIONS.read_answer(exchange(whole("Say hi", "Sa", "Tell me", "me"), body))
    unasked = COMPLETIONS.read_answer(exchange(whole("Say hi"), {"prompt": "Say"}))
    unreadable = COMPLETIONS.read_answer(exchange(whole("Say hi"), b"?"))

    assert texts(answered) == [(0, " hi"), (1, None), (2, " me"), (3, "me")]
    assert texts(unasked) == texts(unreadable) == [(0, "Say hi")]


def test_several_prompts():
    """Each prompt is an entry with its own choices; id, usage and the named conversation are the first one's."""
    first, second = entries(whole("a0", "a1", "b0", "b1", usage={"total_tokens": 9}), prompt=["a", "b"], n=2)

    assert [message.content for message in (*first.history.rest, *first.answers)] == ["a", "a0"]
    assert [message.content for message in (*second.history.rest, *second.answers)] == ["b", "b0"]
    assert [one["content"] for one in second.properties["alternatives"]] == ["b1"]
    assert (second.id, second.completion_id, second.caller.conversation_id) == (f"{first.id}.p1", "", "")
    assert (first.completion_id, first.caller.conversation_id, second.caller.user) == ("cmpl-1", "c", "ann")
    assert "usage" in first.properties
    assert "usage" not in second.properties


def test_prompts_and_choices_that_do_not_match():
    """A prompt without a choice has no answer; a choice too many goes with the last prompt."""
    assert [[m.content for m in one.answers] for one in entries(whole("a0"), prompt=["a", "b"])] == [["a0"], []]
    first, second = entries(whole("a0", "b0", "c0"), prompt=["a", "b"])
    assert [one["content"] for one in second.properties["alternatives"]] == ["c0"]


def test_prompt_without_any():
    """A request without a prompt has an answer and no question."""
    (only,) = entries(whole("Once upon"), model="m-1")

    assert [message.content for message in (*only.history.rest, *only.answers)] == ["Once upon"]
