"""What a page shows of one message: values ready to be printed, made of whatever was logged.

Properties are anything a client sent, so each is looked at before it is used, and what does not fit is left out. All
strings are text: the templates escape them, and nothing here makes HTML.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..core.content import json_text
from .marks import seconds
from .plain import dicts, number, pretty, pretty_text, word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Pictures that are shown: bitmaps inside the message itself. SVG is a document, and addresses would be fetched.
_PICTURES = ("data:image/png;base64,", "data:image/jpeg;base64,", "data:image/gif;base64,", "data:image/webp;base64,")
_ROLES = {"user": "User", "assistant": "Assistant", "system": "System"}
_OTHER_ROLES = {"developer": "Developer", "tool": "Tool", "function": "Function"}
_CUT_BY = {"client": "the client left", "upstream": "the upstream broke off", "crash": "the proxy was stopped"}
#: `finishReason`s that say nothing: the answer is simply complete.
_ORDINARY_ENDS = ("stop", "tool_calls", "end_turn")
#: Who a thumb of these pages is from.
READER = "portal"


def message_view(message: Mapping[str, Any], feedback: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One message with the feedback on it and, beside its tool calls, their results.

    `message` has at least a role and a content; what an event keeps of an answer has no more.
    """
    properties = message.get("properties") or {}
    calls, loose = _calls(dicts(message.get("tool_calls")), dicts(properties.get("toolResults")))
    said_as = word(properties.get("originalRole")) or message["role"]
    return {
        "id": message.get("id") or "",
        "kind": message["role"] if message["role"] in _ROLES else "user",
        "folded": message["role"] == "system",
        "role": (_ROLES | _OTHER_ROLES).get(said_as, said_as),
        "name": word(message.get("name")),
        "at": word(message.get("createdAt")),
        "content": _content(message["content"]),
        "reasoning": word(properties.get("reasoning")),
        "calls": calls,
        "loose_results": loose,
        "server_calls": [_server_call(call) for call in dicts(properties.get("server_tool_calls"))],
        "links": [link for link in map(_link, message.get("links") or ()) if link],
        "feedback": [_feedback(one) for one in feedback if one["messageId"] == message.get("id")],
        "interrupted": _interrupted(properties),
        "refused": properties.get("refusal") is True,
        "alternatives": [_alternative(one) for one in dicts(properties.get("alternatives"))],
        "meta": _meta(properties),
    }


def _content(content: Any) -> list[dict[str, str]]:
    """Texts, pictures and addresses of pictures, in their order."""
    items = dicts(content) if isinstance(content, list) else [{"type": "text", "text": content}]
    told = []
    for item in items:
        image = item.get("image_url") if item.get("type") == "image_url" else None
        if isinstance(image, dict) and (url := word(image.get("url"))):
            told.append({"kind": "picture" if url.startswith(_PICTURES) else "address", "value": url})
        elif text := word(item.get("text")):
            told.append({"kind": "text", "value": text})
    return told


def _calls(
    calls: Sequence[Mapping[str, Any]], results: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Each call with its results, and the results that belong to none."""
    waiting = [(result.get("tool_call_id"), _result_text(result.get("content"))) for result in results]
    told = []
    for call in calls:
        own = [text for call_id, text in waiting if call_id == call.get("id")]
        waiting = [one for one in waiting if one[0] != call.get("id")]
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        asked = pretty_text(json_text(function.get("arguments") or ""))
        told.append({"name": word(function.get("name")), "arguments": asked, "results": own})
    return told, [text for _, text in waiting]


def _result_text(content: Any) -> str:
    if isinstance(content, list) and all(isinstance(item, dict) for item in content):
        content = "\n".join(word(item.get("text")) or word(item.get("type")) for item in content)
    return pretty_text(content) if isinstance(content, str) else pretty(content)


def _server_call(call: Mapping[str, Any]) -> dict[str, str]:
    """A tool that the upstream ran itself, as the Responses API tells it."""
    told = {name: value for name, value in call.items() if name not in ("type", "id")}
    return {"name": word(call.get("name")) or word(call.get("type")) or "tool", "told": pretty(told)}


def _alternative(choice: Mapping[str, Any]) -> dict[str, Any]:
    """Another choice of the same answer."""
    calls, _ = _calls(dicts(choice.get("tool_calls")), ())
    content = choice.get("content")
    parts = [word(part.get("text")) for part in dicts(content)] if isinstance(content, list) else [word(content)]
    return {"text": "\n".join(filter(None, parts)), "calls": calls, "end": word(choice.get("finishReason"))}


def _feedback(feedback: Mapping[str, Any]) -> dict[str, Any]:
    user = feedback.get("userProperties") or {}
    return {
        "id": feedback["id"],
        "message": feedback["messageId"],
        "positive": feedback["type"] == "positive",
        "reasons": [
            {"label": reason["label"].replace("_", " "), "details": reason.get("details") or ""}
            for reason in feedback["reasons"] or ()
        ],
        "details": feedback["details"] or "",
        "at": feedback["createdAt"],
        "is_reader": user.get("id") == READER,
    }


def _link(link: Mapping[str, Any]) -> dict[str, str] | None:
    """A link that may be followed: http and https only."""
    url = link["url"]
    if not url.lower().startswith(("http://", "https://")):
        return None
    words = {name: word(link.get(name)) for name in ("label", "type", "description")}
    trail = " / ".join(map(word, link.get("breadcrumbs") or ()))
    return {**words, "url": url, "title": word(link.get("title")) or url, "trail": trail}


def _interrupted(properties: Mapping[str, Any]) -> str:
    """Why an answer is not whole; empty when it is."""
    cause = properties.get("interrupted")
    if not cause:
        return ""
    return _CUT_BY.get(cause, "") if isinstance(cause, str) and cause in _CUT_BY else "cut off"


def _meta(properties: Mapping[str, Any]) -> list[str]:
    """The small print under an answer: model, times, tokens, an unusual end."""
    usage = properties.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    asked = number(usage.get("prompt_tokens", usage.get("input_tokens")))
    answered = number(usage.get("completion_tokens", usage.get("output_tokens")))
    first, whole = number(properties.get("timeToFirstTokenMs")), number(properties.get("latencyMs"))
    end = word(properties.get("finishReason"))
    told = [
        word(properties.get("model")),
        "" if whole is None else seconds(whole),
        "" if first is None else f"first token {seconds(first)}",
        "" if asked is None or answered is None else f"{asked:,.0f} + {answered:,.0f} tokens",
        "" if end in _ORDINARY_ENDS else end,
    ]
    return [part for part in told if part]
