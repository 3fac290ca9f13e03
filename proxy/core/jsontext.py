"""JSON as servers and clients really write it, read tolerantly and written so that it can be stored.

orjson reads first, five times faster. It refuses the whole document for one lone surrogate escape (an emoji cut over
two deltas), for NaN, raw control characters, a byte order mark or bytes that are not UTF-8; the standard library then
reads it. So `read` may return lone surrogates, which the joined fragments still need; `mend` pairs them up and makes a
value that orjson can write. `read` raises `ValueError` for what is no JSON; `mend`, `write` and `canonical` never raise.
"""

from __future__ import annotations

import json
from typing import Any

import orjson

#: orjson writes 254 levels at most; nothing real nests a tenth of that.
MAX_DEPTH = 100


def read(data: bytes | str) -> Any:
    """The value of a JSON text, lone surrogates left as they are; `ValueError` when it is none."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return _read_slowly(data)


def read_mended(data: bytes | str) -> Any:
    """The value of a JSON text that will not be joined with another; `ValueError` when it is none."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return mend(_read_slowly(data))


def mend(value: Any, depth: int = 0) -> Any:
    """The value with surrogates paired (lone ones become U+FFFD), too large integers as floats, cut at `MAX_DEPTH`."""
    if isinstance(value, str):
        return mend_text(value)
    if isinstance(value, int):
        return value if -(1 << 63) <= value < 1 << 64 else _as_float(value)
    if isinstance(value, (list, dict)) and depth >= MAX_DEPTH:
        return None
    if isinstance(value, list):
        return [mend(item, depth + 1) for item in value]
    if isinstance(value, dict):
        return {mend_text(key): mend(item, depth + 1) for key, item in value.items()}
    return value


def mend_text(text: str) -> str:
    """The text with its surrogates paired; lone ones become U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def written(text: str) -> dict[str, Any]:
    """An object of ours, as `write` has written it."""
    value: dict[str, Any] = orjson.loads(text)
    return value


def objects_in(values: Any) -> list[dict[str, Any]]:
    """The objects of an array; none of what is no array."""
    return [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []


def index_in(value: Any) -> int | None:
    """A number that counts something, also as some servers spell it (1.0, "1"); None for what is none."""
    if isinstance(value, str):
        return int(value) if len(value) < 10 and value.isdecimal() else None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def write(value: Any) -> str:
    """A JSON value as compact text."""
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        return orjson.dumps(mend(value)).decode()


def canonical(text: str) -> str:
    """
    One spelling for all spellings of the same JSON; a text that is no JSON comes back as it is.

    Keys sorted, no blanks, whole floats as integers (JavaScript writes 1.0 as 1). Nothing at all means `{}`: clients
    send the arguments of a call without parameters back in either form.
    """
    if not text.strip():
        return "{}"
    try:
        value = read_mended(text)
    except ValueError:
        return text
    return canonical_value(value)


def canonical_value(value: Any) -> str:
    """The canonical spelling of a value."""
    return orjson.dumps(_whole_numbers(mend(value)), option=orjson.OPT_SORT_KEYS).decode()


def _read_slowly(data: bytes | str) -> Any:
    text = data if isinstance(data, str) else data.decode("utf-8", "replace")
    try:
        return json.loads(text.removeprefix("\ufeff"), strict=False)
    except RecursionError as error:
        raise ValueError("JSON nested too deeply") from error


def _as_float(value: int) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def _whole_numbers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        return int(value)
    if isinstance(value, list):
        return [_whole_numbers(item) for item in value]
    if isinstance(value, dict):
        return {key: _whole_numbers(item) for key, item in value.items()}
    return value
