"""Side requests: what front ends and agents ask a model for themselves, told by the shape of the request.

Titles, tags, next questions, search queries: they carry the chat's id, quote the chat, or bring its whole history, and are
no part of it. Each is told by several signs together, never by one phrase that a person might use; whatever is not told is
a chat. Sources: Open WebUI `config.py` (prompt templates), LibreChat `titles`, NextChat `locales/en.ts`, and the prompts
of the agents named below.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .message import SYSTEM_ROLES, Message, text_of

if TYPE_CHECKING:
    from .turn import Asked

#: Open WebUI's tasks by what their prompts say behind `### Task:`, in this and earlier releases.
_TASKS = {
    "title": ("Generate a concise, 3-5 word title", "Generate a concise title summarizing"),
    "tags": ("broad tags categorizing",),
    "follow_ups": ("relevant follow-up questions", "messages this user might naturally send next"),
    "queries": ("the necessity of generating search queries", "Generate search queries"),
    "autocomplete": ("You are an autocompletion system",),
    "image_prompt": ("image generation task",),
}
#: What programs say to see whether a model answers.
_PROBES = frozenset(("hi", "hello", "hey", "ping", "test", "quota", ".", "1"))
_CHAT_HISTORY = re.compile(r"<chat_history>\s*(.*?)\s*</chat_history>", re.DOTALL)
_LINE = re.compile(r"^(USER|ASSISTANT): ?", re.MULTILINE)

#: No title is longer (tokens).
SHORT_ANSWER = 100


@dataclass(frozen=True, slots=True)
class _Sign:
    """A prompt of one client: all phrases must be in it."""

    kind: str
    phrases: tuple[str, ...]
    #: The first phrase is how it begins: who quotes it, says something before.
    begins: bool = False
    #: It is the only message, the chat being quoted in it.
    lone: bool = False
    #: Only when the answer may be no longer than `SHORT_ANSWER`.
    short: bool = False


#: Of the newest message, from whomever.
_LAST = (
    # LibreChat; whether "Only" is a word of its own sentence differs by release
    _Sign(
        "title",
        ("Provide a concise, 5-word-or-less title for the conversation", "nly return the title itself"),
        begins=True,
        lone=True,
    ),
    _Sign(
        "title",
        ("Analyze this conversation and provide:", "The detected language of the conversation", "A concise title in"),
        begins=True,
        lone=True,
    ),
    _Sign(
        "title",
        ("Please generate a concise title (max 40 characters) for a conversation that starts with",),
        begins=True,
        lone=True,
    ),
    # Open WebUI, in calls
    _Sign(
        "emoji",
        ("Your task is to reflect the speaker's likely facial expression through a fitting emoji",),
        begins=True,
        lone=True,
    ),
    # NextChat
    _Sign(
        "title",
        ("Please generate a four to five word title summarizing our conversation without any lead-in",),
        begins=True,
    ),
    _Sign(
        "summary",
        ("Summarize the discussion briefly in 200 words or less to use as a prompt for future context",),
        begins=True,
    ),
    # Claude Code
    _Sign("title", ("Please write a 5-10 word title for the following conversation:",), begins=True, lone=True),
)
#: Of the system prompt, before a lone message.
_PROMPTS = (
    # crush, opencode
    _Sign("title", ("You will generate a short title based on the first message a user begins a conversation with",)),
    _Sign("title", ("You are a title generator", "thread title")),
    _Sign("title", ("generate a short title based on the first message",), short=True),
    # Claude Code
    _Sign("topic", ("Analyze if this message indicates a new conversation topic", "isNewTopic")),
)


def kind_of(asked: Asked) -> str:
    """What a front end wants of this request for itself: "title", "tags", "follow_ups", …; empty for a chat."""
    if asked.body.get("tools") or not asked.messages:
        return ""
    last = text_of(asked.messages[-1].content).strip()
    prompt = "\n".join(text_of(one.content) for one in asked.messages if one.role in SYSTEM_ROLES)
    is_short = 0 < _most_tokens(asked) <= SHORT_ANSWER
    is_lone = _is_lone(asked)
    return (
        _task(asked, last)
        or _signed(_LAST, last, is_short=is_short, is_lone=is_lone)
        or (_signed(_PROMPTS, prompt, is_short=is_short, is_lone=is_lone) if is_lone else "")
        or ("probe" if _most_tokens(asked) == 1 and is_lone and last.lower() in _PROBES else "")
    )


def quoted(asked: Asked) -> list[Message]:
    """The end of the chat that Open WebUI quotes in its tasks; empty where there is no quotation."""
    found = _CHAT_HISTORY.search(text_of(asked.messages[-1].content)) if asked.messages else None
    _, *lines = _LINE.split(found[1]) if found else [""]
    return [Message(role.lower(), text.strip()) for role, text in zip(lines[::2], lines[1::2], strict=True)]


def _task(asked: Asked, last: str) -> str:
    """Open WebUI sends the task as the only message, with the chat quoted in it."""
    head = last[:2000]
    if not _is_lone(asked) or not head.startswith("### Task:") or not _quotes_a_chat(last):
        return ""
    kind = next((kind for kind, phrases in _TASKS.items() if any(phrase in head for phrase in phrases)), "")
    # of a task that its administrator has put in other words the quotation alone is known
    return kind or ("task" if quoted(asked) else "")


def _quotes_a_chat(text: str) -> bool:
    return "<chat_history>" in text or "### Chat History:" in text or "<type>" in text


def _signed(signs: tuple[_Sign, ...], text: str, *, is_short: bool, is_lone: bool) -> str:
    for sign in signs:
        fits = (text.startswith(sign.phrases[0]) or not sign.begins) and (is_lone or not sign.lone)
        if fits and all(phrase in text for phrase in sign.phrases) and (is_short or not sign.short):
            return sign.kind
    return ""


def _is_lone(asked: Asked) -> bool:
    return sum(one.role not in SYSTEM_ROLES for one in asked.messages) == 1


def _most_tokens(asked: Asked) -> int:
    """How long the answer may be; 0 when that is not said."""
    given = (asked.body.get(name) for name in ("max_completion_tokens", "max_tokens", "max_output_tokens"))
    return next((one for one in given if isinstance(one, int)), 0)
