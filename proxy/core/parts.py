"""Content in parts: what is text, what is reasoning, what is an attachment; for what clients send and servers answer.

Reasoning never stays in the content: parts of it go to the message's reasoning. Of an answer, text alone becomes a string,
text between attachments a text part; what a client sent keeps its parts. Unknown kinds are kept. Nothing raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from .jsontext import canonical_value, mend, mend_text

if TYPE_CHECKING:
    from collections.abc import Iterable

#: OpenAI's content: a string, parts, or nothing.
Content = str | list[dict[str, Any]] | None

TEXT_PARTS = frozenset(("text", "input_text", "output_text"))
REASONING_PARTS = frozenset(("thinking", "reasoning", "redacted_thinking"))
#: Where servers and clients put reasoning beside the content; gateways send two of them with the same text, so the
#: first one that says something counts.
REASONING_KEYS = ("reasoning_content", "reasoning", "reasoning_text", "thinking")
#: Where a reasoning part holds its text.
_INNER_KEYS = ("text", "thinking", "reasoning", "summary", "content")
#: A part holds a list of parts that hold text: four levels.
MAX_NESTING = 4


class PartsBuilder:
    """Takes content piece by piece, strings and lists of parts in any order."""

    __slots__ = ("_pieces", "_reasoning")

    def __init__(self) -> None:
        self._pieces: list[str | dict[str, Any]] = []
        self._reasoning: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._pieces or self._reasoning)

    def add(self, content: Any) -> None:
        """A string, parts, one part, or nothing."""
        if isinstance(content, str):
            if content:
                self._pieces.append(content)
        elif isinstance(content, list):
            for part in content:
                self._add_part(part)
        elif isinstance(content, dict):
            self._add_part(content)

    def extend(self, texts: Iterable[str]) -> None:
        """Strings that say something."""
        self._pieces.extend(texts)

    def result(self) -> Content:
        """A string; parts where there is more than text; None where nothing was said."""
        try:
            return mend_text("".join(cast("list[str]", self._pieces))) or None
        except TypeError:
            return self._parts()

    def _parts(self) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = []
        text: list[str] = []
        for piece in (*self._pieces, {}):
            if isinstance(piece, str):
                text.append(piece)
                continue
            if text:
                parts.append({"type": "text", "text": mend_text("".join(text))})
                text = []
            if piece:
                parts.append(mend(piece))
        return parts

    def reasoning(self) -> str | None:
        """The text of the reasoning parts."""
        return mend_text("".join(self._reasoning)) or None

    def _add_part(self, part: Any) -> None:
        if isinstance(part, str):
            self.add(part)
        elif isinstance(part, dict) and part:
            kind = kind_of(part)
            if kind in REASONING_PARTS:
                self._reasoning.append(_text_in(part))
            elif (text := _said_in(part)) is not None or kind in TEXT_PARTS:
                self.add(text)
            else:
                self._pieces.append(part)


def content_said(value: Any) -> tuple[Content, str | None]:
    """A content as a client sent it, in OpenAI's form with its parts apart, and the reasoning that stood in it."""
    if isinstance(value, dict):
        value = [value] if "type" in value else canonical_value(value)
    if value is None or isinstance(value, str):
        return value, None
    if not isinstance(value, list):
        return canonical_value(value), None
    parts: list[dict[str, Any]] = []
    reasoning: list[str] = []
    for part in value:
        if not isinstance(part, dict):
            parts.append({"type": "text", "text": part if isinstance(part, str) else canonical_value(part)})
        elif kind_of(part) in REASONING_PARTS:
            reasoning.append(_text_in(part))
        else:
            parts.append(mend(part))
    return parts or None, "".join(reasoning) or None


def reasoning_in(said: dict[str, Any]) -> str | None:
    """The reasoning beside the content of a message or delta: the first key that says something, never their sum."""
    for key in REASONING_KEYS:
        if (value := said.get(key)) and (text := _text_in(value)):
            return text
    return None


def kind_of(part: dict[str, Any]) -> str:
    """A part's type; empty where it is none."""
    kind = part.get("type")
    return kind if isinstance(kind, str) else ""


def _said_in(part: dict[str, Any]) -> str | None:
    """The text of a text part; some leave the type out, or put the text one level down."""
    text = part.get("text")
    if isinstance(text, dict):
        text = text.get("value")
    return text if isinstance(text, str) and part.get("type") in (None, "", *TEXT_PARTS) else None


def _text_in(value: Any, depth: int = 0) -> str:
    """The text in a reasoning part, which may be nested: Mistral's `thinking` is a list of text parts."""
    if isinstance(value, str):
        return value
    if depth > MAX_NESTING:
        return ""
    if isinstance(value, list):
        return "".join(_text_in(item, depth + 1) for item in value)
    if isinstance(value, dict):
        return next((text for key in _INNER_KEYS if (text := _text_in(value.get(key), depth + 1))), "")
    return ""
