"""An answer's head that is like one before it: line for line the same, but for values that only pass through.

From answer to answer a server changes a date, an id, a length. Such a head is compared with the last one of its kind, in
half the time that reading it with care takes; where anything differs that decides something, or is not plain, it is read
with care. So every head comes to what `answer_head` says of it. Pure, but for what it remembers.
"""

from __future__ import annotations

from .answer_head import READ, STOPS, AnswerHead, read_answer_head
from .headers import is_length

#: Kinds of heads that are remembered; a server has a few.
MOST_KINDS = 64
#: Larger heads are few.
LARGEST = 8 * 1024


class _Known:
    """A head that was read with care."""

    __slots__ = ("_answer", "_length_at", "_lines", "_names", "_stops")

    def __init__(self, lines: list[bytes], answer: AnswerHead) -> None:
        self._lines = lines
        self._answer = answer
        #: What a line must begin with if it is another one, its name and the colon; empty: it must be the same.
        self._names = [_name(line) for line in lines]
        self._length_at = self._place_of_length()
        #: Which lines the client does not get; None where that cannot be told by lines.
        self._stops: list[int] | None = [
            at for at, line in enumerate(lines) if line.partition(b":")[0].lower() in STOPS
        ]
        if self._forward(b"\r\n".join(lines), lines.copy()) != answer.forward:
            self._stops = None

    def read(self, head: bytes, lines: list[bytes]) -> AnswerHead | None:
        """What another head of as many lines comes to; None where it has to be read."""
        ends = len(lines) - 1
        if self._stops is None or head.count(b"\n") != ends or head.count(b"\r") != ends or head.find(b"\0") >= 0:
            return None
        status, framing, length, closes, events, _ = self._answer
        for line, before, name in zip(lines, self._lines, self._names, strict=True):
            if line != before and not (name and line.startswith(name)):
                return None
        if self._length_at >= 0:
            value = lines[self._length_at][15:].strip(b" \t")
            if not is_length(value):
                return None
            length = int(value)
        return AnswerHead(status, framing, length, closes, events, self._forward(head, lines))

    def _forward(self, head: bytes, lines: list[bytes]) -> bytes:
        if not self._stops:
            return head[:-2]
        for at in reversed(self._stops):
            del lines[at]
        return b"\r\n".join(lines)[:-2]

    def _place_of_length(self) -> int:
        """The one line that may tell another length; -1: none may."""
        places = [at for at, line in enumerate(self._lines) if line[:15].lower() == b"content-length:"]
        if len(places) != 1:
            return -1
        (at,) = places
        said = self._lines[at][15:].strip(b" \t")
        # an answer to HEAD, a 304, has a length and no body; nor can one of length 0 be told from them
        if self._answer.framing != "length" or not self._answer.length or int(said) != self._answer.length:
            return -1
        self._names[at] = self._lines[at][:15]
        return at


def _name(line: bytes) -> bytes:
    name, colon, _ = line.partition(b":")
    return b"" if not colon or name.lower() in STOPS or name.lower() in READ else name + colon


_known: dict[tuple[str, int, bytes, bool], _Known] = {}


def read_again(head: bytes, method: str) -> AnswerHead:
    """Read an answer's head, as `read_answer_head` does."""
    lines = head.split(b"\r\n")
    kind = method, len(lines), lines[0], head.find(b"chunked") >= 0
    known = _known.get(kind)
    if known is not None and (answer := known.read(head, lines)) is not None:
        return answer
    answer = read_answer_head(head, method)
    if len(head) <= LARGEST:
        if len(_known) >= MOST_KINDS:
            _known.clear()
        _known[kind] = _Known(lines, answer)
    return answer
