"""The bodies of an exchange, decoded and told apart: a JSON object asked, JSON or server-sent events answered.

The path chooses the dialect; the first bytes of an answer say whether it is JSON or events, its content type only when
they do not: servers stream under `application/json` and send JSON errors under `text/event-stream`, whatever the request
said. `RecordUnreadable` names what cannot be understood.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ..errors import RecordUnreadable
from .coding import decode
from .cut_json import read_cut
from .jsontext import mend, read_mended

if TYPE_CHECKING:
    from .exchange import Exchange

#: Characters kept of an error that is no JSON (a gateway's HTML page).
ERROR_EXCERPT = 500

#: What may stand before a body: DeepSeek sends blank lines while a request waits in its queue.
_BLANK = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*")
_EVENT_FIELD = re.compile(rb"(?:data|event|id|retry)[:\r\n]|:")


def request_object(exchange: Exchange) -> dict[str, Any]:
    """The request's JSON object."""
    data, whole = decode(exchange.request, exchange.headers.get("content-encoding", ""))
    if not whole:
        raise RecordUnreadable("request body is cut or damaged under its content coding")
    try:
        body = read_mended(data)
    except ValueError as error:
        raise RecordUnreadable(f"request body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise RecordUnreadable("request body is not a JSON object")
    return body


def answer_bytes(exchange: Exchange) -> bytes:
    """The answer without its content coding, as far as it came."""
    return decode(exchange.answer, exchange.answer_headers.get("content-encoding", ""))[0]


def is_events(data: bytes, content_type: str) -> bool:
    """Whether an answer is server-sent events."""
    start = _BLANK.match(data)
    assert start is not None
    at = start.end()
    if data[at : at + 1] in (b"{", b"["):
        return False
    return _EVENT_FIELD.match(data, at) is not None or content_type.lower().startswith("text/event-stream")


def answer_object(data: bytes) -> dict[str, Any] | None:
    """An answer's JSON object; None when it is none. Gemini wraps its errors into a list of one."""
    try:
        value = read_mended(data.lstrip())
    except ValueError:
        return None
    return _object_in(value)


def cut_object(data: bytes) -> dict[str, Any] | None:
    """The JSON object of an answer of which the end did not come, as far as it came; None when it is none."""
    try:
        return _object_in(mend(read_cut(data.decode("utf-8", "replace").lstrip("\ufeff \t\r\n"))))
    except ValueError:
        return None


def _object_in(value: Any) -> dict[str, Any] | None:
    if isinstance(value, list) and value:
        value = value[0]
    return value if isinstance(value, dict) else None


def error_in(chunk: dict[str, Any], event: str = "") -> Any | None:
    """The error that an answer or an event reports, in the forms servers use; None when it reports none."""
    if error := chunk.get("error"):
        return mend(error)
    named = "error" in (event, chunk.get("object"), chunk.get("type"))
    return mend(chunk) if named and "choices" not in chunk else None


def refusal_in(data: bytes) -> Any | None:
    """The error in the body of an answer with status 400 and over, whatever its form."""
    value = answer_object(data)
    if value is not None:
        return mend(value.get("error") or value)
    return data[: 4 * ERROR_EXCERPT].decode("utf-8", "replace").strip()[:ERROR_EXCERPT] or None
