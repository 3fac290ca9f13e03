"""Request heads: which fields pass, which stop, which are added; and which requests are no requests at all.

Pure functions. Towards the upstream everything end-to-end goes on in its order and spelling; what RFC 9110 §7.6.1 calls
hop-by-hop, and what `Connection` names, stops here. What two servers could read in two ways (RFC 9112 §6.3, §11) is
refused with `RequestRefused`. `answer_head.py` does the same for answers.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from ..errors import RequestRefused
from .handshake import asks_to_switch
from .limits import HEAD_TOO_LARGE, MAX_HEAD

if TYPE_CHECKING:
    from collections.abc import Sequence

RawHeaders = tuple[tuple[bytes, bytes], ...]

#: RFC 9110 §7.6.1, and `Proxy-Connection` that old clients send.
HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te", b"trailer",
     b"transfer-encoding", b"upgrade")
)  # fmt: skip
#: Request fields that are made anew, besides: the upstream's name, and an expectation that we meet ourselves.
_NOT_SENT_ON = HOP_BY_HOP | {b"host", b"expect"}
_OURS = b"x-teelog-"

_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~\-]+)(?::[0-9]{0,5})?")
_FORBIDDEN_IN_PATH = re.compile(rb"[\x00-\x1f\x7f\\]")
_FORBIDDEN_IN_TARGET = re.compile(r"[^\x21-\x7e]|#|\\")


#: What a reverse proxy adds: behind one on this machine, everybody comes from loopback.
_FORWARDED = frozenset((b"forwarded", b"x-forwarded-for"))


@dataclass(slots=True)
class RequestHead:
    """A request's head, checked."""

    method: str
    #: In origin form, byte for byte as it came; `*` for `OPTIONS *` alone.
    target: str
    #: As they came.
    headers: RawHeaders
    #: What goes on of them, as lines; empty when that has to be worked out (`connection` names fields).
    lines: list[bytes]
    #: What Connection says, lower-case.
    connection: bytes
    host: str
    chunked: bool
    #: None where none was sent.
    content_length: int | None
    expects_continue: bool
    #: `x-teelog-hop`, as it came; empty where there is none.
    hops: bytes
    #: `x-teelog-skip: 1`.
    skip: bool
    #: It opens a WebSocket.
    switches: bool
    #: Of the page that sent it; empty where none is told.
    origin: str

    @property
    def is_json(self) -> bool:
        """Whether the body says that it is JSON (RFC 8259; RFC 6839 §3.1)."""
        kind = next((value for name, value in self.headers if name.lower() == b"content-type"), b"")
        kind = kind.partition(b";")[0].strip().lower()
        return kind == b"application/json" or kind.endswith(b"+json")

    @property
    def was_forwarded(self) -> bool:
        """Whether a reverse proxy says that it has come from somewhere else."""
        return any(name.lower() in _FORWARDED for name, _ in self.headers)


def read_request_head(method: str, version: tuple[int, int], target: str, headers: RawHeaders) -> RequestHead:
    """The head of a request that may go on; `RequestRefused` says what is wrong with any other."""
    if version not in _VERSIONS:
        raise RequestRefused(505, "HTTP/1.0 and HTTP/1.1 are spoken here", "http_version_not_supported")
    if method in ("CONNECT", "TRACE"):
        raise RequestRefused(405, f"{method} is not forwarded", "method_not_allowed")
    lines: list[bytes] = []
    special: dict[bytes, bytes] = {}
    size = len(method) + len(target) + _LINE
    for name, value in headers:  # once, since this runs for every request
        size += len(name) + len(value) + 4
        lower = _special(name)
        if lower:
            if lower in special:
                if lower in _SINGLE:
                    raise RequestRefused(400, f"{lower.decode()} stands there twice")
                value = special[lower] + b"," + value  # noqa: PLW2901 - a list over several lines (RFC 9110 §5.3)
            special[lower] = value
            if lower not in _PASSES:
                continue
        lines += (name, b": ", value, b"\r\n")
    if size > MAX_HEAD:
        raise RequestRefused(*HEAD_TOO_LARGE)
    host = special.get(b"host")
    _check_special(special, host, version)
    length = special.get(b"content-length")
    connection = special.get(b"connection", b"").lower()
    switches = b"upgrade" in special and asks_to_switch(
        method, version, special[b"upgrade"], connection, has_body=length is not None or b"transfer-encoding" in special
    )
    return RequestHead(
        method=method,
        target=target if target == "*" and method == "OPTIONS" else _origin_form(target, host),
        headers=headers,
        lines=[] if connection not in _PLAIN_CONNECTION else lines,
        connection=connection,
        host="" if host is None else host.decode("ascii"),
        chunked=b"transfer-encoding" in special,
        content_length=None if length is None else int(length),
        expects_continue=b"expect" in special and version == (1, 1),
        hops=special.get(b"x-teelog-hop", b""),
        skip=special.get(b"x-teelog-skip", b"").strip() == b"1",
        switches=switches,
        origin=special.get(b"origin", b"").decode("latin-1"),
    )


@functools.lru_cache(maxsize=1024)
def _special(name: bytes) -> bytes:
    """The lower-case name of a field that decides something here or stops here; empty for any other."""
    lower = name.lower()
    return lower if lower in _SPECIAL or lower.startswith(_OURS) else b""


