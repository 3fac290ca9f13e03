"""Answer heads: read strictly, and made ready for the client.

Pure functions. Everything end-to-end goes to the client in its order and spelling; hop-by-hop fields, and what
`Connection` names, stop here. What two readers could take for two answers (RFC 9112 §5, §6.3) is `UpstreamBroken`.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from ..errors import UpstreamBroken
from .headers import HOP_BY_HOP

#: A head longer than this is refused (nginx allows 32 KiB, real answers stay under 8 KiB).
MAX_ANSWER_HEAD = 64 * 1024

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] [1-9][0-9][0-9](?: [^\r\n]*)?")
_TOKEN = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
#: Ours replaces an upstream's, which may be a proxy like us.
_STOPS = HOP_BY_HOP | {b"x-teelog-id"}
_READ = frozenset((b"content-length", b"content-type", b"content-encoding"))
#: Framing, or what a client cannot do without: not to be taken away by being named in Connection.
_NOT_NAMED = frozenset((b"", b"close", b"keep-alive", *_READ))


@dataclass(slots=True)
class AnswerHead:
    """An answer's head, as far as the relay needs it."""

    status: int
    #: "length", "chunked" or "close".
    framing: str
    #: Body bytes, for "length".
    length: int
    #: The upstream will not take another request on this connection.
    closes: bool
    #: An event stream whose bytes can be searched.
    events: bool
    #: What the client gets: status line and end-to-end fields as they came, without the last empty line.
    forward: bytes


def read_answer_head(head: bytes, method: str) -> AnswerHead:
    """Read an answer's head, the empty line included; `UpstreamBroken` names what is wrong with it."""
    lines = head[:-4].split(b"\r\n")
    ends = len(lines) + 1
    if (
        head.count(b"\n") != ends
        or head.count(b"\r") != ends
        or b"\x00" in head
        or not _STATUS_LINE.fullmatch(lines[0])
    ):
        raise UpstreamBroken("the upstream's answer does not begin with an HTTP/1.1 head")
    found: dict[bytes, bytes] = {}
    stopped: list[int] = []
    for at in range(1, len(lines)):
        name, colon, value = lines[at].partition(b":")
        kind = _kind(name, colon)
        if kind:
            value = value.strip(b" \t")
            if kind not in _READ or (kind in found and kind == b"content-length"):
                stopped.append(at)  # (of a length that stands there twice, once is enough)
            found[kind] = _repeated(kind, found[kind], value) if kind in found else value
    return _head(head, lines, stopped, found, method)


@functools.lru_cache(maxsize=1024)
def _kind(name: bytes, colon: bytes) -> bytes:
    """The lower-case name of a field that is read or stops here, empty for any other; upstreams send few names."""
    if not colon or not _TOKEN.fullmatch(name):
        raise UpstreamBroken("the head of the upstream's answer has a line that is no field")
    lower = name.lower()
    return lower if lower in _STOPS or lower in _READ else b""


def _repeated(kind: bytes, first: bytes, second: bytes) -> bytes:
    if kind == b"content-length" and first != second:
        raise UpstreamBroken("the upstream's answer has two different lengths")
    if kind == b"transfer-encoding":
        raise UpstreamBroken("the upstream's Transfer-Encoding is not `chunked`")
    return second if kind in (b"content-length", b"content-type") else first + b"," + second


def _head(head: bytes, lines: list[bytes], stopped: list[int], found: dict[bytes, bytes], method: str) -> AnswerHead:
    status = int(head[9:12])
    tokens = {token.strip() for token in found[b"connection"].lower().split(b",")} if b"connection" in found else set()
    framing, length = _framing(method, status, found.get(b"content-length"), found.get(b"transfer-encoding"))
    coding = found.get(b"content-encoding", b"").lower()
    forward = head[:-2]
    if stopped or tokens - _NOT_NAMED:
        named = tokens - _NOT_NAMED
        kept = [
            line
            for at, line in enumerate(lines)
            if at not in stopped and not (named and line.partition(b":")[0].lower() in named)
        ]
        forward = b"\r\n".join(kept) + b"\r\n"
    return AnswerHead(
        status=status,
        framing=framing,
        length=length,
        closes=b"close" in tokens or framing == "close" or head.startswith(b"HTTP/1.0"),
        events=coding in (b"", b"identity") and found.get(b"content-type", b"")[:17].lower() == b"text/event-stream",
        forward=forward,
    )


def _framing(method: str, status: int, length: bytes | None, coding: bytes | None) -> tuple[str, int]:
    """RFC 9112 §6.3."""
    if coding is not None and (coding.lower() != b"chunked" or length is not None):
        raise UpstreamBroken("the upstream's Transfer-Encoding is not `chunked`, or stands beside Content-Length")
    if length is not None and (not length.isdigit() or len(length) > 18):
        raise UpstreamBroken("the upstream's Content-Length is not a number")
    if method == "HEAD" or status in (204, 304) or status < 200:
        return "length", 0
    if coding is not None:
        return "chunked", 0
    if length is not None:
        return "length", int(length)
    return "close", 0
