"""What a request says of itself: the id of its chat, its session and trace, its user, its own properties.

Which headers and body fields say so is configured (`Names`). Ids that front ends send while they have none yet (`null`, an
unfilled `{{template}}`) are no ids. Nothing here raises.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from .jsontext import read_mended

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .turn import Asked

#: Longer ids are tokens or texts put into the wrong header.
LONGEST_ID = 256
#: Upstreams make longer ones: LiteLLM and GitHub Copilot seal what they need themselves into those of answers and items.
LONGEST_UPSTREAM_ID = 2048
#: Of what else callers tell, longer values are contents, not properties.
LONGEST_PROPERTY = 1024
PROPERTY_PREFIXES = ("x-teelog-property-", "helicone-property-")

#: What programs write for "no value"; many of their users would share it.
_NO_VALUE = frozenset(("null", "undefined", "none", "nan", "default", "[object object]"))
#: Around an id as unseen as blanks.
_UNSEEN = string.whitespace + "\u00a0\u200b\u2060\ufeff"
#: Controls, line separators, and marks that turn the direction of a text, so that it reads as another.
_UNUSABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
#: Conversation properties that teelog sets, in lower case as header names are; a caller's of the same name steps aside.
_OURS = frozenset(("source", "model", "endpoint", "teelogrev", "kind", "forkedfrom", "sessionid", "traceid", "history"))
#: Headers of single properties, and the property's name.
_PROPERTY_HEADERS = {
    "helicone-session-path": "sessionPath",
    "helicone-session-name": "sessionName",
    "x-litellm-tags": "tags",
    "inkeep-filters": "inkeepFilters",  # Inkeep's chat API narrows its search by them
}


class Names(Protocol):
    """Where a request says what, in the order in which it is believed: lower-case headers, and paths of body fields."""

    @property
    def id_headers(self) -> tuple[str, ...]: ...
    @property
    def id_fields(self) -> tuple[str, ...]: ...
    @property
    def session_headers(self) -> tuple[str, ...]: ...
    @property
    def session_fields(self) -> tuple[str, ...]: ...
    @property
    def trace_headers(self) -> tuple[str, ...]: ...
    @property
    def trace_fields(self) -> tuple[str, ...]: ...
    @property
    def user_headers(self) -> tuple[str, ...]: ...
    @property
    def user_fields(self) -> tuple[str, ...]: ...
    @property
    def metadata_headers(self) -> tuple[str, ...]: ...


@dataclass(slots=True, frozen=True)
class Caller:
    """Who speaks, in which conversation; empty where the request does not say."""

    #: Of the chat.
    conversation_id: str = ""
    user: str = ""
    properties: dict[str, Any] = field(default_factory=dict)
    #: The client's SDK sends the request once more, since it got no answer to it.
    retries: bool = False
    #: Of a piece of work that may span several conversations.
    session_id: str = ""
    #: Of one run through many services, say.
    trace_id: str = ""
    #: The completion that the request goes on from, without repeating what was said before it.
    previous_id: str = ""


def caller_of(headers: Mapping[str, str], asked: Asked, names: Names) -> Caller:
    """What the headers (lower-case names) and the body say; headers before fields, the first usable value counts."""
    body, told = asked.body, _told(headers, names.metadata_headers)
    user, users_session = _user_and_session(
        _first((headers.get("x-teelog-user"), *_values(headers, body, names.user_headers, names.user_fields)))
        or _first((told.pop("_user", None),))
    )
    chat = (asked.conversation_ref, *_values(headers, body, names.id_headers, names.id_fields))
    session = _values(headers, body, names.session_headers, names.session_fields)
    trace = _values(headers, body, names.trace_headers, names.trace_fields)
    return Caller(
        conversation_id=_first((headers.get("x-teelog-conversation-id"), *chat)),
        user=user,
        properties={f"user.{name}" if name.lower() in _OURS else name: one for name, one in _all(told, asked, headers)},
        retries=headers.get("x-stainless-retry-count", "0") != "0",
        session_id=_first((*session, users_session)),
        trace_id=_first(map(_trace, trace)),
        previous_id=checked_id(asked.previous_id, LONGEST_UPSTREAM_ID),
    )


def checked_id(value: object, longest: int = LONGEST_ID) -> str:
    """An id that can be used as one, without the blanks around it; else empty."""
    if not isinstance(value, (str, int)) or isinstance(value, bool):
        return ""
    text = str(value).strip(_UNSEEN)
    if len(text) > longest or text.lower() in _NO_VALUE or ("{{" in text and "}}" in text):
        return ""
    return "" if _UNUSABLE.search(text) else text


def _first(values: Iterable[object]) -> str:
    return next(filter(None, map(checked_id, values)), "")


def _values(
    headers: Mapping[str, str], body: Mapping[str, Any], names: Iterable[str], fields: Iterable[str]
) -> list[object]:
    return [*(headers.get(name) for name in names), *(_at(body, path) for path in fields)]


def _at(body: Mapping[str, Any], path: str) -> object:
    """The value at `a.b` in the body; None where there is none."""
    value: object = body
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _user_and_session(user: str) -> tuple[str, str]:
    """Claude clients put their session behind the user: `user_<hash>_account_<id>_session_<id>`."""
    who, mark, session = user.partition("_session_")
    return (who, session) if mark and who and session else (user, "")


def _trace(value: object) -> object:
    """Of a W3C `traceparent` (version-trace-parent-flags) the trace."""
    parts = value.split("-") if isinstance(value, str) else []
    return parts[1] if [len(part) for part in parts] == [2, 32, 16, 2] else value


def _told(headers: Mapping[str, str], names: Iterable[str]) -> dict[str, Any]:
    """The pairs of JSON objects in headers."""
    pairs: dict[str, Any] = {}
    for name in names:
        try:
            value = read_mended(headers.get(name, "null"))
        except ValueError:
            continue
        pairs |= value if isinstance(value, dict) else {}
    return pairs


def _all(told: Mapping[str, Any], asked: Asked, headers: Mapping[str, str]) -> Iterable[tuple[str, Any]]:
    """The caller's own properties; what its headers name one by one counts most."""
    yield from ((name, one) for name, one in (asked.metadata | dict(told)).items() if name and _is_property(one))
    for header, value in headers.items():
        prefix = next((one for one in PROPERTY_PREFIXES if header.startswith(one)), header)
        if name := _PROPERTY_HEADERS.get(header) or header.removeprefix(prefix):
            yield name, value


def _is_property(value: object) -> bool:
    return isinstance(value, (bool, int, float)) or (isinstance(value, str) and len(value) <= LONGEST_PROPERTY)
