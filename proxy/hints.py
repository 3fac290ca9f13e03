"""What a base URL probably should have been, from its form alone: a guess for a person, never a reason to refuse it."""

from __future__ import annotations

from urllib.parse import urlsplit

#: What clients add to a base URL by themselves; the longer ones first.
_ADDED = ("/chat/completions", "/completions", "/responses", "/embeddings", "/models", "/chat")


def likelier(base_url: str) -> tuple[str, str]:
    """
    What is odd about a base URL, and the likelier one; two empty strings when it looks right.

    Some servers answer at the root of their host, so a missing path is odd, not wrong.
    """
    for ending in _ADDED:
        if base_url.endswith(ending):
            return f"it ends with {ending}, which clients add by themselves", base_url.removesuffix(ending)
    if not urlsplit(base_url).path.strip("/"):
        return "it has no path, and the base URLs of most servers end with /v1", f"{base_url.rstrip('/')}/v1"
    return "", ""
