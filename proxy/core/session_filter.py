"""Which conversations a list shows, and which page of them: read from a URL's query, checked once, for API and pages.

    q            words, "phrases in quotes", beginn*: all of them in one message
    from, to     last changed at or after, and before: ISO-8601 or unix milliseconds
    user         who held it: `userId` of its user properties, else their `id`
    tag          one of its tags; may be given again: all of them
    property     name=value, at the top of its properties; may be given again: all of them
    model        the `model` of its properties
    feedback     positive, negative, or any of both
    interrupted  true: an answer of it was cut off; false: none was
    limit, offset, cursor    a page: so many after so many, or after the place where another page ended (`nextCursor`)

An empty value is as none, since forms send those (but an empty number is no number). All that is wrong is told in one
`ApiError` 400 with a pointer each, by the parameter's name. `GET /conversations` of Inkeep has `limit` and `offset`; the
others are ours.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import orjson

from .fields import fault, parse_time, refuse_faults, time_text
from .search_words import Words, read_words

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from .among import Among

T = TypeVar("T")

FEEDBACK = ("positive", "negative", "any")
PARAMETERS = (
    "q", "from", "to", "user", "tag", "property", "model", "feedback", "interrupted", "limit", "offset", "cursor",
)  # fmt: skip
#: Those that may be given more than once.
REPEATED = frozenset(("tag", "property"))
#: Characters of a value; longer than any name in use, and short enough to be held against every row.
VALUE_LIMIT = 1000
#: Objects in a list's page, at most.
LIST_LIMIT = 100
#: Words of `q`, and of `tag` and `property` each: every one is looked up.
ENTRIES_LIMIT = 20
OFFSET_LIMIT = 2**53
#: What an SQL engine takes as an integer.
_ENGINE_LIMIT = 2**63
_FLAGS = {"true": True, "false": False}


class Place(NamedTuple):
    """A conversation's place in the list: last changed first, ids breaking ties."""

    updated_at: int
    id: str


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """What a conversation must be like to be listed; of what is None or empty, nothing is asked."""

    words: tuple[Words, ...] = ()
    #: Unix milliseconds; last changed at or after `since`, before `until`.
    since: int | None = None
    until: int | None = None
    user: str | None = None
    tags: tuple[str, ...] = ()
    #: Names with their values, as texts: a string as it is, all else as JSON.
    properties: tuple[tuple[str, str], ...] = ()
    model: str | None = None
    #: One of `FEEDBACK`.
    feedback: str | None = None
    interrupted: bool | None = None
    #: Whether it is no conversation of a user's but a side request (a title, tags), or a copy; not a parameter.
    side: bool | None = None
    #: What figures lead to; not a parameter of the API.
    among: Among | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """So many of the list: after a place, or after the first `offset`."""

    limit: int
    offset: int = 0
    after: Place | None = None


#: Every conversation.
EVERY = SessionFilter()


def read_sessions(
    given: Iterable[tuple[str, str]], *, limit: int, highest: int, beside: Collection[str] = ()
) -> tuple[SessionFilter, Page]:
    """The filter and the page that a URL's query asks for; `ApiError` 400.

    Args:
        given: Its names and values, decoded, as they come.
        limit: The size of a page where none is named.
        highest: The largest that may be.
        beside: Names that mean something to the caller, and are passed over here.

    """
    reader = _Reader(given, beside)
    asked = SessionFilter(
        words=reader.words(),
        since=reader.one("from", _time),
        until=reader.one("to", _time),
        user=reader.one("user", str),
        tags=tuple(dict.fromkeys(reader.all("tag"))),
        properties=tuple(dict.fromkeys(filter(None, map(reader.pair, reader.all("property"))))),
        model=reader.one("model", str),
        feedback=reader.one("feedback", _choice(FEEDBACK)),
        interrupted=_FLAGS.get(reader.one("interrupted", _choice(_FLAGS)) or ""),
    )
    size, after = reader.one("limit", _number(highest)), reader.one("cursor", read_cursor)
    offset = reader.one("offset", _number(OFFSET_LIMIT)) or 0
    if after is not None and offset:
        reader.wrong("offset", "cannot be given with a cursor, which says where to go on")
    refuse_faults(reader.faults)
    return asked, Page(limit if size is None else size, offset, after)


