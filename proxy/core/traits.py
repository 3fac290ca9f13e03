"""The traits of a conversation: its tags and the properties at the top of its JSON, each as a text by which an index finds it. Pure.

    t<tag>    p<name>=<value>, the value as text, as queries have it

What no filter can ask for is no trait (a name with `=`, a text over `VALUE_LIMIT`, one with a NUL), nor is `teelogRev`, which
changes with every post and says nothing to anybody. A conversation with more
than any has that people look for has one trait instead, `CROWDED`: while there is such a one, traits do not tell who has a
tag, and lists look through all. A stored trait is taken out as it was put in: another reading is another migration.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import orjson

from .content import json_text
from .session_filter import VALUE_LIMIT

CROWDED = "crowded"
#: No tag and no property begins so.
_UNTOLD = "u"
#: Each costs two entries of an index with every post; a chat has about ten.
TRAITS_LIMIT = 64


def of_tag(tag: str) -> str:
    """The trait of those with a tag."""
    return f"t{tag}"


def of_property(name: str, value: str) -> str:
    """The trait of those whose property has a value."""
    return f"p{name}={value}"


@lru_cache(maxsize=256)  # what is changed was put there a moment ago
def traits_of(properties: str | None, tags: str | None) -> str:
    """All traits of one conversation, as a JSON array; its columns as they are stored."""
    return _as_json([trait for trait in _traits(properties, tags) if not trait.startswith(_UNTOLD)])


@lru_cache(maxsize=256)
def timed_traits_of(properties: str | None, tags: str | None) -> str:
    """The same, and the mark of each property whose value is no trait: by that one sessions cannot be told apart."""
    return _as_json(_traits(properties, tags))


def untold(name: str) -> str:
    """The mark of those with a value of a property that no filter can ask for."""
    return f"{_UNTOLD}{name}"


def is_kept(name: str) -> bool:
    """Whether a property is among the traits."""
    return name != "teelogRev" and "=" not in name and _is_asked(name)


def _traits(properties: str | None, tags: str | None) -> list[str]:
    found = dict.fromkeys(of_tag(tag) for tag in _read(tags, list) if isinstance(tag, str) and _is_asked(tag))
    for name, value in _read(properties, dict).items():
        if value is not None and is_kept(name):
            text = json_text(value)
            found[of_property(name, text) if _is_asked(text) else untold(name)] = None
    return [*found]


def _as_json(traits: list[str]) -> str:
    return orjson.dumps(traits if len(traits) <= TRAITS_LIMIT else [CROWDED]).decode()


def _is_asked(text: str) -> bool:
    return len(text) <= VALUE_LIMIT and "\0" not in text


def _read(stored: str | None, kind: type) -> Any:
    try:
        told = orjson.loads(stored or "null")
    except orjson.JSONDecodeError:  # a disk has damaged it
        return kind()
    return told if isinstance(told, kind) else kind()
