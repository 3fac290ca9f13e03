"""A conversation as a screen shows it, made of OpenAI's messages and of logged ones alike, so that they can be compared."""

from __future__ import annotations

import json
import re

#: Marks, user, and lines.
Transcript = tuple[tuple[str, ...], str, tuple[tuple[str, ...], ...]]


def lines(messages: list[dict]) -> tuple:
    """Who said what, in order; of a logged message also the results that its properties hold."""
    out: list[tuple] = []
    for message in messages:
        if message["role"] == "tool":
            out.append(("result", message["content"]))
            continue
        out.append((message["role"], on_screen(message)))
        for call in message.get("tool_calls") or ():
            function = call["function"]
            out.append(("call", function["name"], json.dumps(json.loads(function["arguments"]), sort_keys=True)))
        out += [("result", one["content"]) for one in (message.get("properties") or {}).get("toolResults") or ()]
    return tuple(out)


def on_screen(message: dict) -> str:
    """The text; of an answer without thoughts before it and blanks around it, as chat windows show it."""
    content = message.get("content") or ""
    text = content if isinstance(content, str) else "".join(part.get("text", "") for part in content)
    return (
        re.sub(r"^\s*<think>.*?</think>", "", text, flags=re.DOTALL).strip() if message["role"] == "assistant" else text
    )
