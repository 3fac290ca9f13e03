"""What a request says of itself: the id of its conversation, its user, its own properties.

Ids that front ends send while they have none yet (`null`, an unfilled `{{template}}`) are no ids. Nothing here raises.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Longer ids are tokens or texts put into the wrong header.
LONGEST_ID = 256
#: Upstreams make longer ones: LiteLLM and GitHub Copilot seal what they need themselves into those of answers and items.
LONGEST_UPSTREAM_ID = 2048
PROPERTY_PREFIX = "x-teelog-property-"

#: What programs write for "no value".
_NO_VALUE = frozenset(("null", "undefined", "none"))
#: Conversation properties that teelog sets, lower-case as header names are; a caller's of the same name steps aside.
_OURS = frozenset(("source", "model", "endpoint", "teelogrev", "kind", "forkedfrom", "sessionid", "traceid"))


@dataclass(slots=True, frozen=True)
class Caller:
    """Who speaks, in which conversation; empty where the request does not say."""

    conversation_id: str = ""
    user: str = ""
    properties: dict[str, str] = field(default_factory=dict)
    #: The client's SDK sends the request once more, since it got no answer to it.
    retries: bool = False


def caller_of(
    headers: Mapping[str, str], said_user: str | None, id_headers: Iterable[str], user_headers: Iterable[str]
) -> Caller:
    """
    What the headers (lower-case names) and the body's `user` say.

    Our own headers come first, then the configured ones in their order, then the body; the first usable value counts.
    """
    return Caller(
        conversation_id=_first(headers.get(name) for name in ("x-teelog-conversation-id", *id_headers)),
        user=_first((*(headers.get(name) for name in ("x-teelog-user", *user_headers)), said_user)),
        properties=dict(_properties(headers)),
        retries=headers.get("x-stainless-retry-count", "0") != "0",
    )


def checked_id(value: str | None, longest: int = LONGEST_ID) -> str:
    """An id that can be used as one, without the blanks around it; else empty."""
    text = (value or "").strip()
    if len(text) > longest or text.lower() in _NO_VALUE or ("{{" in text and "}}" in text):
        return ""
    return "" if any(ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 for letter in text) else text


def _first(values: Iterable[str | None]) -> str:
    return next(filter(None, map(checked_id, values)), "")


def _properties(headers: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for header, value in headers.items():
        name = header.removeprefix(PROPERTY_PREFIX)
        if name and name != header:
            yield (f"user.{name}" if name in _OURS else name), value
        elif header == "inkeep-filters":  # Inkeep's chat API narrows its search by them
            yield "inkeepFilters", value
