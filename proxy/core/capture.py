"""What the relay gathers of an exchange, and what of that is ever written.

Nothing that was not named in `KEPT_HEADERS` or `KEPT_QUERY` is encoded: credentials never rest on disk because only what
is known to be harmless is copied, and a credential that the request carried is also blanked out wherever it is quoted in
a body. What only the head decides is worked out once for all requests of a connection that repeat it.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import orjson

from ..errors import RecordUnreadable
from .blanking import blank, finder, is_cut_by_a_chunk, quotes
from .coding import decode as undo_coding
from .exchange import join
from .framing import dechunk
from .tenant import tenant_in

if TYPE_CHECKING:
    from .capture_rules import CaptureRules

#: Request headers that are copied; what tells a conversation, a user or a client, and how the body is coded.
KEPT_HEADERS = frozenset(
    """
    content-type content-encoding user-agent traceparent
    x-teelog-conversation-id x-teelog-user
    x-conversation-id x-session-id x-chat-id x-thread-id session-id session_id thread-id conversation_id
    x-openwebui-chat-id x-openwebui-message-id x-openwebui-user-id x-openwebui-user-name x-openwebui-user-email
    x-openwebui-user-role x-client-request-id x-codex-window-id x-codex-parent-thread-id originator
    x-claude-code-session-id x-session-affinity x-parent-session-id x-opencode-session x-opencode-request
    x-kilocode-taskid x-kilo-session x-roo-task-id x-continue-session-id x-client-session-id x-interaction-id
    helicone-session-id helicone-session-path helicone-session-name helicone-user-id
    x-litellm-session-id x-litellm-trace-id x-litellm-end-user-id x-litellm-customer-id x-litellm-tags
    x-portkey-trace-id x-portkey-metadata cf-aig-metadata baggage agent-session-id inkeep-filters
    """.split()  # noqa: SIM905 - a table is read by columns
)
KEPT_PREFIXES = ("x-teelog-property-", "helicone-property-", "x-stainless-")
#: Answer headers that are copied: what it takes to read the body.
KEPT_ANSWER_HEADERS = ("content-type", "content-encoding")
_ANSWER_LINES = tuple((name, f"\r\n{name}:".encode("ascii")) for name in KEPT_ANSWER_HEADERS)
#: Query parameters whose values are copied; any other value is blanked, since keys travel there too (`?key=`).
KEPT_QUERY = frozenset(("api-version", "stream", "starting_after", "after", "before", "limit", "order", "include[]"))
#: Fields and query parameters of these names hold credentials.
_CREDENTIAL_NAME = re.compile(r"auth|key|token|secret|cookie|passw|credential|signature|^sig$|^code$", re.IGNORECASE)
_EVENTS = "text/event-stream"
#: Shorter credentials than this are not blanked out of bodies: "test" would be cut out of ordinary words.
SHORTEST_SECRET = 8
#: Answers of more than a mebibyte are few, and dozens of them may wait at once.
LARGE = 1024 * 1024


class CapturedHead:
    """
    What a request's head tells the record: worked out once, for all requests of a connection that repeat their head.

    Args:
        method: As it came.
        target: As it came.
        upstream: Name of the upstream; empty for the first one.
        connection: Which client connection it came on.
        raw_headers: As aiohttp gives them: (name, value) in bytes, in the client's spelling.
        rules: What the configuration says.

    """

    __slots__ = ("_told", "connection", "method", "raw_headers", "rules", "target", "upstream")

    def __init__(
        self,
        method: str,
        target: str,
        upstream: str,
        connection: str,
        raw_headers: tuple[tuple[bytes, bytes], ...],
        rules: CaptureRules,
    ) -> None:
        self.method = method
        self.target = target
        self.upstream = upstream
        self.connection = connection
        self.raw_headers = raw_headers
        self.rules = rules
        self._told: _Told | None = None

    @property
    def told(self) -> _Told:
        """Credentials, and what is written; worked out once, in the writer thread, off the event loop."""
        if self._told is None:
            self._told = self._tell()
        return self._told

    def _tell(self) -> _Told:
        secrets = self.rules.secrets + tuple(_credentials(self.raw_headers, self.target))
        headers = {
            name: blank(value, secrets)
            for name, value in _kept_request_headers(self.raw_headers, self.rules.more_headers)
        }
        meta = {
            "kind": "exchange",
            "method": self.method,
            "target": blank(safe_target(self.target), secrets),
            "upstream": self.upstream,
            "tenant": tenant_in(self.raw_headers, self.rules),
            "connection": self.connection,
        }
        return _Told(secrets, headers, meta)


class _Told:
    """What is written of a request's head, and the credentials that stood in it."""

    __slots__ = ("_finders", "encoded", "headers", "meta", "secrets")

    def __init__(self, secrets: tuple[bytes, ...], headers: dict[str, str], meta: dict[str, Any]) -> None:
        self.secrets = secrets
        self._finders = [finder(secret) for secret in secrets]
        self.headers = headers
        self.meta = meta
        #: Both as JSON, open at the end.
        self.encoded = self.open_json(headers)

    def open_json(self, headers: dict[str, str]) -> bytes:
        """The meta of a request with these headers, to be gone on with."""
        return orjson.dumps(self.meta | {"headers": headers})[:-1] + b","

    def blanked(self, body: bytes) -> bytes:
        """A body without the credentials; as long as it was, so that the framing in it still counts right."""
        for one in self._finders:
            if one.is_in(body):
                body = one.blanked(body)
        return body

    def answered(self, head: bytes) -> dict[str, str]:
        """What is copied of an answer's head, without the credentials."""
        headers = kept_answer_headers(head)
        if quotes(head, self.secrets):
            headers = {name: blank(value, self.secrets) for name, value in headers.items()}
        return headers


