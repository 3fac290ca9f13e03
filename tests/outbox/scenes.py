"""Exchanges as the relay journals them, and a source that gives them to the recorder."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import orjson

from proxy.config import Conversation
from proxy.core.capture import Capture, CapturedHead
from proxy.core.capture_rules import CaptureRules
from proxy.core.exchange import ANYBODY, Note, encode_note
from proxy.core.ids import uuid7
from proxy.journal.reader import Position, Record
from proxy.outbox.reading import Reading

from ..fakes import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

RULES = CaptureRules(secret=b"of this installation")
SECRET = b"of this installation"

#: An output item of a Responses answer.
CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "call_8f2k1x",
    "name": "weather",
    "arguments": '{"in":"Rome"}',
}

_numbers = count(1)


def new_id() -> str:
    """The next exchange's id."""
    return uuid7(NOW, (next(_numbers) << 16).to_bytes(10, "big"))


def says(role: str, content: str | None, **more) -> dict:
    """A message."""
    return {"role": role, "content": content, **more}


def user(content: str, **more) -> dict:
    return says("user", content, **more)


def assistant(content: str | None, **more) -> dict:
    return says("assistant", content, **more)


def exchange(
    messages,
    answer="Hello",
    *,
    name=None,
    key="sk-a-client",
    headers=(),
    connection="1",
    status=200,
    started=NOW,
    interrupted="",
    method="POST",
    target="/v1/chat/completions",
    completion_id=None,
    choices=None,
    body=None,
    stream=False,
    **request,
) -> bytes:
    """The journal payload of a chat exchange; `name` is its id, `answer` a text, a message, or None for no answer at all."""
    name = name or new_id()
    if body is None:
        body = b"" if answer is None else whole(answer, completion_id or f"chatcmpl-{name}", choices)
    head = b"HTTP/1.1 %d OK\r\nContent-Type: application/json\r\n\r\n" % status
    capture = Capture(
        id=name,
        head=CapturedHead(
            method=method,
            target=target,
            upstream="",
            connection=connection,
            raw_headers=((b"Authorization", f"Bearer {key}".encode()), *((n.encode(), v.encode()) for n, v in headers)),
            rules=RULES,
        ),
        request=orjson.dumps({"model": "m-1", "messages": messages, "stream": stream, **request}),
        started=started,
        pieces=[head, body] if status else [],
        head_size=len(head) if status else 0,
        status=status,
        first_byte=started + 100 if status else None,
        ended=started + 500,
        interrupted=interrupted,
    )
    return capture.encode()


def asks(said, body, **more) -> bytes:
    """The journal payload of a Responses exchange; `body` is its answer, a JSON value or bytes as they are."""
    body = body if isinstance(body, bytes) else orjson.dumps(body)
    return exchange(None, target="/v1/responses", body=body, input=said, **more)


def polls(body, *, completion_id="resp_1", query="", **more) -> bytes:
    """The journal payload of a request for a Responses answer that was asked for before."""
    body = body if isinstance(body, bytes) else orjson.dumps(body)
    return exchange(None, method="GET", target=f"/v1/responses/{completion_id}{query}", body=body, **more)


def response(status="completed", *output, completion_id="resp_1", **more) -> dict:
    """A Responses answer; its output items are given as they are, texts as messages."""
    items = [message_item(one) if isinstance(one, str) else one for one in output]
    return {"id": completion_id, "object": "response", "model": "m-1", "status": status, "output": items, **more}


def message_item(text: str) -> dict:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}


def events(*chunks: dict, start=0) -> bytes:
    """A Responses stream, its events numbered from `start`."""
    numbered = ({**one, "sequence_number": number} for number, one in enumerate(chunks, start))
    return b"".join(b"event: %s\ndata: %s\n\n" % (one["type"].encode(), orjson.dumps(one)) for one in numbered)


def whole(answer, completion_id: str, choices=None) -> bytes:
    """A JSON answer."""
    said = [{"message": assistant(answer) if isinstance(answer, str) else answer, "finish_reason": "stop"}]
    return orjson.dumps(
        {
            "id": completion_id,
            "object": "chat.completion",
            "model": "m-1-2025",
            "choices": [{"index": index, **choice} for index, choice in enumerate(choices or said)],
            "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
        }
    )


def note(kind="feedback", *, name=None, tenant=ANYBODY, started=NOW, **body) -> bytes:
    """The journal payload of feedback or an event."""
    name = name or new_id()
    body = {"id": name, "type": "positive", "createdAt": "2023-11-14T22:13:20.000Z", **body}
    return encode_note(Note(name, kind, tenant, body, started))


def read(payload: bytes, **sections):
    """What the recorder makes of a payload before it stores it."""
    return Reading(Conversation(**sections)).read(payload).item


class Script:
    """A source that gives records from a list, one offset each, and forgets what was released."""

    def __init__(self, *payloads: bytes) -> None:
        self.payloads = list(payloads)
        self.released: list[Position] = []
        self.closed = False
        #: Called before each read.
        self.before_read: Callable[[], None] = lambda: None

    def read(self, position: Position, limit_records: int, limit_bytes: int) -> list[Record]:
        self.before_read()
        start = position.offset
        chosen = self.payloads[start : start + limit_records]
        return [Record(Position(0, at), payload) for at, payload in enumerate(chosen, start + 1)]

    def release(self, position: Position) -> None:
        self.released.append(position)

    def close(self) -> None:
        self.closed = True
