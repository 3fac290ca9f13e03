"""Where an answer's last piece begins.

The *last piece* is what a client takes for the end of the answer; the tee holds it back until the exchange is on disk.
In an event stream that is the read in which `data: [DONE]` or a Responses API's final event begins, since official
clients stop reading there; elsewhere it is the framing's end. Finding it is a search for a few bytes in each read and over
the borders of reads; nothing is parsed, and nothing fails.
"""

from __future__ import annotations

import re

#: A final event has one of these in it; most reads have neither. A text cannot contain the forms that `_FINAL` asks for:
#: inside JSON a line end and a quotation mark are always escaped.
DONE, RESPONSE = b"[DONE]", b"response."
_FINAL = re.compile(
    rb"[\r\n](?:data: ?\[DONE\]|event: ?response\.(?:completed|incomplete|failed))"
    rb'|"type": ?"response\.(?:completed|incomplete|failed)"'
)
#: The longest form less one byte: so much of a read can belong to a form that the next one completes.
_TAIL = len(b'"type": "response.incomplete"') - 1
#: What a chunk of whole lines ends with, as nearly all are: nothing in it goes on in the next read.
WHOLE_LINES = b"\n\r\n"
_BLANK_LINE = re.compile(rb"\n\n|\r\r|\r\n\r\n|\n\r\n")


def may_end(data: bytes) -> bool:
    """Whether a read of a Responses API's stream, of whole lines, may have a final event in it: each has one of these words."""
    return data.find(b"omplete") >= 0 or data.find(b"failed") >= 0


class FinalEvent:
    """Finds the read in which a stream's final event begins, and the one in which it is whole."""

    __slots__ = ("_after", "_begun", "_tail")

    def __init__(self) -> None:
        self._tail = b"\n"  # a body begins at the start of a line
        self._begun = False
        self._after = b""  # what came after the final event began, as far as its end may lie in it

    @property
    def at_line_start(self) -> bool:
        """Whether what has come tells nothing of what comes: it has ended with a line."""
        return self._tail == b"\n" and not self._begun

    def begins(self, data: bytes) -> bool:
        """True once the final event has begun, in this read or an earlier one."""
        if self._begun:
            return True
        tail = self._tail
        if data.endswith(WHOLE_LINES):
            self._tail = b"\n"
        else:
            self._tail = data[-_TAIL:] if len(data) >= _TAIL else (tail + data)[-_TAIL:]
        # (`in` would try first whether the bytes are a number, and fail: half as slow again)
        if data.find(DONE) >= 0 or data.find(RESPONSE) >= 0:
            return self._confirm(tail + data)
        if len(tail) > 1 and self._confirm(tail + data[:_TAIL]):
            self._after += data[_TAIL:]  # its end may lie in this read, too
        return self._begun

    def _confirm(self, text: bytes) -> bool:
        match = _FINAL.search(text)
        if match is not None:
            self._begun = True
            # [DONE] says all with its one line; the others carry the answer and end with a blank line
            self._after = b"\n\n" if b"[DONE]" in match[0] else text[match.end() :]
        return self._begun

    def whole(self, data: bytes = b"") -> bool:
        """True when all of the final event is there; `data` is the next read after the one it began in."""
        if data:
            self._after = self._after[-3:] + data
        return _BLANK_LINE.search(self._after) is not None