def cursor_of(place: Place) -> str:
    """A place as text that fits a URL; what is in it concerns nobody."""
    return urlsafe_b64encode(orjson.dumps([*place])).rstrip(b"=").decode()


def read_cursor(text: str) -> Place:
    """The place that a text of `cursor_of` tells; `ValueError` when it is none."""
    try:
        told: Any = orjson.loads(urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4)))
    except (ValueError, binascii.Error) as error:
        raise ValueError("must be the nextCursor of an earlier answer") from error
    is_place = isinstance(told, list) and len(told) == 2 and type(told[0]) is int and isinstance(told[1], str)
    if not is_place or not abs(told[0]) < _ENGINE_LIMIT:
        raise ValueError("must be the nextCursor of an earlier answer")
    return Place(*told)


class _Reader:
    """The parameters that are ours, each taken out by its name."""

    def __init__(self, given: Iterable[tuple[str, str]], beside: Collection[str]) -> None:
        self.faults: list[dict[str, str]] = []
        self._values: dict[str, list[str]] = {name: [] for name in PARAMETERS}
        for name, value in given:
            if name in self._values:
                self._take(name, value)
            elif name not in beside:
                shown = name[:50].encode("utf-8", "replace").decode()
                self.wrong(shown, f"is not known here; there are {', '.join(PARAMETERS)}")

    def wrong(self, name: str, reason: str) -> None:
        self.faults.append(fault(f"/{name}", reason))

    def one(self, name: str, read: Callable[[str], T]) -> T | None:
        """The value of a parameter, or None where it is absent or wrong."""
        values = self._values[name]
        if len(values) > 1:
            self.wrong(name, "is given more than once")
        if len(values) != 1:
            return None
        try:
            return read(values[0])
        except ValueError as error:
            self.wrong(name, str(error))
            return None

    def all(self, name: str) -> list[str]:
        """Every value of a parameter."""
        values = self._values[name]
        if len(values) > ENTRIES_LIMIT:
            self.wrong(name, f"is given more than {ENTRIES_LIMIT} times")
        return values[:ENTRIES_LIMIT]

    def words(self) -> tuple[Words, ...]:
        found = self.one("q", _words)
        return found or ()

    def pair(self, text: str) -> tuple[str, str] | None:
        name, separator, value = text.partition("=")
        if name and separator:
            return name, value
        self.wrong("property", "must be name=value")
        return None

    def _take(self, name: str, value: str) -> None:
        if len(value) > VALUE_LIMIT:
            self.wrong(name, f"is longer than {VALUE_LIMIT} characters")
        elif not _is_unicode(value):
            self.wrong(name, "is not UTF-8")
        elif "\0" in value:
            self.wrong(name, "has a NUL, at which an SQL engine ends the texts that it takes out of JSON")
        elif value.strip() or name in ("limit", "offset"):
            self._values[name].append(value)


def _words(text: str) -> tuple[Words, ...]:
    found = read_words(text)
    if not found:
        raise ValueError("must have a letter or a digit")
    if len(found) > ENTRIES_LIMIT:
        raise ValueError(f"has more than {ENTRIES_LIMIT} words")
    return found


def _time(text: str) -> int:
    try:
        if not text.lstrip("-").isdecimal():
            return parse_time(text)
        milliseconds = int(text)
        time_text(milliseconds)
    except (ValueError, OverflowError) as error:
        raise ValueError("must be an ISO-8601 time or unix milliseconds") from error
    return milliseconds


def _choice(allowed: Collection[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"must be one of {', '.join(allowed)}")
        return text

    return read


def _number(highest: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) < 17 and int(text) <= highest):
            raise ValueError(f"must be a whole number from 0 to {highest}")
        return int(text)

    return read


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
