"""Legacy completions: a prompt and the text that goes on with it, JSON and SSE.

The framing, errors and usage are those of chat, so `ChatAnswer` builds the answer: a choice's `text` is its content. A
prompt is a user message, the text the assistant's. A request may hold many prompts; their choices follow one another,
`n` of each, and each prompt is a conversation of its own (`Asked.further`).

Editors send most of these requests, with what stands behind the cursor: fill-in-the-middle is no conversation
(`Asked.is_conversation`). `RecordUnreadable` is raised for prompts of no known form and for more of them than any server
takes; of answers as in `chat`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..errors import RecordUnreadable
from .body import request_object
from .chat import read_answer
from .chat_answer import ChatAnswer
from .chat_request import choices_asked
from .message import Message
from .turn import Asked

if TYPE_CHECKING:
    from .exchange import Exchange
    from .runs import Varying
    from .turn import Answered

#: Prompts in one request; OpenAI takes as many.
MAX_PROMPTS = 2048

#: How models without a `suffix` parameter are told where the cursor stands: CodeLlama, StarCoder, Qwen, DeepSeek,
#: Codestral, Granite.
_CURSOR_MARKS = ("<PRE>", "<fim_prefix>", "<|fim_prefix|>", "<|fim_begin|>", "<｜fim▁begin｜>", "[SUFFIX]")  # noqa: RUF001 - as DeepSeek spells it


class CompletionAnswer(ChatAnswer):
    """A legacy completion put together; its choices have a `text` in place of a message."""

    def take(self, chunk: dict[str, Any], event: str = "") -> None:
        """One chunk of a stream; `event` is the name its event had."""
        super().take(_as_chat(chunk), event)

    def varying(self, chunk: dict[str, Any]) -> Varying | None:
        """The string of a chunk just taken by which the next of its run may differ; see `runs`."""
        spoken = _as_chat(chunk)
        found = super().varying(spoken)
        is_text = found is not None and isinstance(spoken["choices"][0].get("text"), str)
        return found._replace(key="text") if found and is_text else found

    def take_whole(self, answer: dict[str, Any], *, one_choice: bool) -> None:
        """A JSON answer."""
        super().take_whole(_as_chat(answer), one_choice=one_choice)


class Completions:
    """The dialect of `POST …/completions`, the one before chat."""

    name = "completions"

    def read_request(self, exchange: Exchange) -> Asked:
        """What was asked; `RecordUnreadable` when the prompt has no known form."""
        body = request_object(exchange)
        prompts = prompts_in(body)
        model, user = body.get("model"), body.get("user")
        first, *further = [[Message("user", prompt)] for prompt in prompts] or [[]]
        return Asked(
            messages=first,
            model=model if isinstance(model, str) else None,
            stream=body.get("stream") is True,
            n=choices_asked(body),
            user=user if isinstance(user, str) and user else None,
            metadata={},
            body=body,
            further=further,
            is_conversation=not (body.get("suffix") or any(mark in one for one in prompts for mark in _CURSOR_MARKS)),
        )

    def read_answer(self, exchange: Exchange) -> Answered:
        """What came back; needs a readable request only where the answer begins with the prompt."""
        answered = read_answer(exchange, CompletionAnswer(), lambda _exchange, _answer: False)
        if answered.choices:
            _drop_echo(answered, exchange)
        return answered


def prompts_in(body: dict[str, Any]) -> list[str]:
    """
    The texts of a request's prompts; none where it has no prompt.

    A string, or a list of strings; of a prompt in tokens, which only the model's vocabulary can read, their number.
    """
    given = body.get("prompt")
    if given is None:
        return []
    if not isinstance(given, list) or (given and _is_tokens(given)):
        given = [given]
    if len(given) > MAX_PROMPTS:
        raise RecordUnreadable(f"completion request has {len(given)} prompts")
    return [_text_of(prompt) for prompt in given]


def _as_chat(answer: dict[str, Any]) -> dict[str, Any]:
    choices = answer.get("choices")
    if not isinstance(choices, list):
        return answer
    return answer | {"choices": [_with_delta(one) for one in choices if isinstance(one, dict)]}


def _with_delta(choice: dict[str, Any]) -> dict[str, Any]:
    """A choice whose text is a chat's; a few servers answer with deltas even here."""
    text = choice.get("text")
    return choice | {"delta": {"content": text}} if isinstance(text, str) else choice


def _text_of(prompt: Any) -> str:
    if isinstance(prompt, str):
        return prompt
    if isinstance(prompt, list) and _is_tokens(prompt):
        return f"[{len(prompt)} tokens]"
    raise RecordUnreadable("completion request has a prompt that is neither text nor tokens")


def _is_tokens(prompt: list[Any]) -> bool:
    return all(isinstance(one, int) for one in prompt)


def _drop_echo(answered: Answered, exchange: Exchange) -> None:
    """With `echo` an answer begins with its prompt; only what follows was answered."""
    try:
        body = request_object(exchange)
        prompts = prompts_in(body) if body.get("echo") is True else []
    except RecordUnreadable:
        return
    n = choices_asked(body)
    for choice in answered.choices:
        said = choice.message.content
        prompt = prompts[choice.index // n] if choice.index // n < len(prompts) else ""
        if prompt and isinstance(said, str):
            rest = said.removeprefix(prompt) if said.startswith(prompt) else "" if prompt.startswith(said) else said
            choice.message = replace(choice.message, content=rest or None)
