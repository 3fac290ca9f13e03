"""What the pages show of conversations: values ready to be printed, made of whatever was logged."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from .marks import money
from .message_view import message_view
from .plain import dicts, pretty, word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

#: What happened, in words; anything else is called as it was logged.
_HAPPENED = {
    "message:copied": "The answer was copied",
    "assistant_message_copied": "The answer was copied",
    "message:code_snippet:copied": "Code was copied from the answer",
    "assistant_code_block_copied": "Code was copied from the answer",
    "assistant_source_item_clicked": "A source was opened",
    "assistant_message_inline_link_opened": "A link was opened",
    "conversation:shared": "The conversation was shared",
    "chat_share_button_clicked": "The conversation was shared",
    "conversation:rewritten": "The client went on from another history",
    "message:regenerated": "Another answer was asked for",
    "user_escalation_indicated": "The user asked for a person",
}


def transcript(told: Mapping[str, Any]) -> dict[str, Any]:
    """The whole page of one conversation, from an answer of `Store.transcript`."""
    properties = told["properties"] or {}
    facts = {
        "User": user_of(told["userProperties"] or {}),
        "Model": word(properties.get("model")),
        "Endpoint": word(properties.get("endpoint")),
        "Kind": word(properties.get("kind")),
        "Source": word(properties.get("source")),
        "Tags": ", ".join(told["tags"] or ()),
        "Cost": "" if told["costUsd"] is None else money(told["costUsd"]),
        "Id": told["id"],
    }
    line, lost = _line_of_time(told)
    return {
        "id": told["id"],
        "question": _question(told["messages"]),
        "began": told["createdAt"],
        "changed": told["updatedAt"],
        "facts": {name: value for name, value in facts.items() if value},
        "narrow": _alike(facts),
        "origin": word(properties.get("forkedFrom")),
        "properties": pretty(properties) if properties else "",
        "line": line,
        "replaced": [message_view(one, told["feedback"]) for one in told["replaced"] if one["id"] not in lost],
        "share": told["share"],
    }


def _alike(facts: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The list's queries for all sessions of this user, and of this model; side requests stand beside side requests."""
    side = {"side": "true"} if facts["Kind"] else {}
    return {name: {name.lower(): facts[name]} | side for name in ("User", "Model") if facts[name]}


def said(told: Mapping[str, Any]) -> dict[str, Any]:
    """What a stranger with a link may see, of a conversation's answer form: what user and assistant said, nothing else."""
    views = [message_view(message, []) for message in told["messages"] if message["role"] in ("user", "assistant")]
    shown = ("id", "kind", "role", "at", "content", "links", "interrupted")
    messages = [{name: view[name] for name in shown} for view in views if view["content"]]
    return {"began": told["createdAt"], "line": [{"message": message, "events": []} for message in messages]}


def texts(chat: Mapping[str, Any]) -> Iterator[str]:
    """The texts of a page that are Markdown: what assistants said."""
    shown = [one["message"] for one in chat["line"] if one["message"]]
    kept = [message for one in chat["line"] for event in one["events"] for message in event["messages"]]
    for message in (*shown, *kept, *chat.get("replaced", ())):
        if message["kind"] == "assistant":
            yield from (item["value"] for item in message["content"] if item["kind"] == "text")
            yield from (choice["text"] for choice in message.get("alternatives", ()))


def user_of(properties: Mapping[str, Any]) -> str:
    """Who it was, as far as the user properties say it in a word."""
    return next((text for name in ("userId", "id") if (text := word(properties.get(name)))), "")


def _question(messages: Sequence[Mapping[str, Any]]) -> str:
    """The first thing a user said, as the page is called by it."""
    asked = next((message["content"] for message in messages if message["role"] == "user"), "")
    items = dicts(asked) if isinstance(asked, list) else [{"text": asked}]
    return " ".join(" ".join(word(item.get("text"))[:400] for item in items).split())


def _line_of_time(told: Mapping[str, Any]) -> tuple[list[dict[str, Any]], set[str]]:
    """Messages with what happened after each (`events`), and the ids of the messages that these tell of.

    What tells of a message stands below it, or where its time puts it; what stands before all messages stands first,
    below none (`message` None).
    """
    messages = told["messages"]
    places = {message["id"]: place for place, message in enumerate(messages)}
    times = list(accumulate((message["createdAt"] for message in messages), max))
    behind: dict[int, list[dict[str, Any]]] = {}
    lost: set[str] = set()
    for event in told["events"]:
        place = max(bisect_right(times, event["createdAt"]) - 1, places.get(event.get("messageId") or "", -1))
        view = _event(event, told["feedback"])
        behind.setdefault(place, []).append(view)
        lost.update(one["id"] for one in view["messages"])
    first = [{"message": None, "events": behind[-1]}] if -1 in behind else []
    rest = [
        {"message": message_view(message, told["feedback"]), "events": behind.get(place, [])}
        for place, message in enumerate(messages)
    ]
    return [*first, *rest], lost


def _event(event: Mapping[str, Any], feedback: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    properties = event.get("properties") or {}
    return {
        "words": _HAPPENED.get(event["type"], event["type"]),
        "at": event["createdAt"],
        "messages": [message_view(one, feedback) for one in _messages(properties)],
        "more": pretty(rest) if (rest := {k: v for k, v in properties.items() if k != "messages"}) else "",
    }


def _messages(properties: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    """The messages that an event keeps; anything else that a client put there is none."""
    for one in dicts(properties.get("messages")):
        kept = one.get("properties") if isinstance(one.get("properties"), dict) else {}
        told = {name: word(one.get(name)) for name in ("id", "role", "name", "createdAt")}
        yield {**told, "content": one.get("content"), "tool_calls": one.get("tool_calls"), "properties": kept}
