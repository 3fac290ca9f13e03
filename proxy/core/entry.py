"""One exchange, as its dialect read it, ready to be placed: its history, its answer, and what is said of both.

Times are unix milliseconds at which a message really came; what is unknown is absent. What it adds to a conversation once
its place is known is told by `additions.py`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from .caller import LONGEST_UPSTREAM_ID, Caller, checked_id
from .fields import time_text
from .history import History, kin
from .message import Message, text_of
from .place import Asking

if TYPE_CHECKING:
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
    #: The answer's messages, of the first choice; empty when nothing was said. What the client had begun is joined to it.
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
    #: What was answered besides, in the order of `alternatives`.
    others: list[Message] = field(default_factory=list)
    #: The end of the answer did not come through.
    cut: bool = False
    #: `history.kin` of the request.
    kin: bytes = b""
    #: What a front end asked for itself, by its kind (`side.kind_of`), and the chat that it quotes; empty for a chat.
    side: str = ""
    quoted: list[Message] = field(default_factory=list)

    @property
    def asking(self) -> Asking:
        """What its place is found by."""
        answer = self.answers[-1] if self.answers else None
        return Asking(self.history, self.caller, self.connection, self.started, answer, self.cut, self.kin)


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


def _begun(history: History) -> dict[str, str]:
    """What the client had put into the model's mouth, unless that is hidden."""
    begun = "".join(text_of(message.to_json().get("content")) for message in history.prefill)
    return {"prefill": begun} if begun else {}


def _choices_by_prompt(choices: list[Choice], n: int, prompts: int) -> list[list[Choice]]:
    """The choices of each prompt, `n` of them, counted from 0 again; what is too many goes with the last prompt."""
    out: list[list[Choice]] = [[] for _ in range(prompts)]
    for choice in choices:
        at = min(choice.index // n, prompts - 1)
        out[at].append(replace(choice, index=choice.index - at * n))
    return out


def _entry(exchange: Exchange, endpoint: str, asked: Asked, answered: Answered, caller: Caller) -> Entry:
    model = answered.model or asked.model
    history = History.of(asked.messages, exchange.tenant.encode())
    properties = _answer_properties(exchange, asked, answered, model)
    answers = _answers(exchange.id, answered)
    return Entry(
        id=exchange.id,
        tenant=exchange.tenant,
        connection=exchange.connection,
        caller=caller,
        history=history,
        answers=[_joined(history.begun, answers[0]), *answers[1:]] if answers else [],
        properties=properties | _begun(history) if history.begun and answers else properties,
        model=model,
        endpoint=endpoint,
        completion_id=checked_id(answered.completion_id, LONGEST_UPSTREAM_ID),
        started=exchange.started,
        ended=exchange.ended,
        others=[
            _joined(history.begun, _as_assistant(_with_ids(other.message, f"{exchange.id}/{other.index}")))
            for other in answered.choices[1:]
        ],
        cut=bool(exchange.interrupted) or not (answered.complete or answered.is_pending),
        kin=kin(asked, history.prompt),
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


def side_event(entry: Entry, conversation_id: str) -> dict[str, Any]:
    """The event that a side request is to its conversation."""
    told = {
        "kind": entry.side,
        "model": entry.model,
        "answer": "\n".join(text_of(one.to_json().get("content")) for one in entry.answers),
        "usage": entry.properties.get("usage"),
    }
    return {
        "id": entry.id,
        "type": "conversation:side_request",
        "entityType": "conversation",
        "conversationId": conversation_id,
        "createdAt": time_text(entry.ended),
        "properties": {name: value for name, value in told.items() if value},
    }


def conversation_properties(entry: Entry) -> dict[str, Any]:
    """What an exchange says of its conversation as a whole; ours win over the caller's."""
    ours = {
        "source": "teelog",
        "endpoint": entry.endpoint,
        "model": entry.model,
        "sessionId": entry.caller.session_id or None,
        "traceId": entry.caller.trace_id or None,
        "kind": entry.side or None,
    }
    return entry.caller.properties | {name: value for name, value in ours.items() if value is not None}


def _joined(begun: str, answer: Message) -> Message:
    """An answer with its beginning, which some servers repeat and others leave out."""
    text = answer.content or ""
    if not begun or not isinstance(text, str) or text.startswith(begun):
        return answer
    return replace(answer, content=begun + text)


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
    if not isinstance(prompt, dict):
        return None
    return {key: name for key in ("id", "version") if isinstance(name := prompt.get(key), str) and name} or None


def _cut_by(answered: Answered) -> str:
    """Who ended an answer early, where the exchange itself came to its end."""
    return "client" if answered.choices and answered.choices[0].finish_reason == "cancelled" else "upstream"


def _alternative(choice: Choice, seed: str) -> dict[str, Any]:
    told = _with_ids(choice.message, f"{seed}/{choice.index}").to_json()
    return told | {"finishReason": choice.finish_reason} if choice.finish_reason else told
