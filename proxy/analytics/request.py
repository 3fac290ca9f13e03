"""What a request brings: its body, bounded in size and time, and the id in its path."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qs, unquote

from aiohttp import web

from ..core.fields import read_json
from ..errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

#: A client that has not sent its body by then holds a connection for nothing.
BODY_SECONDS = 60.0
#: A form of ours has a key, an address, a few words; nothing of this size.
FORM_LIMIT = 16 * 1024
FORM_FIELDS = 100
#: A larger body is read in a thread: tens of thousands of tiny messages would hold everybody up for seconds.
AT_ONCE_BYTES = 64 * 1024


async def read_body(request: web.Request, limit: int) -> bytes:
    """The body; 413 as soon as it says that it is over `limit` bytes, 415 for a content coding, 408 for a slow one."""
    coding = request.headers.get("Content-Encoding", "").strip().lower()
    if coding not in ("identity", ""):
        raise ApiError(415, f"a body in the coding {coding[:40]!r} is not read: send it plain")
    if (request.content_length or 0) > limit:
        raise ApiError(413, f"the body is larger than {limit} bytes")
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except web.RequestPayloadError as error:
        raise ApiError(400, "the body is not framed as HTTP/1.1 asks") from error
    except TimeoutError as error:
        raise ApiError(408, f"the body did not come within {BODY_SECONDS:.0f} seconds") from error


async def read_checked(request: web.Request, limit: int, check: Callable[[Any], T]) -> T:
    """What `check`, which is pure, makes of the JSON in the body; `ApiError` as from `read_body`, `read_json` and `check`."""
    raw = await read_body(request, limit)
    if len(raw) <= AT_ONCE_BYTES:
        return check(read_json(raw))
    return await asyncio.to_thread(lambda: check(read_json(raw)))


async def read_form(request: web.Request) -> dict[str, str]:
    """The fields of a form, the first of each name; `ApiError` as from `read_body`, 400 for too many of them."""
    text = (await read_body(request, FORM_LIMIT)).decode("utf-8", "replace")
    try:
        fields = parse_qs(text, max_num_fields=FORM_FIELDS)
    except ValueError as error:
        raise ApiError(400, f"the form has more than {FORM_FIELDS} fields") from error
    return {name: values[0] for name, values in fields.items()}


def path_id(request: web.Request, place: int = -1) -> str:
    """The id in one of a path's segments (`/`, then 1), decoded after it was cut out (`a%2Fb` is one id).

    `ApiError` 404 for what is none.
    """
    segment = request.raw_path.partition("?")[0].split("/")[place]
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError as error:
        raise ApiError(404, "the id in the path is not UTF-8") from error
