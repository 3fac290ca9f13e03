"""Credentials taken out of what quotes them, letter for letter, as they stand in a body or a field."""

from __future__ import annotations

import functools
import re

from .framing import chunk_size

#: What some JSON is known to spell otherwise: by its number (.NET, Gson, Go), a slash with a backslash before it (PHP).
_SPELLED = frozenset(b"+/=&<>'`")
#: In up to so many bytes a credential is looked for as it is, which takes a third of the time, or seven times as long
#: where the letters are alike.
_SHORT = 64 * 1024


class Finder:
    """Looks for a credential in whatever spelling, and in a long text at one pace, whatever stands there."""

    __slots__ = ("_pattern", "_plain")

    def __init__(self, secret: bytes) -> None:
        self._pattern = re.compile(
            b"".join(_spelled(byte) if byte in _SPELLED else re.escape(bytes((byte,))) for byte in secret)
        )
        #: Where it has one spelling only.
        self._plain = secret if _SPELLED.isdisjoint(secret) else b""

    def is_in(self, text: bytes) -> bool:
        """Whether it stands there."""
        plain = self._plain
        if plain and len(text) <= _SHORT:
            return text.find(plain) >= 0
        return self._pattern.search(text) is not None

    def blanked(self, text: bytes) -> bytes:
        """The text without it, as long as it was."""
        return self._pattern.sub(lambda found: b"*" * len(found[0]), text)


@functools.lru_cache(maxsize=1024)
def finder(secret: bytes) -> Finder:
    """The finder of a credential; few of them are used again and again."""
    return Finder(secret)


def _spelled(byte: int) -> bytes:
    slash = rb"|\\/" if byte == ord("/") else b""
    return rb"(?:%b|\\u00(?i:%02x)%b)" % (re.escape(bytes((byte,))), byte, slash)


def blank(text: str, secrets: tuple[bytes, ...]) -> str:
    """A field's value without these credentials."""
    for secret in secrets:
        text = text.replace(secret.decode("utf-8", "replace"), "***")
    return text


def quotes(text: bytes, secrets: tuple[bytes, ...]) -> bool:
    """Whether one of these credentials stands in a few bytes, as it is."""
    for secret in secrets:  # noqa: SIM110 - in a third of the time: every exchange is asked
        if text.find(secret) >= 0:
            return True
    return False


def is_cut_by_a_chunk(body: bytes, secrets: tuple[bytes, ...]) -> bool:
    """
    Whether one of these credentials begins in one chunk of a body and ends in another; looks at their borders alone.

    Not for events, which come in chunks of their own, hundreds of them.
    """
    longest = 6 * max(map(len, secrets), default=0)  # a byte may be spelled in six
    before, at = b"", 0
    while (end := body.find(b"\r\n", at)) >= 0:
        try:
            size = chunk_size(body[at:end])
        except ValueError:
            return False
        begin, at = end + 2, end + 2 + size + 2
        border = before + body[begin : min(begin + longest, begin + size)]
        if before and any(finder(secret).is_in(border) for secret in secrets):
            return True
        before = border[-longest:] if size <= longest else body[begin + size - longest : begin + size]
        if not size:
            return False
    return False
