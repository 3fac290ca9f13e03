"""Which requests are recorded: the endpoints that answer with messages, told by the end of their path, whatever its prefix.

It stands by itself, since the relay asks it of each request and does without all that rebuilds messages (`dialect.py`).
"""

from __future__ import annotations

_POSTS = ("/chat/completions", "/completions", "/responses")


def is_recorded(method: str, target: str) -> bool:
    """Whether the relay journals a request with this target."""
    path = path_of(target)
    if method == "GET":  # a Responses answer that is polled, or streamed again
        return path.rpartition("/")[0].endswith("/responses")
    return method == "POST" and path.endswith(_POSTS)


def path_of(target: str) -> str:
    """A request target without its query, and without a slash at its end."""
    return target.partition("?")[0].removesuffix("/")
