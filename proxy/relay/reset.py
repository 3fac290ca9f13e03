"""A connection's end that nobody takes for the end of a body. Nothing here fails."""

from __future__ import annotations

import socket
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

#: `struct linger`: on, and nothing is waited for.
_AT_ONCE = struct.pack("ii", 1, 0)


def reset_on_close(transport: asyncio.Transport) -> None:
    """
    Make the coming close a reset.

    Where the close is the end of the body, only a reset can tell a cut answer from a whole one.
    """
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
