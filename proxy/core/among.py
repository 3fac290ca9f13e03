"""Among which sessions: what figures and insights lead to in the list, beside the list's own filters. Read from a URL's query.

    began, before    the first message at or after, and before: ISO-8601
    endpoint         which was called (`chat`, `responses`)
    asked            the number of the first question (`core/asking_again.py`)
    again            true: something was asked in it again
    failed           refused, interrupted, interrupted:<by whom>, regenerated, or any of these or a thumb down
    reason           a thumb went down for this reason
    unexplained      true: a thumb went down and no reason was given
    cites            an answer cites this page

Figures count by when sessions began, the list's `from` and `to` by when they were last changed: hence other names.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from ..errors import ApiError
from .fields import fault, parse_time

if TYPE_CHECKING:
    from collections.abc import Mapping

FAILED = ("refused", "interrupted", "regenerated", "any")
#: Characters of a value: those of an address (`reading.URL_LIMIT`).
_LIMIT = 2000


@dataclass(frozen=True, slots=True)
class Among:
    """What is None is not asked."""

    #: Unix milliseconds.
    began: int | None = None
    before: int | None = None
    endpoint: str | None = None
    asked: int | None = None
    again: bool = False
    failed: str | None = None
    reason: str | None = None
    unexplained: bool = False
    cites: str | None = None

    @property
    def is_all(self) -> bool:
        """Whether nothing is asked."""
        return self == Among()


PARAMETERS = tuple(one.name for one in fields(Among))


def read_among(query: Mapping[str, str]) -> Among:
    """What a page's query asks for; empty is as none. `ApiError` 400."""
    given = {name: value for name in PARAMETERS if (value := query.get(name, "")).strip()}
    for name, value in given.items():
        _check(name, value)
    failed = given.get("failed")
    if failed is not None and failed.partition(":")[0] not in FAILED:
        raise _wrong("failed", f"must be one of {', '.join(FAILED)}")
    return Among(
        began=_time("began", given),
        before=_time("before", given),
        endpoint=given.get("endpoint"),
        asked=_number("asked", given),
        again=given.get("again") == "true",
        failed=failed,
        reason=given.get("reason"),
        unexplained=given.get("unexplained") == "true",
        cites=given.get("cites"),
    )


def _check(name: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _wrong(name, "is not UTF-8") from error
    if len(value) > _LIMIT:
        raise _wrong(name, f"is longer than {_LIMIT} characters")


def _time(name: str, given: Mapping[str, str]) -> int | None:
    try:
        return parse_time(given[name]) if name in given else None
    except (ValueError, OverflowError) as error:
        raise _wrong(name, "must be an ISO-8601 time") from error


def _number(name: str, given: Mapping[str, str]) -> int | None:
    text = given.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text) < 2**63):
        raise _wrong(name, "must be the number of a question")
    return int(text)


def _wrong(name: str, reason: str) -> ApiError:
    return ApiError(400, f"{name} {reason}", [fault(f"/{name}", reason)])
