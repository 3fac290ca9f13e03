"""JSON that was cut: its value as far as it came.

A text left open is closed, a key without its value is left out, as is a word or an escape of which only a part came. What
is not the beginning of any JSON text is a `ValueError`. Time is linear in the text.
"""

from __future__ import annotations

import re
from typing import Any

from .jsontext import MAX_DEPTH, read

_STRING = r'"[^"\\]*(?:\\.[^"\\]*)*'
_MARKS = re.compile(rf'{_STRING}("?)|[\[{{\]}},]', re.DOTALL)
#: What may stand behind the last bracket or comma: a key, a value, or what came of them.
_END = re.compile(rf',?\s*(?:{_STRING}"\s*:\s*)?(?:{_STRING}(?:"|\\?)|[-+.\w]*)\s*(?:(?<=")\s*:\s*)?', re.DOTALL)
#: The inside of a string up to an escape that is not whole.
_INSIDE = re.compile(r'"[^"\\]*(?:\\(?:u[0-9a-fA-F]{4}|[^u])[^"\\]*)*')
_CLOSING = {"{": "}", "[": "]"}


def read_cut(text: str) -> Any:
    """The value of a JSON text of which the end may be missing."""
    closing: list[str] = []
    safe, opened = 0, None
    for mark in _MARKS.finditer(text):
        said = mark[0][0]
        if said == '"':
            opened = None if mark[1] else mark.start()
        elif said == ",":
            safe = mark.start()
        else:
            safe = mark.end()
            _count(said, closing)
    if not _END.fullmatch(text, safe):
        raise ValueError("text is not the beginning of JSON")
    last = text if opened is None else text[: _end_inside(text, opened)] + '"'
    rest = "".join(reversed(closing))
    try:
        return read(last + rest)
    except ValueError:
        return read(text[:safe] + rest)


def _count(bracket: str, closing: list[str]) -> None:
    if bracket in _CLOSING:
        closing.append(_CLOSING[bracket])
    elif not closing or closing.pop() != bracket:
        raise ValueError(f"JSON has a {bracket} too many")
    if len(closing) > MAX_DEPTH:
        raise ValueError("JSON nested too deeply")


def _end_inside(text: str, opened: int) -> int:
    inside = _INSIDE.match(text, opened)
    return inside.end() if inside else opened + 1
