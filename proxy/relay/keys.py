"""Whose key goes where: client keys open this proxy and never go upstream; the upstream's key is added here.

A client shows its key as `Authorization: Bearer`, as `api-key` or `x-api-key` (Azure's and Anthropic's clients), or, when
it has a key of its own for the upstream as well, as `x-teelog-key`; a browser's WebSocket among its subprotocols. Keys are
compared by digest, so that a comparison's time tells nothing of them.
"""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from ..core.brake import KeyBrake
from ..errors import RequestRefused
from .handshake import offered_protocols

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ..config import Upstream as UpstreamConfig
    from .headers import RawHeaders

_CLIENT_KEY_FIELDS = (b"x-teelog-key", b"authorization", b"api-key", b"x-api-key")
#: Where a caller's key for an upstream may stand: with one of these an upstream is not given ours as well.
_UPSTREAM_KEY_FIELDS = frozenset((b"authorization", b"api-key", b"x-api-key", b"x-goog-api-key"))


class KeyRing:
    """A set of keys that callers may show."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = {_digest(key.encode()) for key in keys}

    def __bool__(self) -> bool:
        return bool(self._digests)

    def shows(self, value: bytes) -> bool:
        """Whether a field's value shows one of them."""
        return _digest(_token(value)) in self._digests

    def has(self, key: bytes) -> bool:
        """Whether it is one of them."""
        return _digest(key) in self._digests

    def fields_of(self, headers: RawHeaders) -> frozenset[bytes]:
        """The lower-case names of the fields that show one of the keys; empty for a caller without."""
        return frozenset(
            lower for name, value in headers if (lower := name.lower()) in _CLIENT_KEY_FIELDS and self.shows(value)
        )


#: Where a browser, which cannot set fields of a WebSocket, puts its key (platform.openai.com, Realtime with WebSocket).
_KEY_PROTOCOL = b"openai-insecure-api-key."


class Guard:
    """A brake on guessing keys, of whichever ring."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._brake = KeyBrake(clock)

    def admit(self, headers: RawHeaders, fields: frozenset[bytes], who: str) -> None:
        """Note that a caller has shown a right key, in these `fields`; `RequestRefused` 429 for one who has to wait."""
        key = b"\0".join(value for name, value in headers if name.lower() in fields)
        if self._brake.wait_for(who, key):
            raise RequestRefused(429, TOO_MANY_WRONG, "rate_limit_exceeded")
        self._brake.passed(who, key)

    def refuse(self, headers: RawHeaders, who: str) -> int:
        """Note that a caller was refused, if it has shown a key; seconds until another is looked at."""
        shown = [value for name, value in headers if name.lower() in _CLIENT_KEY_FIELDS]
        shown += [one for one in offered_protocols(headers) if one.startswith(_KEY_PROTOCOL)]
        return self._brake.failed(who, b"\0".join(shown)) if shown else 0


TOO_MANY_WRONG = "too many wrong keys came from there: wait a minute"


class Credentials:
    """What is taken out of a request and added to it on the way to one upstream."""

    def __init__(self, config: UpstreamConfig, client_keys: KeyRing, guard: Guard) -> None:
        self._client_keys = client_keys
        self._guard = guard
        field = config.api_key_header.lower().encode("ascii")
        self._theirs = _UPSTREAM_KEY_FIELDS | {field}
        self._replace = config.api_key_mode == "replace"
        self._added: tuple[bytes, bytes] | None = None
        if config.api_key is not None:
            secret = config.api_key.reveal().encode()
            scheme = b"Bearer " if field == b"authorization" else b""
            self._added = (config.api_key_header.encode("ascii"), scheme + secret)
        #: Nothing to do for any request.
        self.plain = self._added is None and not client_keys
        #: Whether a caller must show a key of ours.
        self.asks_for_key = bool(client_keys)

    def rules(self, headers: RawHeaders, who: str) -> tuple[frozenset[bytes], tuple[tuple[bytes, bytes], ...]]:
        """The lower-case names to drop and the fields to add; 401 for a caller (`who`: its address) without a client key."""
        drop: set[bytes] = set()
        if self._client_keys:
            drop |= self._client_keys.fields_of(headers)
            if not drop:
                raise RequestRefused(401, "this proxy asks for one of its client keys", "invalid_api_key")
            self._guard.admit(headers, frozenset(drop), who)
        if self._added is None:
            return frozenset(drop), ()
        if self._replace:
            drop |= self._theirs
        elif any((lower := name.lower()) in self._theirs and lower not in drop for name, _ in headers):
            return frozenset(drop), ()  # the client brought its own
        return frozenset(drop), (self._added,)

    def handshake_rules(
        self, headers: RawHeaders, who: str
    ) -> tuple[frozenset[bytes], tuple[tuple[bytes, bytes], ...]]:
        """`rules` for a WebSocket's handshake, in which a key may stand among the subprotocols."""
        offers = offered_protocols(headers)
        shown = {one: one.removeprefix(_KEY_PROTOCOL) for one in offers if one.startswith(_KEY_PROTOCOL)}
        if not shown or self.plain:
            return self.rules(headers, who)
        ours = {one for one, key in shown.items() if self._client_keys.has(key)}
        # as if they stood in fields of their own
        shown_fields = ((b"x-teelog-key" if one in ours else b"x-goog-api-key", key) for one, key in shown.items())
        drop, add = self.rules((*headers, *shown_fields), who)
        stop = shown.keys() if self._replace and self._added is not None else ours
        if rest := [one for one in offers if one not in stop]:
            add = ((b"Sec-WebSocket-Protocol", b", ".join(rest)), *add)
        return drop | {b"sec-websocket-protocol"}, add


def _token(value: bytes) -> bytes:
    scheme, _, token = value.partition(b" ")
    return token.strip() if scheme.lower() == b"bearer" else value


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
