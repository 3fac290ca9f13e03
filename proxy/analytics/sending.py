"""A file of CSV on its way to who asked for it: its length first, so that a browser shows how far it is, then its pieces."""

from __future__ import annotations

import asyncio
import os
from typing import IO

from aiohttp import web

#: Bytes that are read and sent at once.
CHUNK = 256 * 1024


async def send_csv(request: web.Request, file: IO[bytes], name: str, seconds: float) -> web.StreamResponse:
    """The file as CSV, a piece at a time; a client that leaves, or hardly reads, is left."""
    response = web.StreamResponse(headers={"Content-Disposition": f'attachment; filename="{name}"'})
    response.content_type = "text/csv"
    response.charset = "utf-8"
    response.content_length = await asyncio.to_thread(_length, file)
    try:
        async with asyncio.timeout(seconds):
            await response.prepare(request)
            while piece := await asyncio.to_thread(file.read, CHUNK):
                await response.write(piece)
            await response.write_eof()
    except (ConnectionError, TimeoutError):
        if request.transport is not None:
            request.transport.abort()  # so that nobody takes half a file for a whole one
    return response


def _length(file: IO[bytes]) -> int:
    length = file.seek(0, os.SEEK_END)
    file.seek(0)
    return length
