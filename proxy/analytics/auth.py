"""Who may ask what: keys of two kinds for the API, sessions for the pages, and a brake on guessing.

An `api` key reads and writes everything; a `web` key is published in browsers, so it logs conversations, feedback and
events and reads a conversation whose id it knows, no more. Keys are compared as digests, in constant time. Sessions
live in memory only: a restart signs everyone out.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import TYPE_CHECKING

from ..core.brake import FAILURES_IN_ALL, Brake
from ..errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["API", "FAILURES_IN_ALL", "SESSION_SECONDS", "SESSIONS_LIMIT", "WEB", "Brake", "Keys", "Sessions"]

API, WEB = "api", "web"

SESSION_SECONDS = 12 * 3600
#: A person has one or two; more than this and the oldest goes, so that memory stays bounded.
SESSIONS_LIMIT = 1000


class Keys:
    """The configured keys and their kinds."""

    def __init__(self, api_keys: Iterable[str], web_keys: Iterable[str]) -> None:
        self._digests = [(_digest(key), API) for key in api_keys if key]
        self._digests += [(_digest(key), WEB) for key in web_keys if key]

    def __repr__(self) -> str:
        return f"<Keys {len(self._digests)}>"

    def kind_of(self, key: str) -> str | None:
        """`api`, `web`, or None; every key is compared, so that the time taken tells nothing."""
        digest = _digest(key)
        kinds = [kind for known, kind in self._digests if hmac.compare_digest(known, digest)]
        return kinds[0] if kinds else None

    def knows(self, authorization: str) -> bool:
        """Whether an `Authorization` field's key is one of ours, whatever it may do."""
        return self.kind_of(_bearer(authorization)) is not None

    def check(self, authorization: str | None, allowed: Iterable[str]) -> str:
        """Of what kind an `Authorization` field's key is, which may do what `allowed` kinds may; `ApiError` 401 or 403."""
        key = _bearer(authorization)
        if not key:
            raise ApiError(401, "an Authorization header with a Bearer key is needed")
        kind = self.kind_of(key)
        if kind is None:
            raise ApiError(401, "the key is not known here")
        if kind not in allowed:
            raise ApiError(403, "a web key may not do this: use an api key")
        return kind


class Sessions:
    """Signed-in browsers; `clock` counts seconds and never goes back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._ends: dict[bytes, float] = {}

    def open(self) -> str:
        """A new session's token, for its cookie; only its digest is kept."""
        now = self._clock()
        self._ends = {digest: end for digest, end in self._ends.items() if end > now}
        while len(self._ends) >= SESSIONS_LIMIT:
            del self._ends[next(iter(self._ends))]
        token = secrets.token_urlsafe(32)
        self._ends[_digest(token)] = now + SESSION_SECONDS
        return token

    def is_open(self, token: str | None) -> bool:
        """Whether a cookie's token is that of a session."""
        return token is not None and self._ends.get(_digest(token), 0.0) > self._clock()

    def close(self, token: str | None) -> None:
        """Ends a session."""
        if token is not None:
            self._ends.pop(_digest(token), None)


def _bearer(authorization: str | None) -> str:
    scheme, _, key = (authorization or "").strip().partition(" ")
    return key.strip() if scheme.lower() == "bearer" else ""


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
