"""Answer heads: read strictly, and made ready for the client.

Pure functions. Everything end-to-end goes to the client in its order and spelling; hop-by-hop fields, and what
`Connection` names, stop here. What two readers could take for two answers (RFC 9112 §5, §6.3) is `UpstreamBroken`.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..errors import UpstreamBroken
from .headers import HOP_BY_HOP, is_length

#: A head longer than this is refused (nginx allows 32 KiB, real answers stay under 8 KiB).
MAX_ANSWER_HEAD = 64 * 1024

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_HEAD = re.compile(rb"HTTP/1\.[01] [1-9][0-9][0-9](?: [^\r\n\x00]*+)?+\r\n(?:" + _TOKEN + rb":[^\r\n\x00]*+\r\n)*+\r\n")
#: Ours replaces an upstream's, which may be a proxy like us.
STOPS = HOP_BY_HOP | {b"x-teelog-id"}
READ = frozenset((b"content-length", b"content-type", b"content-encoding"))
#: The fields that are read or stop here, in a head in lower case.
_FOUND = re.compile(rb"\r\n(" + b"|".join(map(re.escape, sorted(STOPS | READ))) + rb"):[ \t]*+([^\r\n]*)")
#: Framing, or what a client cannot do without: not to be taken away by being named in Connection.
_NOT_NAMED = frozenset((b"", b"close", b"keep-alive", *READ))
_NOTHING: frozenset[bytes] = frozenset()
_EVENTS = b"text/event-stream"


class AnswerHead(NamedTuple):
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
    if not _HEAD.fullmatch(head):
        raise UpstreamBroken("the upstream's answer does not begin with an HTTP/1.1 head")
    found: dict[bytes, bytes] = {}
    stopped: list[tuple[int, int]] = []
    for field in _FOUND.finditer(head.lower()):
        name, value = field.groups()
        value = value.rstrip(b" \t")
        if name not in READ or (name in found and name == b"content-length"):
            stopped.append(field.span())  # (of a length that stands there twice, once is enough)
        found[name] = _repeated(name, found[name], value) if name in found else value
    return _read(head, stopped, found, method)


def _repeated(name: bytes, first: bytes, second: bytes) -> bytes:
    if name == b"content-length" and first != second:
        raise UpstreamBroken("the upstream's answer has two different lengths")
    if name == b"transfer-encoding":
        raise UpstreamBroken("the upstream's Transfer-Encoding is not `chunked`")
    return second if name in (b"content-length", b"content-type") else first + b"," + second


def _read(head: bytes, stopped: list[tuple[int, int]], found: dict[bytes, bytes], method: str) -> AnswerHead:
    status = int(head[9:12])
    tokens = named = _NOTHING
    if b"connection" in found:
        tokens = frozenset(token.strip() for token in found[b"connection"].split(b","))
        named = tokens - _NOT_NAMED
    framing, length = _framing(method, status, found.get(b"content-length"), found.get(b"transfer-encoding"))
    closes = b"close" in tokens or framing == "close" or head.startswith(b"HTTP/1.0")
    events = found.get(b"content-type", b"").startswith(_EVENTS) and (
        found.get(b"content-encoding", b"") in (b"", b"identity")
    )
    forward = _going_on(head, stopped, named) if stopped or named else head[:-2]
    return AnswerHead(status, framing, length, closes, events, forward)


def _going_on(head: bytes, stopped: list[tuple[int, int]], named: frozenset[bytes]) -> bytes:
    """The head without what stops here, and without its last empty line."""
    ends = [0, *(end for _, end in stopped)]
    starts = [*(start for start, _ in stopped), len(head) - 2]
    kept = b"".join(head[end:start] for end, start in zip(ends, starts, strict=True))
    if named:
        first, *lines = kept[:-2].split(b"\r\n")
        lines = [line for line in lines if line.partition(b":")[0].lower() not in named]
        kept = b"\r\n".join((first, *lines, b""))
    return kept


def _framing(method: str, status: int, length: bytes | None, coding: bytes | None) -> tuple[str, int]:
    """RFC 9112 §6.3; `coding` is in lower case."""
    if coding is not None and (coding != b"chunked" or length is not None):
        raise UpstreamBroken("the upstream's Transfer-Encoding is not `chunked`, or stands beside Content-Length")
    if length is not None and not is_length(length):
        raise UpstreamBroken("the upstream's Content-Length is not a number")
    if method == "HEAD" or status in (204, 304) or status < 200:
        return "length", 0
    if coding is not None:
        return "chunked", 0
    if length is not None:
        return "length", int(length)
    return "close", 0
