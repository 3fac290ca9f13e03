"""What somebody probably meant: a guess for a person, from the form alone, never a reason to refuse anything."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

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


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name that is most like another one."""
    return get_close_matches(name, list(known), n=1, cutoff=0)[0]
