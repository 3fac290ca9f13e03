"""How it goes, from what the two processes count: green, degraded or red, and why.

Red: exchanges are not recorded, or nobody records. Degraded: something recorded is not delivered. The text of each
reason is for the person who looks at `/status` at night, and says what is counted and what was answered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def health(relay: Mapping[str, Any], recorder: Mapping[str, Any], fault: str = "") -> dict[str, Any]:
    """
    `health` and `why`.

    Args:
        relay: Of `Record.status`.
        recorder: Of `Store.status`; empty when the recorder did not answer, `error` when the store did not; `waits` is why
            it records nothing now, if it does not.
        fault: Why it could not start, where it said so.

    """
    red = [f"{count} exchanges were not recorded: {reason}" for reason, count in relay["not_recorded"].items()]
    if not recorder:
        red.append("the recorder does not answer" + (f": {fault}" if fault else ""))
    elif "error" in recorder:
        red.append(f"the recorder cannot say how it is: {recorder['error']}")
    elif recorder.get("waits"):
        red.append(f"nothing is recorded for now, exchanges wait in the journal: {recorder['waits']}")
    degraded = []
    for name, sink in recorder.get("sinks", {}).items():
        if sink["depth"] and sink["last_error"]:
            degraded.append(f"{sink['depth']} wait for {name}: {sink['last_error']}")
        degraded += [f"{count} dead letters for {name}: {reason}" for reason, count in sink["dead"].items()]
    return {"health": "red" if red else "degraded" if degraded else "green", "why": red + degraded}
