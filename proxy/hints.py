"""What somebody probably meant: a guess for a person, from the form alone, never a reason to refuse anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

#: What clients add to a base URL by themselves; the longer ones first.
_ADDED = ("/chat/completions", "/completions", "/responses", "/embeddings", "/models", "/chat")
#: How much alike (0 to 1) two whole names, or their last parts, must be to be taken for each other.
_MUCH, _ENOUGH = 0.85, 0.6
_END = re.compile(r"\.|__")


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


def nearest(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """A clause that names the known name which is most like another one; `otherwise` where none is much like it."""
    from difflib import get_close_matches  # noqa: PLC0415 - for who has misspelt something, and then ends

    found = get_close_matches(name, list(known), n=1, cutoff=0)[0]
    one, other = _bare(name), _bare(found)
    # what two names have in common before their last part says little: the sections are few
    if _likeness(one, other) < _MUCH and _likeness(_END.split(one)[-1], _END.split(other)[-1]) < _ENOUGH:
        return otherwise
    return f"; the nearest known one is {found}"


def _bare(name: str) -> str:
    """A key, variable or flag without what all of them begin with."""
    return name.lstrip("-").lower().removeprefix("teelog_")


def _likeness(one: str, other: str) -> float:
    from difflib import SequenceMatcher  # noqa: PLC0415 - see above

    return SequenceMatcher(None, one, other).ratio()
