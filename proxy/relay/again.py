"""A head that comes again: the same bytes as before, but for the digits of its Content-Length.

What aiohttp's parser has made of a head it would make of the same bytes once more, so on one connection they are read
once; reading takes a quarter of a short request's time. Pure. Whatever is not certain is left to the parser: a head whose
place in the data, or in it that of the length, is not plain, another byte anywhere, a body that is not there whole.
"""

from __future__ import annotations

#: A length of more digits is the parser's: what came in one read is shorter.
MOST_DIGITS = 9


class HeadAgain:
    """What a request begins with that has the head of an earlier one."""

    __slots__ = ("_after", "_before")

    def __init__(self, before: bytes, after: bytes) -> None:
        #: The head up to the digits, and behind them.
        self._before = before
        self._after = after

    def split(self, data: bytes) -> tuple[bytes, bytes] | None:
        """The digits of the length, and the body, of data that is one request with this head; None of any other."""
        before, after = self._before, self._after
        if not data.startswith(before):
            return None
        at = len(before)
        end = data.find(b"\r", at, at + MOST_DIGITS + 1)
        if end < 0 or not data.startswith(after, end):
            return None
        digits, body = data[at:end], data[end + len(after) :]
        return (digits, body) if digits.isdigit() and int(digits) == len(body) else None


def head_again(data: bytes, line: bytes, fields: int, body_size: int, name: bytes, digits: bytes) -> HeadAgain | None:
    """
    The head of a request, where the data that ended it is all of it; None where that is not certain.

    Data may begin in the middle of a head, whose beginning came before: it has fewer lines then than there are fields.

    Args:
        data: What was read.
        line: How the request's first line begins, down to its version.
        fields: How many the head has.
        body_size: Bytes of the body.
        name: Content-Length in the client's spelling.
        digits: Its value.

    """
    end, length = len(data) - body_size, b"\r\n" + name + b":"
    if not data.startswith(line) or data.count(b"\r\n", 0, end) != fields + 2:
        return None
    at = data.find(length, 0, end)
    if at < 0 or data.find(b"\r\n\r\n") != end - 4 or data.find(length, at + 1, end) >= 0:
        return None
    at += len(length)
    while data[at : at + 1] == b" ":
        at += 1
    if not data.startswith(digits + b"\r\n", at):
        return None
    return HeadAgain(data[:at], data[at + len(digits) : end])
