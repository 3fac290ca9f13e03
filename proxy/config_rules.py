"""Rules of configuration values; `config.py` names them as `Annotated[type, rule]`.

A rule is called with a value of its type and returns it, perhaps tidied, or raises `ValueError`, whose text completes
"allowed: …" and never repeats the value. Two rules look at the disk: whether a folder or a file is there.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from .core.redact import Redactor

if TYPE_CHECKING:
    from pathlib import Path

N = TypeVar("N", int, float)

#: RFC 9110 §5.6.2, `token`.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LABEL = r"[0-9A-Za-z_]([0-9A-Za-z_-]{0,61}[0-9A-Za-z_])?"
_HOST_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")
#: What may stand in a URL or a header without being taken for the end of it.
_VISIBLE = re.compile(r"[\x21-\x7e]+")
#: Headers whose values are credentials, and so must never be copied into a record.
CREDENTIAL_HEADERS = frozenset(
    ("authorization", "proxy-authorization", "cookie", "set-cookie", "api-key", "x-api-key", "x-goog-api-key")
)


@dataclass(frozen=True, slots=True)
class Range:
    """A number between two bounds, both allowed."""

    low: float
    high: float

    def __call__(self, value: N) -> N:
        """The value, when it keeps the rule."""
        if not self.low <= value <= self.high:
            kind = "a whole number" if isinstance(value, int) else "a number"
            raise ValueError(f"{kind}{self}")
        return value

    def __str__(self) -> str:
        return f" from {self.low} to {self.high}"


def host(value: str) -> str:
    """A name or an address, as it is listened on."""
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        if not _HOST_NAME.fullmatch(value):
            raise ValueError("a host name or an IP address, without scheme, brackets and port") from None
        return value.lower()


def url(value: str) -> str:
    """A base URL, without a slash at its end."""
    allowed = "http:// or https:// with a host, and no user, query, fragment or spaces"
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        if not usable or not _VISIBLE.fullmatch(value) or set("?#\\@") & set(value):
            raise ValueError(allowed)
        host(parts.hostname or "")
    except ValueError:
        raise ValueError(allowed) from None
    return value.rstrip("/")


def origin(value: str) -> str:
    """What a browser sends as `Origin`; not `*`, since it would let every page on the web in."""
    try:
        plain = url(value) == value and not urlsplit(value).path
    except ValueError:
        plain = False
    if not plain:
        raise ValueError('origins such as "https://app.example.com"')
    return value.lower()


def header_name(value: str) -> str:
    """A header's name, lower-case."""
    if not _TOKEN.fullmatch(value):
        raise ValueError("a header name")
    return value.lower()


def kept_header_name(value: str) -> str:
    """The name of a header whose value is recorded, and so is no credential."""
    name = header_name(value)
    if name in CREDENTIAL_HEADERS:
        raise ValueError("names of headers that hold no credential, since their values are recorded")
    return name


def field_path(value: str) -> str:
    """Where a value stands in a JSON body."""
    if not all(value.split(".")):
        raise ValueError('names of body fields, as "session_id" or "metadata.session_id"')
    return value


def tenant(value: str) -> str:
    """What keeps callers apart."""
    kind, _, name = value.partition(":")
    if value in ("key", "none"):
        return value
    if kind != "header" or not _TOKEN.fullmatch(name):
        raise ValueError('"key" | "none" | "header:<name>"')
    return f"header:{name.lower()}"


def patterns(value: dict[str, str]) -> dict[str, str]:
    """Names and regular expressions that redaction can use: valid, and fast on any text."""
    try:
        Redactor(value)
    except ValueError as error:
        raise ValueError(f"regular expressions that no text can make slow; {error}") from None
    return value


def database(value: str) -> str:
    """An address of a database, or nothing."""
    if value and not (value.startswith("sqlite:///") and len(value) > len("sqlite:///")):
        raise ValueError('"sqlite:///<path>", or "" for <data_dir>/analytics.db')
    return value


def folder(value: Path) -> Path:
    """A folder, or nothing yet."""
    if value.exists() and not value.is_dir():
        raise ValueError("a folder; what stands there is none")
    return value


def existing_file(value: Path) -> Path:
    """A file that is there."""
    if not value.is_file():
        raise ValueError("a file that is there")
    return value
