"""What one exchange adds to a conversation: messages with ids, times and properties.

Ids are fixed when a message is first logged. The answer has the exchange's id (of several messages in one answer the
last has it, those before `<id>.0`, `<id>.1`); history that a client brought has the client's own id where that is free,
else `<id>.h<n>`. Times are unix milliseconds at which a message really came; what is unknown is absent.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from .caller import LONGEST_ID, LONGEST_UPSTREAM_ID, Caller, checked_id
from .conversation import History, Placing
from .message import Message, chain, digest, pairs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .exchange import Exchange
    from .turn import Answered, Asked, Choice


@dataclass(slots=True)
class Entry:
    """An exchange, read and ready to be placed."""

    #: The exchange's id.
    id: str
    tenant: str
    connection: str
    caller: Caller
    history: History
    #: The answer's messages, of the first choice; empty when nothing was said.
    answers: list[Message]
    #: Properties of the last of them.
    properties: dict[str, Any]
    model: str | None
    endpoint: str
    completion_id: str
    started: int
    ended: int
    #: Conversations of their own that the same exchange holds: the further prompts of a legacy completion.
    further: list[Entry] = field(default_factory=list)


@dataclass(slots=True)
class Addition:
    """A message that comes into a conversation."""

    message: Message
    #: The id it gets unless the client's own is free.
    id: str
    created_at: int
    properties: dict[str, Any]
    #: None for system messages, which a history is not recognised by.
    chain: bytes | None
    digest: bytes | None
    pair: bytes | None
    is_answer: bool

    @property
    def own_id(self) -> str:
        """The id that the client itself gave the message, or the upstream; empty without a usable one."""
        return checked_id(self.message.id, LONGEST_UPSTREAM_ID if self.is_answer else LONGEST_ID)


def entry_of(exchange: Exchange, endpoint: str, asked: Asked, answered: Answered, caller: Caller) -> Entry:
    """
    An exchange as its dialect read it; `endpoint` is the dialect's name.

    Further prompts become entries with ids `<id>.p<n>`. What is said of the answer as a whole (completion id, usage) and
    the conversation that the client named belong to the first alone.
    """
    if not asked.further:
        return _entry(exchange, endpoint, asked, answered, caller)
    first, *others = _choices_by_prompt(answered.choices, asked.n, 1 + len(asked.further))
    entry = _entry(exchange, endpoint, asked, replace(answered, choices=first), caller)
    for at, (messages, choices) in enumerate(zip(asked.further, others, strict=True), 1):
        part = replace(exchange, id=f"{exchange.id}.p{at}")
        said = replace(answered, choices=choices, completion_id=None, usage=None)
        own = replace(asked, messages=messages)
        entry.further.append(_entry(part, endpoint, own, said, replace(caller, conversation_id="")))
    return entry


def _choices_by_prompt(choices: list[Choice], n: int, prompts: int) -> list[list[Choice]]:
    """The choices of each prompt, `n` of them, counted from 0 again; what is too many goes with the last prompt."""
    out: list[list[Choice]] = [[] for _ in range(prompts)]
    for choice in choices:
        at = min(choice.index // n, prompts - 1)
        out[at].append(replace(choice, index=choice.index - at * n))
    return out


def _entry(exchange: Exchange, endpoint: str, asked: Asked, answered: Answered, caller: Caller) -> Entry:
    model = answered.model or asked.model
    return Entry(
        id=exchange.id,
        tenant=exchange.tenant,
        connection=exchange.connection,
        caller=caller,
        history=History.of(asked.messages),
        answers=_answers(exchange.id, answered),
        properties=_answer_properties(exchange, asked, answered, model),
        model=model,
        endpoint=endpoint,
        completion_id=checked_id(answered.completion_id, LONGEST_UPSTREAM_ID),
        started=exchange.started,
        ended=exchange.ended,
    )


def _answers(seed: str, answered: Answered) -> list[Message]:
    """
    The first choice's messages, where one says something; an answer that came to its end, or is still to come, may be empty.

    They are the assistant's whatever role the upstream gives them: clients send them back so, and only such are tips.
    """
    if not answered.choices:
        return []
    choice = answered.choices[0]
    messages = [*choice.earlier, choice.message]
    if not (answered.complete or answered.is_pending or any(map(_says_something, messages))):
        return []
    seeds = (seed, *(f"{seed}/{at}" for at in range(1, len(messages))))
    return [_as_assistant(_with_ids(one, own)) for one, own in zip(messages, seeds, strict=True)]


def prompt_additions(entry: Entry) -> list[Addition]:
    """The system prompt, in its order."""
    return [
        Addition(message, f"{entry.id}.h{at}", entry.started, {}, None, None, None, is_answer=False)
        for at, message in enumerate(entry.history.prompt)
    ]


def additions(entry: Entry, placing: Placing) -> list[Addition]:
    """What comes behind `placing.keep`: the messages that are not in the conversation yet, and the answer."""
    history = entry.history
    questions = history.rest[placing.first :]
    messages = [*questions, *entry.answers]
    hashes = chain(messages, placing.start)
    paired = pairs([*history.rest, *entry.answers])[placing.first :]
    named = [*_question_ids(entry, placing.first), *_answer_ids(entry)]
    out = []
    for at, (message, (message_id, created_at, properties)) in enumerate(zip(messages, named, strict=True)):
        before = hashes[at - 1] if at else placing.start
        heard = hashes[at] != before  # a system message leaves the chain as it was
        out.append(
            Addition(
                message=message,
                id=message_id,
                created_at=created_at,
                properties=properties,
                chain=hashes[at] if heard else None,
                digest=digest(message) if heard else None,
                pair=paired[at],
                is_answer=at >= len(questions),
            )
        )
    return out


def conversation_properties(entry: Entry) -> dict[str, Any]:
    """What an exchange says of its conversation as a whole; ours win over the caller's."""
    ours = {"source": "teelog", "endpoint": entry.endpoint, "model": entry.model}
    return entry.caller.properties | {name: value for name, value in ours.items() if value is not None}