#: What a head has besides its method, target and fields.
_LINE = len("  HTTP/1.1\r\n\r\n")
_VERSIONS = frozenset(((1, 1), (1, 0)))
_PLAIN_CONNECTION = frozenset((b"", b"close", b"keep-alive"))
#: What servers that turn fields into variables (CGI, WSGI: RFC 3875 §4.1.18) take for the framing itself.
_IMITATIONS = frozenset((b"content_length", b"transfer_encoding"))
#: Fields that decide something here, and go on; those and what stops here; of which only one may stand in a head.
_PASSES = frozenset((b"content-length", b"origin"))
_SPECIAL = _NOT_SENT_ON | _IMITATIONS | _PASSES
#: More may not fit into 64 bits; the parser (aiohttp 3.14.5) takes 2^64 - 1 for no body at all.
_MOST_DIGITS = 18
_SINGLE = frozenset((b"host", b"transfer-encoding", b"content-length", b"expect"))


def is_length(value: bytes) -> bool:
    """Whether a Content-Length is a number, and of a size that a body may have; of requests and answers alike."""
    return value.isdigit() and len(value) <= _MOST_DIGITS


def _check_special(special: dict[bytes, bytes], host: bytes | None, version: tuple[int, int]) -> None:
    if host is None:
        if version == (1, 1):
            raise RequestRefused(400, "a request needs a Host field")
    elif not _HOST.fullmatch(host):
        raise RequestRefused(400, "the Host field is not a host and port")
    if not _IMITATIONS.isdisjoint(special):
        raise RequestRefused(
            400, "a field imitates the framing: Content_Length or Transfer_Encoding, with an underscore"
        )
    length = special.get(b"content-length")
    if length is not None and not is_length(length):
        raise RequestRefused(400, "Content-Length is no length that anything has")
    coding = special.get(b"transfer-encoding")
    if coding is not None and (coding.lower() != b"chunked" or version == (1, 0)):
        raise RequestRefused(400, "Transfer-Encoding may only be `chunked`, on HTTP/1.1")
    if special.get(b"expect", b"100-continue").lower() != b"100-continue":
        raise RequestRefused(417, "only `Expect: 100-continue` is understood", "expectation_failed")


def _origin_form(target: str, host: bytes | None) -> str:
    if not target.startswith("/"):
        scheme, mark, rest = target.partition("://")
        authority, slash, path = rest.partition("/")
        if not mark or scheme.lower() not in ("http", "https") or authority.encode() != host:
            raise RequestRefused(400, "the request target must be a path, or an absolute form that equals Host")
        target = slash + path or "/"
    if _FORBIDDEN_IN_TARGET.search(target):
        raise RequestRefused(400, "the request target holds a byte that must be percent-encoded")
    path = target.partition("?")[0]
    if path.startswith("//"):
        raise RequestRefused(400, "the request target must not begin with //")
    if "%" in path or "/." in path:
        _refuse_dot_segments(path)
    return target


def _refuse_dot_segments(path: str) -> None:
    """Refuse `.` and `..` in every spelling that some server might decode, and encoded control bytes."""
    plain = path.encode("ascii")
    for _ in range(3):  # some servers decode twice; what still changes after that is an attack
        if _FORBIDDEN_IN_PATH.search(plain):
            raise RequestRefused(400, "the request path holds a control byte or a backslash")
        if any(segment.partition(b";")[0] in (b".", b"..") for segment in plain.split(b"/")):
            raise RequestRefused(400, "the request path holds a dot segment")
        decoded = unquote_to_bytes(plain)
        if decoded == plain:
            return
        plain = decoded
    raise RequestRefused(400, "the request path is percent-encoded more than twice")


def forward_head(
    head: RequestHead,
    target: str,
    host: bytes,
    hop: bytes,
    drop: frozenset[bytes] = frozenset(),
    add: Sequence[tuple[bytes, bytes]] = (),
) -> bytes:
    """
    The head that goes upstream: the fields in order, less what stops here and `drop`, plus `add` and our mark `hop`.

    `Content-Length` stands where it stood; a body that came chunked goes on chunked.
    """
    lines = head.lines if head.lines and not drop else _remaining_lines(head, drop)
    return b"".join((
        f"{head.method} {target} HTTP/1.1\r\nHost: ".encode("ascii"), host, b"\r\n",
        *lines,
        *(part for name, value in add for part in (name, b": ", value, b"\r\n")),
        b"x-teelog-hop: ", hop, b"\r\nTransfer-Encoding: chunked\r\n\r\n" if head.chunked else b"\r\n\r\n",
    ))  # fmt: skip


def _remaining_lines(head: RequestHead, drop: frozenset[bytes]) -> list[bytes]:
    """The lines that go on when `Connection` names fields, or some are dropped."""
    # the length of a body is framing, not a field that a client can take away
    named = {name.strip() for name in head.connection.split(b",")} - {b"content-length"}
    stop = _NOT_SENT_ON | drop | named
    return [
        part
        for name, value in head.headers
        if (lower := name.lower()) not in stop and not lower.startswith(_OURS)
        for part in (name, b": ", value, b"\r\n")
    ]
