"""`teelog status`: what `/status` of the proxy of this configuration says, in a few lines for a terminal, or as its JSON.

It asks as `teelog health` does: on this machine, round any proxy that the environment names, with little patience. The
admin key is sent only where the proxy is reached by another address than loopback, since without it that is refused.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import orjson

from .alive import get
from .core.hosts import is_loopback
from .core.spans import size_text, span_text
from .log import printable
from .sockets import reached_at

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .config import Listen

#: The recorder may take 2 s to answer the proxy.
PATIENCE_SECONDS = 5.0


def run(listen: Listen, *, as_json: bool) -> int:
    """Print it; 0 when all is green, 1 when it is not, or when nothing was answered."""
    fields = {"Accept": "application/json"}
    if listen.admin_key and not is_loopback(reached_at(listen.host)):
        fields["Authorization"] = f"Bearer {listen.admin_key.reveal()}"
    reason, body = get(listen, "/status", fields, PATIENCE_SECONDS)
    try:
        told: dict[str, Any] = orjson.loads(body)
        if reason:
            reason += f": {told['error']['message']}"
        found = [] if reason else [orjson.dumps(told).decode()] if as_json else map(printable, lines(told))
        text = "\n".join(found)
    except (ValueError, LookupError, TypeError):
        reason = reason or "what listens there is no teelog of this version"
    if reason:
        print(f"teelog: {printable(reason)}", file=sys.stderr)
        return 1
    print(text)
    return 0 if told["health"] == "green" else 1


def lines(told: Mapping[str, Any]) -> Iterator[str]:
    """What `/status` says, for a person: health and why, what is in progress, the journal, each sink, what was lost."""
    relay, journal, recorder = told["relay"], told["journal"], told["recorder"]
    yield f"teelog {told['version']} is {told['health']}"
    for why in told["why"]:
        yield f"  - {why}"
    yield f"requests      {relay['open']:,} open, of {relay['forwarded']:,}{_counts(relay['outcomes'], ': ')}"
    waits = f"{size_text(journal['bytes'])} wait to be recorded" if journal["bytes"] else "nothing waits to be recorded"
    oldest = f", the oldest for {span_text(journal['oldest_seconds'])}" if journal["bytes"] else ""
    yield f"journal       {relay['journaled']:,} journaled; {waits}{oldest}"
    for name, sink in recorder.get("sinks", {}).items():
        oldest = f", the oldest for {span_text(sink['oldest_seconds'])}" if sink["depth"] else ""
        waiting = f"; {sink['waiting']:,} wait for their message" if sink["waiting"] else ""
        dead = f"; dead letters: {_counts(sink['dead'])}" if sink["dead"] else ""
        yield f"{f'to {name}':<14}{sink['depth']:,} to deliver{oldest}{waiting}{dead}"
    yield f"not recorded  {_counts(told['ledger']['by_reason']) or 'none'}"


def _counts(counts: Mapping[str, int], before: str = "") -> str:
    return before + ", ".join(f"{n:,} {name}" for name, n in counts.items()) if counts else ""
