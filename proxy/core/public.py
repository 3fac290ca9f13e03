"""The public form of messages: whatever a chat said, told with three roles, text and images.

The analytics format knows no tool role, no null content, no audio and no custom tool calls, and its official SDK breaks
on the whole answer when one message has them. So the courier sends, and our server stores, this form:

    developer                      system
    tool, function                 an entry in `toolResults` of the message that issued the call; without one: system
    function_call                  one entry in tool_calls, with an id made from what it says
    custom (or unknown) tool call  a function call; the original in `originalToolCalls`
    refusal                        content, and `refusal: true`
    audio, file, other parts       a text that names them; their kinds in `originalParts`
    parts that are reasoning       `reasoning`
    content null                   ""

The names in the right column are message properties; a changed role stays in `originalRole`. Nothing here raises: what
cannot be understood is described in words. The public form of a public form is itself.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from .content import TOO_DEEP, PublicContent, data_described, json_text, value_described

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ROLES = frozenset(("system", "user", "assistant"))
RESULT_ROLES = frozenset(("tool", "function"))

#: What an OpenAI message has and a public one says otherwise.
_RETOLD = frozenset(("role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "audio"))
#: Types of a tool call that is a function call; upstreams leave the type out, too.
_FUNCTION_TYPES = ("function", "", None)


def public_messages(messages: Iterable[Mapping[str, Any]], *, inline_limit: int | None = None) -> list[dict[str, Any]]:
    """The public form of a conversation's messages, tool results folded into the messages that asked for them.

    Args:
        messages: OpenAI messages; other fields (`id`, `createdAt`, `links`, …) stay as they are.
        inline_limit: Data URLs and base64 longer than this many characters become a few words with type, size and hash.

    """
    told: list[dict[str, Any]] = []
    issuers: dict[str, _Issuer] = {}
    for message in messages:
        public = _public_message(message, inline_limit)
        if message.get("role") in RESULT_ROLES:
            if issuer := _asked_by(message, issuers):
                issuer.take(message, public["content"])
                continue
        elif calls := public.get("tool_calls"):
            issuer = issuers["last"] = _Issuer(public)
            for call in calls:
                issuers[f"id {call['id']}"] = issuers[f"name {call['function']['name']}"] = issuer
        else:
            issuers.pop("last", None)
        told.append(public)
    return told


def _public_message(message: Mapping[str, Any], inline_limit: int | None) -> dict[str, Any]:
    """One message, its `properties` only where there are some or the message had the field."""
    role = message.get("role")
    content = PublicContent(message.get("content"), inline_limit)
    _add_refusal(content, message.get("refusal"))
    _add_audio(content, message.get("audio"))
    calls, odd_calls = _public_calls(message, inline_limit)
    found = {
        "originalRole": None if role in ROLES else json_text(role),
        "toolCallId": message.get("tool_call_id") if role in RESULT_ROLES else None,
        "originalParts": content.kinds,
        "originalToolCalls": odd_calls,
        "refusal": content.refused,
        "reasoning": content.reasoning,
    }
    public = {key: value for key, value in message.items() if key not in _RETOLD}
    public["role"] = role if role in ROLES else "system"
    public["content"] = content.value
    if isinstance(message.get("name"), str):
        public["name"] = message["name"]
    if calls:
        public["tool_calls"] = calls
    if told := {name: value for name, value in found.items() if value}:
        public["properties"] = {**(message.get("properties") or {}), **told}
    if inline_limit is not None:
        said = (name for name in ("name", "links", "properties") if public.get(name))
        public |= {name: value_described(public[name], inline_limit) for name in said}
    return public


def _add_refusal(content: PublicContent, refusal: Any) -> None:
    if isinstance(refusal, str) and refusal:
        content.add(refusal)
        content.refused = True


def _add_audio(content: PublicContent, audio: Any) -> None:
    """A spoken answer: its transcript, unless the content already says it."""
    if not isinstance(audio, dict):
        return
    content.kinds.append("audio")
    if not content.value:
        content.add(json_text(audio.get("transcript") or "[audio]"))


def _public_calls(message: Mapping[str, Any], limit: int | None) -> tuple[list[dict[str, Any]], list[Any]]:
    """A message's tool calls as function calls, and the originals of those that were none and hold no long data."""
    given = message.get("tool_calls")
    odd: list[Any] = []
    calls = [_call(call, odd) for call in given if isinstance(call, dict)] if isinstance(given, list) else []
    legacy = message.get("function_call")
    if not calls and isinstance(legacy, dict):
        calls = [_call({"function": legacy}, odd)]
    if limit is not None:
        odd = [call for call in odd if len(json_text(call)) <= limit]
        for call in calls:
            call["function"]["arguments"] = data_described(call["function"]["arguments"], limit)
    return calls, odd


