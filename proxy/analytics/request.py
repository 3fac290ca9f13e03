"""What a request brings: its body, bounded in size and time, and the id in its path."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, unquote

from aiohttp import web

from ..errors import ApiError

#: A client that has not sent its body by then holds a connection for nothing.
BODY_SECONDS = 60.0
#: A form of ours has a key, an address, a few words; nothing of this size.
FORM_LIMIT = 16 * 1024


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


async def read_form(request: web.Request) -> dict[str, str]:
    """The fields of a form, the first of each name; `ApiError` as from `read_body`."""
    fields = parse_qs((await read_body(request, FORM_LIMIT)).decode("utf-8", "replace"), max_num_fields=100)
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
