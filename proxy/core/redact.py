"""What must not be stored is replaced by its name: `[email]`, `[card]`, `[api_key]`.

Works on messages as they were rebuilt, never on a stream's pieces, where a number can be cut in two. Nothing here raises
for what it is given, and time grows with the length of the text, whatever stands in it. Ids are left as they are, since
calls and their results are matched by them; so are files and images (base64), in which a number means nothing.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from .detectors import BUILT_IN, Detector, is_secret
from .linear import linear

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .message import Message

#: Deeper than any JSON that people or models write; what lies below is not kept.
MAX_DEPTH = 100
#: Numbers below have fewer digits than a card.
LONG_NUMBER = 10**12

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
#: A JSON string, or the beginning of one that was cut.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+("|\\?\Z)', re.DOTALL)
_BLOB = re.compile(r"(?:data:[\w.+/;=-]{0,200};base64,|(?=[A-Za-z0-9+/_-]{1000}))[A-Za-z0-9+/_\r\n-]*+={0,2}")
_KEPT_KEYS = frozenset(("id", "type", "role", "tool_call_id", "call_id"))


class Redactor:
    """
    Replaces what the built-in detectors and these patterns (name -> regular expression) find.

    `ValueError` names a pattern that is none, or that a text could make slow; see `linear.py`.
    """

    def __init__(self, patterns: Mapping[str, str]) -> None:
        for name in patterns:
            if not _NAME.fullmatch(name):
                raise ValueError(f"privacy.patterns: {name!r} is not a name; letters, digits, _ and - are")
        own = tuple(Detector(name, linear(name, pattern)) for name, pattern in patterns.items())
        self._detectors = own + BUILT_IN

    def text(self, text: str) -> str:
        """A text; also one with JSON escapes, which stay whole."""
        for detector in self._detectors:
            text = detector.redact(text)
        return text

    def json_text(self, text: str) -> str:
        """JSON as a text, also if it was cut: within its strings, whatever their escapes; all else stays as it was."""
        return self.text(_STRING.sub(self._string, text))

    def message(self, message: Message) -> Message:
        """A message: what was said, called, refused and thought, and whatever else is logged of it."""
        return replace(
            message,
            content=self.value(message.content),
            tool_calls=[self._call(call) for call in message.tool_calls],
            name=self.value(message.name),
            refusal=self.value(message.refusal),
            reasoning=self.value(message.reasoning),
            function_call=message.function_call and self._function(message.function_call),
            extra=self.value(message.extra),
        )

    def value(self, value: Any) -> Any:
        """A JSON value, keys included."""
        return self._value(value, MAX_DEPTH)

    def _value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self._any_text(value)
        if isinstance(value, int) and abs(value) >= LONG_NUMBER:
            text = self.text(str(value))
            return value if text == str(value) else text
        if not isinstance(value, dict | list):
            return value
        if not depth:
            return "[too deep]"
        if isinstance(value, list):
            return [self._value(each, depth - 1) for each in value]
        out: dict[str, Any] = {}
        numbers: dict[str, int] = {}
        for key, each in value.items():
            name = _free(out, self.text(key), numbers)
            if key in _KEPT_KEYS and isinstance(each, str):
                out[name] = each
            elif isinstance(each, str) and is_secret(key, each):
                out[name] = "[secret]"
            else:
                out[name] = self._value(each, depth - 1)
        return out

    def _any_text(self, text: str) -> str:
        if _BLOB.fullmatch(text):
            return text
        return self.json_text(text) if text.lstrip()[:1] in ("{", "[") else self.text(text)

    def _call(self, call: dict[str, Any]) -> dict[str, Any]:
        """A tool call: its id and the name of its function stay."""
        return {
            key: self._function(each) if key == "function" else each if key in _KEPT_KEYS else self.value(each)
            for key, each in call.items()
        }

    def _function(self, function: dict[str, Any]) -> dict[str, Any]:
        return {key: each if key == "name" else self.value(each) for key, each in function.items()}

    def _string(self, found: re.Match[str]) -> str:
        if found[1] != '"' or "\\" not in found[0]:
            return found[0]  # nothing that a search in the whole would not find
        try:
            plain = orjson.loads(found[0])
        except orjson.JSONDecodeError:
            return found[0]
        redacted = self.text(plain)
        return found[0] if redacted == plain else orjson.dumps(redacted).decode()


def _free(taken: dict[str, Any], name: str, numbers: dict[str, int]) -> str:
    """A key that is not taken: two addresses as keys must not become one; `numbers` are those last given out."""
    free = name
    while free in taken:
        numbers[name] = numbers.get(name, 1) + 1
        free = f"{name} {numbers[name]}"
    return free
