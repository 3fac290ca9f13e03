"""Ids: of exchanges (UUIDv7, RFC 9562 §5.7: sorted by time), conversations, and callers (a keyed hash, never the key).

Time and chance are arguments.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable


def uuid7(now_ms: int, chance: bytes) -> str:
    """A UUIDv7 of a time (unix milliseconds) and 10 random bytes, as text."""
    time = f"{now_ms & 0xFFFFFFFFFFFF:012x}"
    rest = chance.hex()
    return f"{time[:8]}-{time[8:]}-7{rest[:3]}-{'89ab'[chance[1] & 3]}{rest[4:7]}-{rest[7:19]}"


def conversation_id(given: str, *, taken: bool, chance: bytes) -> str:
    """The id of a new conversation, of 16 random bytes; a given id is used as given by the first that is given it."""
    if not given:
        return f"conv_{base64.b32encode(chance).decode().rstrip('=').lower()}"
    return f"{given}~{chance[:4].hex()}" if taken else given


def is_sampled(chance: bytes, rate: float) -> bool:
    """Whether a conversation is among the recorded share; `chance` is 8 random bytes that stay with it."""
    return int.from_bytes(chance[:8], "big") < rate * 2**64


def tenant_of(credentials: Iterable[str], secret: bytes) -> str:
    """
    Who some credentials together belong to, as 16 hex digits; empty for no credential.

    A keyed hash, since a bare one would let a guessed key be confirmed. A JWT stands for its `iss` and `sub`, so that
    a token that rotates stays one tenant; it is not verified here (the upstream does that).
    """
    subjects = list(dict.fromkeys(_subject(token) for token in map(_token, credentials) if token))
    if not subjects:
        return ""
    whose = subjects[0].encode("utf-8", "surrogateescape") if len(subjects) == 1 else orjson.dumps(subjects)
    return hmac.new(secret, whose, hashlib.sha256).hexdigest()[:16]


def _token(credential: str) -> str:
    scheme, _, token = credential.strip().partition(" ")
    return (token if scheme.lower() == "bearer" else credential).strip()


def _subject(token: str) -> str:
    parts = token.split(".")
    if len(parts) == 3 and token.startswith("ey"):
        try:
            claims = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
            if isinstance(claims, dict) and isinstance(claims.get("sub"), str):
                return f"jwt\n{claims.get('iss')}\n{claims['sub']}"
        except ValueError:
            pass  # not a JWT after all
    return token
