"""Browsers ask before they send."""

from __future__ import annotations

import pytest

from proxy.config import Secret
from tests.raw import Pieces, send
from tests.relay.conftest import relay

OK = Pieces([b"HTTP/1.1 204 No Content\r\nAccess-Control-Allow-Origin: *\r\n\r\n"])
KEYS = {"client_keys": (Secret("client-key"),)}
ASKS = "Access-Control-Request-Method: POST"
NAMES = "Access-Control-Request-Headers: authorization,content-type"

PREFLIGHTS = {
    # what is configured, its fields -> status, the allowed origin, whether the upstream is asked
    "of a page of this machine": (KEYS, ("Origin: http://localhost:3000", ASKS, NAMES), 204, "http://localhost:3000", False),
    "of a named page": (
        KEYS | {"cors_origins": ("https://app.test",)}, ("Origin: https://app.test", ASKS), 204, "https://app.test", False,
    ),
    "of a foreign page": (KEYS, ("Origin: https://evil.test", ASKS), 403, None, False),
    "of nobody": (KEYS, (ASKS,), 401, None, False),
    "that asks for nothing": (KEYS, ("Origin: http://localhost:3000",), 401, None, False),
    "where no key is asked for": ({}, ("Origin: http://localhost:3000", ASKS), 204, "*", True),
}  # fmt: skip


@pytest.mark.parametrize("name", PREFLIGHTS)
@pytest.mark.usefixtures("way")
async def test_preflights(name):
    """A preflight, which cannot show a key, is answered where one is asked for, for origins that may send; it goes no further."""
    listen, fields, status, allowed, forwarded = PREFLIGHTS[name]
    lines = "".join(f"{field}\r\n" for field in ("Host: p", "Connection: close", *fields))
    async with relay([OK], listen=listen) as world:
        got = await send(world.port, f"OPTIONS /v1/chat/completions HTTP/1.1\r\n{lines}\r\n".encode())

        assert got.status == status
        assert got.field("access-control-allow-origin") == allowed
        assert bool(world.upstream.seen) is forwarded
        if NAMES in fields:
            assert got.field("access-control-allow-methods") == "POST"
            assert got.field("access-control-allow-headers") == "authorization,content-type"
