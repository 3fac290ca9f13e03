"""What the pages show of a conversation: values ready to be printed, made of whatever was logged.

Properties are anything a client sent, so each is looked at before it is used, and what does not fit is left out. All
strings are text: the templates escape them, and nothing here makes HTML.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Pictures that are shown: bitmaps inside the message itself. SVG is a document, and addresses would be fetched.
_PICTURES = ("data:image/png;base64,", "data:image/jpeg;base64,", "data:image/gif;base64,", "data:image/webp;base64,")
_ROLES = {"user": "User", "assistant": "Assistant", "system": "System"}
_OTHER_ROLES = {"developer": "Developer", "tool": "Tool", "function": "Function"}
_CUT_BY = {"client": "the client left", "upstream": "the upstream broke off", "crash": "the proxy was stopped"}
#: `finishReason`s that say nothing: the answer is simply complete.
_ORDINARY_ENDS = ("stop", "tool_calls", "end_turn")


def chat_line(chat: Mapping[str, Any]) -> dict[str, Any]:
    """One line of the list of conversations."""
    changed = _moment(chat["updated_at"])
    turns = chat["user_message_count"]
    return {
        "id": chat["id"],
        "day": f"{changed:%A}, {changed.day} {changed:%B} {changed.year}",
        "time": f"{changed:%H:%M}",
        "iso": changed.isoformat(timespec="milliseconds"),
        "question": chat["question"] or "(no text)",
        "turns": f"{turns} turn{'' if turns == 1 else 's'}",
        "user": user_of(chat["user_properties"]),
        "model": _word(chat["properties"].get("model")),
        "positive": chat["positive"],
        "negative": chat["negative"],
        "interrupted": bool(chat["interrupted"]),
    }


def transcript(told: Mapping[str, Any]) -> dict[str, Any]:
    """The whole page of one conversation, from an answer of `Store.transcript`."""
    feedback = told["feedback"]
    properties = told["properties"] or {}
    facts = {
        "User": user_of(told["userProperties"] or {}),
        "Model": _word(properties.get("model")),
        "Began": _minute(told["createdAt"]),
        "Changed": _minute(told["updatedAt"]),
        "Source": _word(properties.get("source")),
        "Tags": ", ".join(told["tags"] or ()),
        "Id": told["id"],
    }
    return {
        "facts": {name: value for name, value in facts.items() if value},
        "properties": _pretty(properties) if properties else "",
        "messages": [message_view(message, feedback) for message in told["messages"]],
        "replaced": [message_view(message, feedback) for message in told["replaced"]],
    }


def message_view(message: Mapping[str, Any], feedback: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One message with the feedback on it and, beside its tool calls, their results."""
    properties = message["properties"] or {}
    calls, loose = _calls(message.get("tool_calls") or (), _dicts(properties.get("toolResults")))
    said_as = _word(properties.get("originalRole")) or message["role"]
    return {
        "id": message["id"],
        "kind": message["role"] if message["role"] in _ROLES else "user",
        "folded": message["role"] == "system",
        "role": (_ROLES | _OTHER_ROLES).get(said_as, said_as),
        "name": message["name"] or "",
        "time": _minute(message["createdAt"]),
        "iso": message["createdAt"],
        "content": _content(message["content"]),
        "reasoning": _word(properties.get("reasoning")),
        "calls": calls,
        "loose_results": loose,
        "links": [link for link in map(_link, message["links"] or ()) if link],
        "feedback": [_feedback(one) for one in feedback if one["messageId"] == message["id"]],
        "interrupted": _interrupted(properties),
        "refused": properties.get("refusal") is True,
        "alternatives": len(_list(properties.get("alternatives"))),
        "meta": _meta(properties),
    }


def user_of(properties: Mapping[str, Any]) -> str:
    """Who it was, as far as the user properties say it in a word."""
    return next((word for name in ("userId", "id") if (word := _word(properties.get(name)))), "")


def _content(content: Any) -> list[dict[str, str]]:
    """Texts, pictures and addresses of pictures, in their order."""
    items: list[Any] = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
    told = []
    for item in items:
        image = item.get("image_url") if item["type"] == "image_url" else None
        if image:
            shown = image["url"].startswith(_PICTURES)
            told.append({"kind": "picture" if shown else "address", "value": image["url"]})
        elif item.get("text"):
            told.append({"kind": "text", "value": item["text"]})
    return told


def _calls(
    calls: Sequence[Mapping[str, Any]], results: Sequence[Mapping[str, Any]]
) -> tuple[list[dict[str, Any]], list[str]]:
    """Each call with its results, and the results that belong to none."""
    waiting = [(result.get("tool_call_id"), _result_text(result.get("content"))) for result in results]
    told = []
    for call in calls:
        own = [text for call_id, text in waiting if call_id == call["id"]]
        waiting = [one for one in waiting if one[0] != call["id"]]
        function = call["function"]
        told.append({"name": function["name"], "arguments": _pretty_text(function["arguments"]), "results": own})
    return told, [text for _, text in waiting]


def _result_text(content: Any) -> str:
    if isinstance(content, list) and all(isinstance(item, dict) for item in content):
        content = "\n".join(_word(item.get("text")) or _word(item.get("type")) for item in content)
    return _pretty_text(content) if isinstance(content, str) else _pretty(content)


def _feedback(feedback: Mapping[str, Any]) -> dict[str, Any]:
    reasons = [reason["label"].replace("_", " ") for reason in feedback["reasons"] or ()]
    return {
        "positive": feedback["type"] == "positive",
        "words": " · ".join(filter(None, [*reasons, feedback["details"]])),
        "time": _minute(feedback["createdAt"]),
    }


def _link(link: Mapping[str, Any]) -> dict[str, str] | None:
    """A link that may be followed: http and https only."""
    url = link["url"]
    if not url.lower().startswith(("http://", "https://")):
        return None
    return {"url": url, "title": link.get("title") or url, "label": link.get("label") or ""}


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
    asked = _number(usage.get("prompt_tokens", usage.get("input_tokens")))
    answered = _number(usage.get("completion_tokens", usage.get("output_tokens")))
    first, whole = _number(properties.get("timeToFirstTokenMs")), _number(properties.get("latencyMs"))
    end = _word(properties.get("finishReason"))
    told = [
        _word(properties.get("model")),
        "" if whole is None else f"{whole / 1000:.1f} s",
        "" if first is None else f"first token {first / 1000:.1f} s",
        "" if asked is None or answered is None else f"{asked:,.0f} + {answered:,.0f} tokens",
        "" if end in _ORDINARY_ENDS else end,
    ]
    return [part for part in told if part]


def _moment(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)


def _minute(iso: str) -> str:
    return f"{iso[:10]} {iso[11:16]} UTC"


def _word(value: Any) -> str:
    """A string or number as text; nothing for anything else."""
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _number(value: Any) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]


def _pretty(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()


def _pretty_text(text: str) -> str:
    """A text that is a JSON object or array, on several lines; any other as it is."""
    if text[:1] not in ("{", "["):
        return text
    try:
        return _pretty(orjson.loads(text))
    except (ValueError, TypeError):  # not JSON after all, or too deep to write
        return text