def _call(call: dict[str, Any], odd: list[Any]) -> dict[str, Any]:
    function = call.get("function")
    if call.get("type") in _FUNCTION_TYPES and isinstance(function, dict):
        name, arguments = function.get("name") or "", function.get("arguments")
        text = "" if arguments is None else json_text(arguments)
    else:
        name, text = _odd_call(call, odd)
    call_id = call.get("id")
    if not isinstance(call_id, str) or not call_id:
        call_id = _made_up_id(json_text(name), text)
    return {"id": call_id, "type": "function", "function": {"name": json_text(name), "arguments": text}}


def _odd_call(call: dict[str, Any], odd: list[Any]) -> tuple[Any, str]:
    """Name and arguments of a call that is no function call; `Message` keeps a custom one's input as arguments."""
    kind = json_text(call.get("type") or "call")
    function, said = call.get("function"), call.get(kind)
    if isinstance(function, dict):
        said = {"name": function.get("name"), "input": function.get("arguments")}
        call = {"id": call.get("id"), "type": kind, kind: said}
    said = said if isinstance(said, dict) else call
    text = json_text({"input": said["input"]} if "input" in said else said)
    if text != TOO_DEEP:
        odd.append(call)
    return said.get("name") or kind, text


def _made_up_id(name: str, arguments: str) -> str:
    """The same id for the same call, however often its conversation is sent."""
    said = f"{name}\n{arguments}".encode()
    return f"call_{hashlib.blake2s(said, digest_size=12).hexdigest()}"


def _asked_by(message: Mapping[str, Any], issuers: Mapping[str, _Issuer]) -> _Issuer | None:
    """Which message issued the call of a result: by the call's id, else by its name, else the message just before."""
    call_id, name = message.get("tool_call_id"), message.get("name")
    if isinstance(call_id, str):
        return issuers.get(f"id {call_id}")
    return issuers.get(f"name {name}") if isinstance(name, str) else issuers.get("last")


class _Issuer:
    """A public message with tool calls, open for their results."""

    def __init__(self, public: dict[str, Any]) -> None:
        self._public = public
        results = (public.get("properties") or {}).get("toolResults")
        self._results: list[Any] = list(results) if isinstance(results, list) else []
        self._brought = {_call_id_in(result) for result in self._results}
        self._unanswered: list[tuple[str, str]] = [
            (call["id"], call["function"]["name"]) for call in public["tool_calls"]
        ]

    def take(self, message: Mapping[str, Any], content: Any) -> None:
        """Adds a result, unless the client brought it in both forms."""
        name = message.get("name")
        call_id = message.get("tool_call_id")
        if not isinstance(call_id, str):
            call_id = self._next_unanswered(name)
        if call_id in self._brought:
            return
        result = {"tool_call_id": call_id, "content": content}
        if isinstance(name, str):
            result["name"] = name
        self._results.append(result)
        self._public["properties"] = {**(self._public.get("properties") or {}), "toolResults": self._results}

    def _next_unanswered(self, name: Any) -> str:
        """The first open call (of that name, if one is said): results without ids come in the order of the calls."""
        for at, (call_id, call_name) in enumerate(self._unanswered):
            if call_name == name or not isinstance(name, str):
                del self._unanswered[at]
                return call_id
        return ""


def _call_id_in(result: Any) -> str | None:
    call_id = result.get("tool_call_id") if isinstance(result, dict) else None
    return call_id if isinstance(call_id, str) else None
