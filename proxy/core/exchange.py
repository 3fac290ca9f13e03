"""An exchange: one request and what came of it; and a note: feedback or an event that a client sent.

Both ways of the journal's payload stand here: `Capture.encode` (in the relay's writer thread) and `decode` (in the
recorder), so that they cannot drift. Nothing that was not named in `KEPT_HEADERS` or `KEPT_QUERY` is ever encoded:
credentials never rest on disk because only what is known to be harmless is copied, and a credential that the request
carried is also blanked out wherever it is quoted in a body.

    payload = u32 meta length | meta (JSON) | u32 request length | request body | answer body (framing as it came)
"""

from __future__ import annotations

import functools
import re
import struct
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson

from ..errors import RecordUnreadable
from .coding import decode as undo_coding
from .framing import dechunk
from .ids import tenant_of

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
#: Answer headers that are copied.
KEPT_ANSWER_HEADERS = frozenset(("content-type", "content-encoding", "x-request-id", "openai-processing-ms"))
#: Query parameters whose values are copied; any other value is blanked, since keys travel there too (`?key=`).
KEPT_QUERY = frozenset(("api-version", "stream", "starting_after", "after", "before", "limit", "order", "include[]"))
#: Fields and query parameters of these names hold credentials.
_CREDENTIAL_NAME = re.compile(r"auth|key|token|secret|cookie|passw|credential|signature|^sig$|^code$", re.IGNORECASE)
#: Where a caller's key stands, the first one found wins; ours, OpenAI's, Azure's, Anthropic's.
_KEY_FIELDS = (b"x-teelog-key", b"authorization", b"api-key", b"x-api-key")
#: Shorter credentials than this are not blanked out of bodies: "test" would be cut out of ordinary words.
SHORTEST_SECRET = 8

_HEADER = re.compile(rb"\r\n([^:\r\n]+):[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)")
_LENGTH = struct.Struct(">I")


@dataclass(slots=True)
class Exchange:
    """One request and what came of it, as the recorder reads it."""

    #: UUIDv7; also the `x-teelog-id` that the client saw and the message id of the answer.
    id: str
    method: str
    #: The request target; values of unknown query parameters are `***`.
    target: str
    #: Name of the upstream; empty for the first one.
    upstream: str
    #: 16 hex digits, or empty.
    tenant: str
    #: Which client connection it came on, unique within this run of the relay.
    connection: str
    #: Lower-case names; only `KEPT_HEADERS`, `KEPT_PREFIXES` and the configured ones.
    headers: dict[str, str]
    #: Body as it came (it may be content-coded).
    request: bytes
    #: HTTP status; 0 when no answer head came.
    status: int
    answer_headers: dict[str, str]
    #: Body without its framing (it may be content-coded), as far as it came.
    answer: bytes
    #: Unix milliseconds; `first_byte` is when the answer's head came.
    started: int
    first_byte: int | None
    ended: int
    #: Who cut it: "client", "upstream", "crash"; empty when it ended well.
    interrupted: str = ""
    #: Why we had to answer in the upstream's stead; empty where it answered itself.
    fault: str = ""


@dataclass(slots=True)
class Note:
    """Feedback or an event posted to the proxy; `body` is the object the client was answered with."""

    id: str
    #: "feedback" or "event".
    kind: str
    #: Empty when the caller had an analytics key: it may speak of any tenant's messages.
    tenant: str
    body: dict[str, Any]
    started: int


@dataclass(slots=True, frozen=True)
class CaptureRules:
    """What the configuration says of every capture."""

    #: More request headers to copy, lower-case.
    more_headers: frozenset[str] = frozenset()
    #: "key", "none" or "header:<name>".
    tenant: str = "key"
    #: The secret of this installation, that makes tenants of keys.
    secret: bytes = b""
    #: Our own credentials, that an upstream might quote.
    secrets: tuple[bytes, ...] = ()


