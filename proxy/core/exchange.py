"""An exchange: one request and what came of it; and a note: feedback or an event that a client sent.

The journal's payload, as it is read, and put together for both (`capture.py` says what of an exchange goes in). What
cannot be read is `RecordUnreadable`, with what is wrong with it.

    payload = u32 meta length | meta (JSON) | u32 request length | request body | answer body (framing as it came)
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import orjson

from ..errors import RecordUnreadable
from .framing import dechunk

_LENGTH = struct.Struct(">I")
#: In the place of a tenant: all of them. No tenant is called so.
ANYBODY = "*"


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
    #: `ANYBODY` when the caller had an analytics key: it may speak of any tenant's messages. Empty is a tenant like others:
    #: callers without a credential.
    tenant: str
    body: dict[str, Any]
    started: int


def encode_note(note: Note) -> bytes:
    """The journal payload of feedback or an event."""
    meta = {"kind": note.kind, "id": note.id, "tenant": note.tenant, "started": note.started}
    return join(orjson.dumps(meta), b"", orjson.dumps(note.body), b"")


def decode(payload: bytes) -> Exchange | Note:
    """What a journal payload holds; `RecordUnreadable` says what is wrong with it."""
    try:
        (size,) = _LENGTH.unpack_from(payload)
        meta = orjson.loads(payload[4 : 4 + size])
        (request_size,) = _LENGTH.unpack_from(payload, 4 + size)
        at = 8 + size
        request, at = payload[at : at + request_size], at + request_size
        kind = meta.pop("kind")
        if kind != "exchange":
            return Note(kind=kind, body=orjson.loads(request), **meta)
        framing = meta.pop("framing")
        answer = dechunk(payload, at)[0] if framing == "chunked" else payload[at:]
        return Exchange(request=request, answer=answer, **meta)
    except (struct.error, ValueError, TypeError, KeyError, AttributeError) as error:
        raise RecordUnreadable(f"journal record cannot be read: {error}") from error


def join(meta: bytes, more: bytes, request: bytes, answer: bytes) -> bytes:
    """The payload of a record whose meta comes in two parts."""
    return b"".join((_LENGTH.pack(len(meta) + len(more)), meta, more, _LENGTH.pack(len(request)), request, answer))


def answer_at(payload: bytes) -> int:
    """Where the answer's body begins in a payload of ours."""
    (size,) = _LENGTH.unpack_from(payload)
    (request_size,) = _LENGTH.unpack_from(payload, 4 + size)
    return int(8 + size + request_size)