def _question_ids(entry: Entry, first: int) -> Iterator[tuple[str, int, dict[str, Any]]]:
    offset = len(entry.history.prompt)
    for at in range(first, len(entry.history.rest)):
        yield f"{entry.id}.h{offset + at}", entry.started, {}


def _answer_ids(entry: Entry) -> Iterator[tuple[str, int, dict[str, Any]]]:
    for at in range(len(entry.answers) - 1):
        yield f"{entry.id}.{at}", entry.ended, {}
    if entry.answers:
        yield entry.id, entry.ended, entry.properties


def _with_ids(message: Message, seed: str) -> Message:
    """
    A message whose calls all have ids: those that came without one (Gemini, older vLLM) are given one.

    It is made of `seed`, the call's position and its name: the same whenever the answer is read again.
    """
    if all(call["id"] for call in message.tool_calls):
        return message
    calls = [
        call if call["id"] else call | {"id": _made_id(f"{seed}/{at}/{call['function']['name']}")}
        for at, call in enumerate(message.tool_calls)
    ]
    return replace(message, tool_calls=calls)


def _made_id(seed: str) -> str:
    return f"call_{blake2b(seed.encode(), digest_size=4).hexdigest()}"


def _as_assistant(message: Message) -> Message:
    return message if message.role == "assistant" else replace(message, role="assistant")


def _says_something(message: Message) -> bool:
    return bool(
        message.content or message.tool_calls or message.function_call or message.refusal or message.reasoning
    ) or bool(message.extra)


def _answer_properties(exchange: Exchange, asked: Asked, answered: Answered, model: str | None) -> dict[str, Any]:
    """Reasoning and refusal stand in the message itself and are told by `wire`."""
    choices = answered.choices
    interrupted = exchange.interrupted or ("" if answered.complete or answered.is_pending else _cut_by(answered))
    role = choices[0].message.role if choices else "assistant"
    told = {
        "model": model,
        "finishReason": choices[0].finish_reason if choices else None,
        "usage": answered.usage,
        "completionId": answered.completion_id,
        "interrupted": interrupted or None,
        "error": answered.error,
        "timeToFirstTokenMs": exchange.first_byte - exchange.started if asked.stream and exchange.first_byte else None,
        "latencyMs": exchange.ended - exchange.started,
        "originalRole": role if role != "assistant" else None,
        "nativeFinishReason": choices[0].message.extra.get("native_finish_reason") if choices else None,
        "prompt": _stored_prompt(asked.body.get("prompt")),
        "alternatives": [_alternative(choice, exchange.id) for choice in choices[1:]] or None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _stored_prompt(prompt: Any) -> dict[str, Any] | None:
    """Which prompt of those stored upstream was used (Responses API); its variables hold what a person said."""
    return {key: prompt[key] for key in ("id", "version") if prompt.get(key)} if isinstance(prompt, dict) else None


def _cut_by(answered: Answered) -> str:
    """Who ended an answer early, where the exchange itself came to its end."""
    return "client" if answered.choices and answered.choices[0].finish_reason == "cancelled" else "upstream"


def _alternative(choice: Choice, seed: str) -> dict[str, Any]:
    told = _with_ids(choice.message, f"{seed}/{choice.index}").to_json()
    return told | {"finishReason": choice.finish_reason} if choice.finish_reason else told