@dataclass(slots=True)
class Capture:
    """What the relay gathers of one exchange; encoded later and once, in the writer thread."""

    id: str
    head: CapturedHead
    request: bytes
    started: int
    #: The answer's reads as they came, head and framing included.
    pieces: list[bytes] = field(default_factory=list)
    #: Bytes of the answer's head in the pieces; 0 while it has not come.
    head_size: int = 0
    status: int = 0
    #: "length", "chunked" or "close".
    framing: str = "length"
    first_byte: int | None = None
    ended: int = 0
    interrupted: str = ""
    #: Why we had to answer in the upstream's stead.
    fault: str = ""

    def encode(self, *, is_all: bool = True) -> bytes:
        """The journal payload; called once, off the event loop. Not `is_all`: more of the answer will be put behind it."""
        told = self.head.told
        answer_head, answer = self._answer()
        request, framing, opening = self.request, self.framing, told.encoded
        answer_headers = told.answered(answer_head)
        if told.secrets:
            is_split = is_all and framing == "chunked" and _EVENTS not in answer_headers.get("content-type", "")
            if is_split and is_cut_by_a_chunk(answer, told.secrets):
                answer, framing = dechunk(answer)[0], "length"
            if (plain := _quoting(request, told.headers, told.secrets)) is not None:
                request = plain
                opening = told.open_json(_decoded(told.headers))
            if (plain := _quoting(answer, answer_headers, told.secrets, framing)) is not None:
                answer, framing, answer_headers = plain, "length", _decoded(answer_headers)
            request, answer = told.blanked(request), told.blanked(answer)
        rest = orjson.dumps(
            {
                "id": self.id,
                "status": self.status,
                "answer_headers": answer_headers,
                "framing": framing,
                "started": self.started,
                "first_byte": self.first_byte,
                "ended": self.ended,
                "interrupted": self.interrupted,
                "fault": self.fault,
            }
        )
        return join(opening, rest[1:], request, answer)

    def _answer(self) -> tuple[bytes, bytes]:
        """The answer's head and its body; the pieces of a large one are let go, or it would lie in memory three times."""
        pieces, size = self.pieces, self.head_size
        if len(pieces) == 1:  # as most answers that are not streamed
            return pieces[0][:size], pieces[0][size:]
        if len(pieces) == 2 and len(pieces[0]) == size:
            return pieces[0], pieces[1]
        if pieces and len(pieces[0]) < size:  # a read has cut the head
            pieces = [b"".join(pieces)]
        head, *rest = pieces or [b""]
        body = b"".join((head[size:], *rest))
        if len(body) > LARGE:
            self.pieces.clear()
        return head[:size], body


