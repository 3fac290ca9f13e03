"""Configuration values: how one is read out of TOML or text, and how it is shown.

`read` is driven by the types in `config.py`, and calls the rules of `config_rules.py` that they name. Whatever does not
fit raises `ValueError`, whose text completes "allowed: …" and never repeats the value, since that may be a secret.
`show` gives a value as TOML would have it, secrets as `***`.
"""

from __future__ import annotations

import json
import re
from hmac import compare_digest
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from .config_rules import Range

#: Where a URL may hold a credential: its user, its query, its fragment.
_PRIVATE = re.compile(r"(?<=://)[^/?#\s]*@|(?<=[?#])\S+")
_TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
#: Longer values are cut when they are shown.
_SHOWN = 200


class Secret:
    """A key or a token; prints as `***`, compares in constant time."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself, for the one place that must send or compare it."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))


# Reading and showing


def read(raw: Any, wanted: Any) -> Any:
    """A TOML value as the type `wanted` (as in `config.py`); `ValueError` says what is allowed."""
    kind, arguments = get_origin(wanted), get_args(wanted)
    if kind is Annotated:
        try:
            value = read(raw, arguments[0])
        except ValueError as error:
            bounds = next((str(rule) for rule in arguments[1:] if isinstance(rule, Range)), "")
            raise ValueError(f"{error}{bounds}") from None
        for rule in arguments[1:]:
            value = rule(value)
        return value
    if kind in (Union, UnionType):
        return None if raw == "" else read(raw, _present(wanted))
    if kind is Literal:
        if raw not in arguments:
            raise ValueError(" | ".join(f'"{choice}"' for choice in arguments))
        return raw
    if kind is tuple:
        if not isinstance(raw, list):
            raise ValueError("a list")
        return tuple(read(one, arguments[0]) for one in raw)
    if kind is dict:
        if not isinstance(raw, dict) or not all(isinstance(one, str) for one in raw.values()):
            raise ValueError("a table of strings")
        return dict(raw)
    return _read_plain(raw, wanted)


#: No setting is so large, and any number of this size is a float, too.
LARGEST = 2**63


def _read_plain(raw: Any, wanted: type) -> Any:
    if wanted is bool:
        if not isinstance(raw, bool):
            raise ValueError("true or false")
        return raw
    if wanted in (int, float):
        number = isinstance(raw, wanted) or (wanted is float and isinstance(raw, int))
        if not number or isinstance(raw, bool) or not -LARGEST <= raw <= LARGEST:  # (NaN is not)
            raise ValueError("a whole number" if wanted is int else "a number")
        return wanted(raw)
    if not isinstance(raw, str) or "\x00" in raw:
        raise ValueError("a string")
    if wanted is Secret:
        # A key out of a mounted file often ends with a line feed.
        raw = raw.strip()
        if not raw.isascii() or not raw.isprintable() or not raw:
            raise ValueError("a key of printable ASCII characters, not empty")
    if wanted is Path and not raw:
        raise ValueError("a path")
    return wanted(raw)


def parse(text: str, wanted: Any) -> Any:
    """A value out of the environment or a flag, in the form that TOML would have given it."""
    kind = get_origin(wanted)
    if kind is Annotated:
        return parse(text, get_args(wanted)[0])
    if kind in (Union, UnionType):
        return parse(text, _present(wanted))
    if wanted is bool:
        return _TRUTH.get(text.strip().lower(), text)
    if wanted in (int, float):
        try:
            return wanted(text)
        except ValueError:
            return text
    if kind in (tuple, dict) and text.lstrip().startswith(("[", "{")):
        try:
            return json.loads(text)
        except ValueError:
            return text
    if kind is tuple:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _present(optional: Any) -> Any:
    """`X` of `X | None`."""
    return next(one for one in get_args(optional) if one is not NoneType)


def is_secret(wanted: Any) -> bool:
    """Whether values of this type are, or hold, secrets."""
    return wanted is Secret or any(is_secret(one) for one in get_args(wanted))


def show(value: Any) -> str:
    """A value as TOML would have it, on one line, without secrets; `-` where there is none."""
    if value is None:
        return "-"
    if isinstance(value, Secret):
        return "***"
    if isinstance(value, list | tuple):
        return f"[{', '.join(show(one) for one in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name} = {show(one)}' for name, one in value.items())}}}"
    if isinstance(value, str | Path):
        text = str(value)
        text = _PRIVATE.sub("***", text) if "://" in text else text
        value = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
    return json.dumps(value, ensure_ascii=not str(value).isprintable(), default=str)
