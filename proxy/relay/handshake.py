"""A WebSocket's handshake: which request asks for one, what it must look like, and which answer is a clean one.

Pure functions (RFC 6455 §4). A request that only half asks, or that two servers could read in two ways, is refused with
`RequestRefused`; an answer that switches without answering this very handshake is `UpstreamBroken`.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

from ..errors import RequestRefused, UpstreamBroken

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The last segments of paths that speak WebSocket: the Realtime API, and Responses' WebSocket mode.
_PATHS = ("/realtime", "/responses")
#: What goes upstream beside the client's own fields.
SWITCH = ((b"Connection", b"Upgrade"), (b"Upgrade", b"websocket"))

_KEY = re.compile(rb"[A-Za-z0-9+/]{22}==")
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # §1.3
_JUDGED = re.compile(
    rb"\r\n(upgrade|connection|sec-websocket-accept|content-length|transfer-encoding):([^\r\n]*)", re.IGNORECASE
)


def asks_to_switch(method: str, version: tuple[int, int], upgrade: bytes, connection: bytes, *, has_body: bool) -> bool:
    """Whether a request with these fields opens a WebSocket; `RequestRefused` for one that only half does."""
    # other offers are passed over (RFC 9110 §7.8): Java's client makes one of h2c with every first request
    if b"websocket" not in upgrade.lower() or b"upgrade" not in connection.lower():
        return False
    if has_body:
        raise RequestRefused(400, "a WebSocket handshake has no body")
    if method != "GET" or version != (1, 1) or upgrade.lower() != b"websocket":
        raise RequestRefused(501, "WebSocket alone is relayed, asked for with GET", "upgrade_not_supported")
    return True


def expected_accept(target: str, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """What a handshake must be answered with; `RequestRefused` where there is none, or not here."""
    if not target.partition("?")[0].endswith(_PATHS):
        raise RequestRefused(501, "WebSocket is relayed at …/realtime and …/responses alone", "upgrade_not_supported")
    keys = [value for name, value in headers if name.lower() == b"sec-websocket-key"]
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        raise RequestRefused(400, "a WebSocket handshake has one Sec-WebSocket-Key, of 16 bytes in base64")
    # SHA-1 is what the protocol says; nothing is kept safe by it
    return base64.b64encode(hashlib.sha1(keys[0] + _MAGIC, usedforsecurity=False).digest())


def check_switch(head: bytes, accept: bytes) -> None:
    """Refuse a 101 that does not answer this handshake (§4.1), or is framed as if a body followed: `UpstreamBroken`."""
    found: dict[bytes, bytes] = {}
    for name, value in _JUDGED.findall(head):
        lower = name.lower()
        found[lower] = found[lower] + b"," + value.strip() if lower in found else value.strip()
    tokens = {token.strip() for token in found.get(b"connection", b"").lower().split(b",")}
    if (
        not head.startswith(b"HTTP/1.1 ")
        or found.get(b"upgrade", b"").lower() != b"websocket"
        or b"upgrade" not in tokens
        or found.get(b"sec-websocket-accept") != accept
        or b"content-length" in found
        or b"transfer-encoding" in found
    ):
        raise UpstreamBroken("the upstream's 101 does not answer the WebSocket handshake")


def offered_protocols(headers: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
    """The subprotocols that a handshake offers, in order."""
    fields = [value for name, value in headers if name.lower() == b"sec-websocket-protocol"]
    return [one for one in (part.strip() for value in fields for part in value.split(b",")) if one]