@dataclass(slots=True)
class Capture:
    """What the relay gathers of one exchange; encoded later, in the writer thread."""

    id: str
    method: str
    target: str
    upstream: str
    connection: str
    #: As aiohttp gives them: (name, value) in bytes, in the client's spelling.
    raw_headers: tuple[tuple[bytes, bytes], ...]
    request: bytes
    started: int
    rules: CaptureRules = CaptureRules()
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

    def encode(self) -> bytes:
        """The journal payload; called once, off the event loop."""
        answer = b"".join(self.pieces)
        head, answer = answer[: self.head_size], answer[self.head_size :]
        request, framing = self.request, self.framing
        headers = dict(_kept_request_headers(self.raw_headers, self.rules.more_headers))
        answer_headers = _kept_answer_headers(head)
        secrets = self.rules.secrets + tuple(_credentials(self.raw_headers, self.target))
        if (plain := _quoting(request, headers, secrets)) is not None:
            request = plain
        if (plain := _quoting(answer, answer_headers, secrets, framing)) is not None:
            answer, framing = plain, "length"
        for secret in secrets:
            # as long as what it replaces: the framing around it still counts right
            blank = b"*" * len(secret)
            request, answer = request.replace(secret, blank), answer.replace(secret, blank)
        meta = {
            "kind": "exchange",
            "id": self.id,
            "method": self.method,
            "target": _blank(safe_target(self.target), secrets),
            "upstream": self.upstream,
            "tenant": tenant_in(self.raw_headers, self.rules),
            "connection": self.connection,
            "headers": {name: _blank(value, secrets) for name, value in headers.items()},
            "status": self.status,
            "answer_headers": answer_headers,
            "framing": framing,
            "started": self.started,
            "first_byte": self.first_byte,
            "ended": self.ended,
            "interrupted": self.interrupted,
            "fault": self.fault,
        }
        return _join(meta, request, answer)


def encode_note(note: Note) -> bytes:
    """The journal payload of feedback or an event."""
    meta = {"kind": note.kind, "id": note.id, "tenant": note.tenant, "started": note.started}
    return _join(meta, orjson.dumps(note.body), b"")


def decode(payload: bytes) -> Exchange | Note:
    """What a journal payload holds; `RecordUnreadable` says what is wrong with it."""
    try:
        (size,) = _LENGTH.unpack_from(payload)
        meta = orjson.loads(payload[4 : 4 + size])
        (request_size,) = _LENGTH.unpack_from(payload, 4 + size)
        at = 8 + size
        request, answer = payload[at : at + request_size], payload[at + request_size :]
        kind = meta.pop("kind")
        if kind != "exchange":
            return Note(kind=kind, body=orjson.loads(request), **meta)
        framing = meta.pop("framing")
        if framing == "chunked":
            answer, _ = dechunk(answer)
        return Exchange(request=request, answer=answer, **meta)
    except (struct.error, ValueError, TypeError, KeyError, AttributeError) as error:
        raise RecordUnreadable(f"journal record cannot be read: {error}") from error


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


def _kept_answer_headers(head: bytes) -> dict[str, str]:
    return {
        name: value.decode("utf-8", "replace")
        for raw_name, value in _HEADER.findall(head)
        if (name := raw_name.decode("latin-1").lower()) in KEPT_ANSWER_HEADERS
    }


def _quoting(body: bytes, headers: dict[str, str], secrets: tuple[bytes, ...], framing: str = "") -> bytes | None:
    """A content-coded body, decoded, where it quotes a secret (its headers say no coding then); None for any other."""
    if not secrets or "content-encoding" not in headers:
        return None
    try:
        plain, _ = undo_coding(dechunk(body)[0] if framing == "chunked" else body, headers["content-encoding"])
    except RecordUnreadable:
        return None  # nobody after us reads it either
    if not any(secret in plain for secret in secrets):
        return None
    del headers["content-encoding"]
    return plain


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


def tenant_in(raw: tuple[tuple[bytes, bytes], ...], rules: CaptureRules) -> str:
    """The tenant of a request; empty for a caller without a credential."""
    if rules.tenant == "none":
        return ""
    names = _KEY_FIELDS if rules.tenant == "key" else (rules.tenant.partition(":")[2].lower().encode("latin-1"),)
    fields = {name.lower(): value for name, value in raw}
    value = next((fields[name] for name in names if name in fields), b"")
    return _tenant_of(value, rules.secret)


# in memory alone, like the requests that carry them; a caller's next request costs nothing then
_tenant_of = functools.lru_cache(maxsize=1024)(lambda value, secret: tenant_of(value.decode("latin-1"), secret))


def _blank(text: str, secrets: tuple[bytes, ...]) -> str:
    for secret in secrets:
        text = text.replace(secret.decode("utf-8", "replace"), "***")
    return text


def _join(meta: dict[str, Any], request: bytes, answer: bytes) -> bytes:
    encoded = orjson.dumps(meta)
    return b"".join((_LENGTH.pack(len(encoded)), encoded, _LENGTH.pack(len(request)), request, answer))
