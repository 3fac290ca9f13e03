"""JSON fields, checked one by one: what is good is kept, what is not becomes a fault with its pointer.

`null` is kept where the format allows it, since it means "clear"; a field that is absent stays absent ("keep"). All
faults of a body are gathered, so that a caller sees them at once; `refuse_faults` raises them as one `ApiError` 400.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from ..errors import ApiError
from .content import json_text

if TYPE_CHECKING:
    from collections.abc import Collection

#: Faults told in one answer; a body of a million wrong messages is not worth more.
FAULTS_TOLD = 20
#: Levels that a body may be nested; orjson writes 254, and answers wrap a body in a few more.
MAX_DEPTH = 240

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
#: Known user properties, by what the official SDK parses them as.
_USER_IDS = ("id", "userId")
_USER_TEXTS = ("identificationType", "supportAgentName", "supportAgentEmail", "userType")


class Fields:
    """One JSON object as it is read; `at` is its JSON pointer (RFC 6901), `out` what was good in it."""

    def __init__(self, body: Any, faults: list[dict[str, str]], at: str = "") -> None:
        self.given: dict[str, Any] = body if isinstance(body, dict) else {}
        self.out: dict[str, Any] = {}
        self._faults = faults
        self._at = at
        if not isinstance(body, dict):
            self._faults.append(fault(at, "must be an object"))

    def wrong(self, name: str, reason: str) -> None:
        """Notes a fault of a field."""
        self._faults.append(fault(f"{self._at}/{name}", reason))

    def text(self, *names: str) -> None:
        """A string or null."""
        self._each(names, str, "must be a string or null")

    def object(self, *names: str) -> None:
        """An object or null."""
        self._each(names, dict, "must be an object or null")

    def name(self, name: str, *, required: bool = False) -> str | None:
        """A string with something in it; null counts as absent."""
        value = self.given.get(name)
        if value is None and not required:
            return None
        if not isinstance(value, str) or not value:
            self.wrong(name, "is required" if value is None else "must be a string that is not empty")
            return None
        self.out[name] = value
        return value

    def choice(self, name: str, allowed: Collection[str], *, required: bool = False) -> str | None:
        """One of a few strings, or null where it is not required."""
        value = self.given.get(name)
        if (value is None and not required) or (isinstance(value, str) and value in allowed):
            if name in self.given:
                self.out[name] = value
            return value
        self.wrong(name, f"must be one of {', '.join(sorted(allowed))}")
        return None

    def time(self, *names: str) -> None:
        """An ISO-8601 time, kept as unix milliseconds; null counts as absent."""
        for name in names:
            value = self.given.get(name)
            if value is None:
                continue
            try:
                self.out[name] = parse_time(value)
            except (TypeError, ValueError, OverflowError):
                self.wrong(name, "must be an ISO-8601 time with an offset")

    def items(self, name: str) -> list[Any] | None:
        """An array, or None for null, absent, and (with a fault) anything else; the caller reads what is in it."""
        value = self.given.get(name)
        if value is None or isinstance(value, list):
            return value
        self.wrong(name, "must be an array")
        return None

    def texts(self, name: str) -> None:
        """An array of strings, or null."""
        value = self.items(name)
        if value is not None and not all(isinstance(item, str) for item in value):
            self.wrong(name, "must hold strings only")
        elif name in self.given:
            self.out[name] = value

    def user(self, name: str = "userProperties") -> None:
        """User properties, or null; see `user_properties`."""
        self.object(name)
        if self.out.get(name):
            self.out[name] = user_properties(self.out[name])

    def _each(self, names: tuple[str, ...], kind: type, reason: str) -> None:
        for name in names:
            if name not in self.given:
                continue
            value = self.given[name]
            if value is None or isinstance(value, kind):
                self.out[name] = value
            else:
                self.wrong(name, reason)


def fault(pointer: str, reason: str) -> dict[str, str]:
    """One entry of a problem's `errors`."""
    name = pointer.rpartition("/")[2]
    return {"detail": f"{name or 'the body'} {reason}", "pointer": pointer, "name": name, "reason": reason}


def refuse_faults(faults: list[dict[str, str]]) -> None:
    """Raises `ApiError` 400 when there are faults."""
    if faults:
        told = faults[:FAULTS_TOLD]
        raise ApiError(400, "; ".join(f"{one['pointer'] or 'the body'} {one['reason']}" for one in told[:3]), told)


def read_json(raw: bytes) -> Any:
    """A body as JSON; `ApiError` 400 for what is not, or is nested too deeply to be given back."""
    try:
        body = orjson.loads(raw)
    except ValueError as error:
        raise ApiError(400, f"the body is not JSON: {error}", [fault("", "is not JSON")]) from error
    wrapped = body
    for _ in range(254 - MAX_DEPTH):
        wrapped = [wrapped]
    try:
        orjson.dumps(wrapped)
    except orjson.JSONEncodeError as error:
        reason = f"is nested more than {MAX_DEPTH} levels deep"
        raise ApiError(400, f"the body {reason}", [fault("", reason)]) from error
    return body


def user_properties(given: dict[str, Any]) -> dict[str, Any]:
    """User properties whose known keys the official SDK can parse: ids string or number, the others string."""
    told = dict(given)
    for name in _USER_IDS:
        value = told.get(name)
        if isinstance(value, bool) or not (value is None or isinstance(value, str | int | float)):
            told[name] = json_text(value)
    for name in _USER_TEXTS:
        if told.get(name) is not None:
            told[name] = json_text(told[name])
    return told


def parse_time(text: str) -> int:
    """Unix milliseconds of an ISO-8601 time; one without an offset is taken as UTC. Raises when it is none."""
    if "\0" in text:  # where the standard library stops reading
        raise ValueError(f"{text!r} is no time")
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    milliseconds = (moment - _EPOCH) // _MILLISECOND
    time_text(milliseconds)  # an offset can push it out of the years that can be written
    return milliseconds


def time_text(milliseconds: int) -> str:
    """A time of the format: ISO-8601, UTC, milliseconds, `Z`."""
    moment = _EPOCH + milliseconds * _MILLISECOND
    return f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
