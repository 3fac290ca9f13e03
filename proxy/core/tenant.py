"""Which tenant a request is of, told by what it shows; conversations, feedback and events of two are never one."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from .ids import tenant_of

if TYPE_CHECKING:
    from .capture_rules import CaptureRules

#: Where a caller's key stands; ours, OpenAI's, Azure's, Anthropic's.
_KEY_FIELDS = (b"x-teelog-key", b"authorization", b"api-key", b"x-api-key")


def tenant_in(raw: tuple[tuple[bytes, bytes], ...], rules: CaptureRules) -> str:
    """
    The tenant of a request; empty for a caller without a credential.

    The client key that opened this proxy, where one did: it alone was checked here. Else everything that is shown, since
    nobody here knows which of it the upstream goes by: a caller must not be taken for another by what it shows besides.
    """
    if rules.tenant == "none":
        return ""
    names = _KEY_FIELDS if rules.tenant == "key" else (rules.tenant.partition(":")[2].lower().encode("latin-1"),)
    shown = tuple(dict.fromkeys(value for name, value in raw if name.lower() in names))
    if rules.tenant == "key":
        shown = tuple(filter(rules.is_client_key, shown))[:1] or shown
    return _tenant_of(shown, rules.secret)


# in memory alone, like the requests that carry them; a caller's next request costs nothing then
_tenant_of = functools.lru_cache(maxsize=1024)(
    lambda shown, secret: tenant_of(tuple(value.decode("latin-1") for value in shown), secret)
)
