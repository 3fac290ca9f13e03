"""What is written of an exchange that still goes on, so that a crash takes no more than its last second.

    first, and again once the answer's head is there    WHOLE | payload, as `Capture.encode` makes it
    then, for what came since                           MORE  | ended (8) | offset in the answer (8) | bytes

Each answer byte is written once. Parts are joined as far as they follow on each other. A credential that a body quotes is
blanked here as in a finished exchange: a tail that may be the beginning of one waits for the next part. Of an answer
under a content coding only the head is written: what it quotes cannot be seen piece by piece. (Undoing it all the way for
each part would cost more than what is won: hardly an upstream compresses a stream.)
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import orjson

from .capture import kept_answer_headers
from .exchange import answer_at, join

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .capture import Capture

_WHOLE, _MORE = b"=", b"+"
_HEAD = struct.Struct(">cQQ")
_LENGTH = struct.Struct(">I")


class Checkpoint:
    """One exchange as it is written while it goes on; for one thread, but for `failed`."""

    def __init__(self, exchange_id: str) -> None:
        self.id = exchange_id
        #: The last part could not be written: the next one has to be whole.
        self.failed = False
        self._capture: Capture | None = None
        self._held = b""
        self._size = 0
        self._coded = False

    def whole(self, capture: Capture) -> bytes:
        """The first part: all there is of the exchange."""
        head, answer = _split(capture)
        self._capture = replace(capture, pieces=[])  # what has been written is not held until the end
        self._coded = "content-encoding" in kept_answer_headers(head)
        answer = b"" if self._coded else self._sure(answer)
        payload = replace(capture, pieces=[head, answer]).encode(is_all=False)
        self._size = len(payload) - answer_at(payload)
        return _WHOLE + payload

    def more(self, pieces: Sequence[bytes], ended: int) -> bytes:
        """A further part: what came since; empty when nothing can be written of it."""
        if self._coded or self._capture is None:
            return b""
        told = self._capture.head.told
        data = told.blanked(self._sure(self._held + b"".join(pieces)))
        part = _HEAD.pack(_MORE, ended, self._size) + data
        self._size += len(data)
        return part

    def _sure(self, answer: bytes) -> bytes:
        """An answer's bytes without what may be the beginning of a credential; that is held until it shows."""
        assert self._capture is not None
        told = self._capture.head.told
        end = len(answer)
        for secret in told.secrets:
            at = answer.find(secret[:1], max(0, len(answer) - len(secret) + 1))
            while 0 <= at < end:
                if secret.startswith(answer[at:]):
                    end = at
                at = answer.find(secret[:1], at + 1)
        self._held = answer[end:]
        return answer[:end]


@dataclass(slots=True, frozen=True)
class Part:
    """What is handed over to be written: of a whole part the capture, of a further one the pieces that came since."""

    of: Checkpoint
    capture: Capture | None
    pieces: Sequence[bytes]
    #: Unix milliseconds.
    ended: int

    def encode(self) -> bytes:
        """As it is written; once only."""
        return self.of.more(self.pieces, self.ended) if self.capture is None else self.of.whole(self.capture)


def joined(parts: Iterable[bytes]) -> bytes | None:
    """The journal payload of an exchange that a crash cut short; None when not even its request is there."""
    payload, ended, size = b"", 0, 0
    answer: list[bytes] = []
    for part in parts:
        if part[:1] == _WHOLE:
            payload, ended, answer = part[1:], 0, []
            size = len(payload) - answer_at(payload)
        elif payload and len(part) > _HEAD.size and part[:1] == _MORE:
            _, at, offset = _HEAD.unpack_from(part)
            if offset != size:
                break  # one between is missing
            answer.append(part[_HEAD.size :])
            ended, size = at, size + len(answer[-1])
    if not payload:
        return None
    (length,) = _LENGTH.unpack_from(payload)
    meta = orjson.loads(payload[4 : 4 + length])
    meta["ended"] = ended or meta["ended"]
    begin = answer_at(payload)
    return join(orjson.dumps(meta), b"", payload[8 + length : begin], b"".join((payload[begin:], *answer)))


def _split(capture: Capture) -> tuple[bytes, bytes]:
    """Head and body of the answer so far."""
    answer = b"".join(capture.pieces)
    return answer[: capture.head_size], answer[capture.head_size :]