def safe_target(target: str) -> str:
    """A request target with the values of all but the known query parameters blanked, and no user-info."""
    path, mark, query = target.partition("?")
    if not mark:
        return path
    fields = []
    for part in query.split("&"):
        name, equals, _ = part.partition("=")
        fields.append(part if name in KEPT_QUERY or not part else f"{name}=***" if equals else "***")
    return f"{path}?{'&'.join(fields)}"


def _kept_request_headers(raw: tuple[tuple[bytes, bytes], ...], more: frozenset[str]) -> list[tuple[str, str]]:
    out = []
    for raw_name, value in raw:
        name, kept, _ = _kind(raw_name)
        if kept or name in more:
            out.append((name, value.decode("utf-8", "replace")))
    return out


@functools.lru_cache(maxsize=1024)
def _kind(raw_name: bytes) -> tuple[str, bool, bool]:
    """A field's name in lower case, whether it is copied, and whether it holds a credential; clients send few names."""
    name = raw_name.decode("latin-1").lower()
    return name, name in KEPT_HEADERS or name.startswith(KEPT_PREFIXES), bool(_CREDENTIAL_NAME.search(name))


def kept_answer_headers(head: bytes) -> dict[str, str]:
    """What is copied of an answer's head, names in lower case; of a field that stands there twice, the last."""
    lower, out = head.lower(), {}
    for name, line in _ANSWER_LINES:
        begin = lower.rfind(line)
        if begin >= 0:
            begin += len(line)
            out[name] = head[begin : head.index(b"\r\n", begin)].strip(b" \t").decode("utf-8", "replace")
    return out


def _decoded(headers: dict[str, str]) -> dict[str, str]:
    """The fields of a body whose coding was undone."""
    return {name: value for name, value in headers.items() if name != "content-encoding"}


def _quoting(body: bytes, headers: dict[str, str], secrets: tuple[bytes, ...], framing: str = "") -> bytes | None:
    """A content-coded body, decoded, where it quotes a secret; None for any other."""
    if "content-encoding" not in headers:
        return None
    try:
        plain, _ = undo_coding(dechunk(body)[0] if framing == "chunked" else body, headers["content-encoding"])
    except RecordUnreadable:
        return None  # nobody after us reads it either
    return plain if any(finder(secret).is_in(plain) for secret in secrets) else None


def _credentials(raw: tuple[tuple[bytes, bytes], ...], target: str) -> set[bytes]:
    """Every value in a head that names itself a credential, long enough not to be an ordinary word."""
    found: set[bytes] = set()
    for raw_name, value in raw:
        name, _, secret = _kind(raw_name)
        if secret and name == "cookie":
            found.update(part.partition(b"=")[2].strip() for part in value.split(b";"))
        elif secret:
            found.update(value.split(b" "))
    for part in target.partition("?")[2].split("&"):
        key, _, text = part.partition("=")
        if key not in KEPT_QUERY and _CREDENTIAL_NAME.search(key):
            found.update((text.encode("latin-1", "replace"), unquote_to_bytes(text)))
    return {value for value in found if len(value) >= SHORTEST_SECRET}


def blanked_note(payload: bytes, raw: tuple[tuple[bytes, bytes], ...], target: str) -> bytes:
    """The payload of a note without the credentials of the request that brought it, as long as it was."""
    return _Told(tuple(_credentials(raw, target)), {}, {}).blanked(payload)
