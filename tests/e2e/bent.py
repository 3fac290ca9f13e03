"""Requests that somebody has bent, as seeds tell: the tricks by which two servers come to read two different things."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random

SMUGGLED = b"GET /v1/smuggled HTTP/1.1\r\nHost: localhost\r\nX-Front: smuggled\r\n\r\n"
_BODIES = [
    b'{"a":1}',
    b"",
    b"x" * 300,
    SMUGGLED,
    b"0\r\n\r\n" + SMUGGLED,
    b"5\r\nhello\r\n0\r\n\r\n",
    b"\r\n\r\n",
    b"G",
]
_FIELDS = [
    b"Transfer-Encoding: chunked", b"Transfer-Encoding:chunked", b"Transfer-Encoding: \tchunked ", b"transfer-encoding: Chunked",
    b"Transfer-Encoding: identity", b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: chunked, identity",
    b"Transfer-Encoding: xchunked", b"Transfer-Encoding: x", b"Transfer-Encoding:", b"Transfer-Encoding: \x0bchunked",
    b"Transfer-Encoding:\r\n chunked", b"Transfer-Encoding : chunked", b" Transfer-Encoding: chunked", b"Transfer_Encoding: chunked",
    b"Transfer-Encoding\x00: chunked", b"X: y\nTransfer-Encoding: chunked", b"X: y\rTransfer-Encoding: chunked", b"TE: trailers, chunked",
    b"Content-Length: 0", b"Content-Length: 5", b"Content-Length: 05", b"Content-Length: +5", b"Content-Length: -0", b"Content-Length: 5, 5",
    b"Content-Length: 0x5", b"Content-Length: 5 5", b"Content-Length: 99999999999999999999", b"Content_Length: 5", b"Content-Length:",
    b"Connection: close", b"Connection: keep-alive, Content-Length", b"Connection: Transfer-Encoding", b"Connection: Host, Accept",
    b"Connection: upgrade\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA", b"Connection: Upgrade\r\nUpgrade: websocket",
    b"Upgrade: TLS/1.0", b"Expect: 100-continue", b"Expect: 100-continue, x", b"Host: other.test", b"Host:", b"X-Front: mine", b"x_front: mine",
    b"X-HTTP-Method-Override: DELETE", b"X-Original-URL: /admin", b"Forwarded: host=x", b"X: \xff\xfe", b"X: a\x00b", b"X\x80: y", b": y",
    b"no colon", b"X: " + b"y" * 5000, b"Max-Forwards: 0", b"Trailer: Content-Length", b"Content-Encoding: chunked", b"x-teelog-skip: 1",
    b"Range: bytes=0-1", b"If-Match: *",
]  # fmt: skip
_LINES = [
    b"%b /v1/x HTTP/1.1", b"%b  /v1/x HTTP/1.1", b"%b /v1/x  HTTP/1.1", b"%b\t/v1/x\tHTTP/1.1", b"%b /v1/x HTTP/1.0", b"%b /v1/x HTTP/1.2",
    b"%b /v1/x HTTP/0.9", b"%b /v1/x", b"%b http://localhost/v1/x HTTP/1.1", b"%b http://other.test/v1/x HTTP/1.1", b"%b /v1/../x HTTP/1.1",
    b"%b /v1/%%2e%%2e/x HTTP/1.1", b"%b //localhost/v1/x HTTP/1.1", b"%b /v1/x?a=b HTTP/1.1#c HTTP/1.1", b"%b /v1/x\x80 HTTP/1.1", b"%b * HTTP/1.1",
    b"%b /v1/x HTTP/1.1 ", b"\r\n%b /v1/x HTTP/1.1", b"%b /v1/x\\y HTTP/1.1", b"%b /v1/x%%0d%%0aX:y HTTP/1.1", b"%b /v1/x;a=b HTTP/1.1",
]  # fmt: skip
_METHODS = [
    b"GET",
    b"POST",
    b"PUT",
    b"HEAD",
    b"OPTIONS",
    b"DELETE",
    b"PATCH",
    b"TRACE",
    b"CONNECT",
    b"PRI",
    b"get",
    b"G\x00T",
    b"QUERY",
]
_SPICE = [b"\r", b"\n", b"\r\n", b"\x00", b"\x0b", b" ", b"\t", b":", b";", b",", b"0", b"\xff", b"\r\n\r\n", b"%"]


def bent(rng: random.Random) -> bytes:
    """One request, or what is left of it."""
    body = rng.choice(_BODIES)
    fields = [b"Host: localhost"]
    if rng.random() < 0.5:
        fields.append(b"Transfer-Encoding: chunked")
        body = _chunks(body, rng)
    elif body or rng.random() < 0.5:
        fields.append(b"Content-Length: %d" % max(0, len(body) + rng.choice([0] * 8 + [1, -1, 5])))
    for _ in range(rng.randrange(3)):
        fields.insert(rng.randrange(len(fields) + 1), rng.choice(_FIELDS))
    line = (rng.choice(_LINES) if rng.random() < 0.4 else _LINES[0]) % rng.choice(
        _METHODS if rng.random() < 0.3 else [b"POST"]
    )
    if rng.random() < 0.3:
        line = line.replace(b"/v1/x", b"/v1/chat/completions")  # whose body is read before it is sent on
    message = b"\r\n".join((line, *fields, b"", body))
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        message = _spiced(message, rng)
    return message


def _chunks(body: bytes, rng: random.Random) -> bytes:
    size = b"%x" % (len(body) + rng.choice([0] * 8 + [1, -1, 2]) if body else 1)
    size = rng.choice(
        [size] * 6
        + [
            size.upper(),
            b"0" + size,
            b"0x" + size,
            b"+" + size,
            size + b" ",
            b" " + size,
            size + b";a=b",
            size + b";\n",
        ]
    )
    end = rng.choice(
        [b"0\r\n\r\n"] * 8
        + [
            b"0\r\nContent-Length: 5\r\n\r\n",
            b"0\r\nX: y\r\n\r\n",
            b"0\r\nX-Front: trailer\r\n\r\n",
            b"0\n\n",
            b"0\r\n",
            b"00\r\n\r\n",
            b"0;x\r\n\r\n",
        ]
    )
    after = rng.choice([b"\r\n"] * 8 + [b"\n", b"", b"\r", b"XX"])
    return size + b"\r\n" + body + after + end if body else end


def _spiced(message: bytes, rng: random.Random) -> bytes:
    """A byte or two more, fewer or other ones."""
    at = rng.randrange(len(message))
    return message[:at] + rng.choice([rng.choice(_SPICE), b""]) + message[at + rng.randrange(2) :]
