"""Records that nothing could be made of, read once more: after an upgrade, or with another configuration.

Each goes the recorder's own way, in a transaction of its own: it becomes part of its conversation and leaves the table,
or it stays there with the newest reason. The place in the conversation is found as ever, so that a record may come late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import DatabaseUnavailable
from .reading import SetAside
from .recorder import reason_of, say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .reading import Reading
    from .store import Store


def replay_failed(store: Store, reading: Reading, keys: Iterable[int], now: int) -> tuple[int, int]:
    """How many of these records something was made of, and how many failed again; `DatabaseUnavailable`."""
    made = again = 0
    for key in keys:
        payload = store.failed_payload(key)
        if payload is None:
            continue  # dropped since
        if not payload:  # it was not to be kept: there is nothing to read
            again += 1
            continue
        try:
            told = reading.read(payload)
            recorded = store.take_again(key, told.item, now)
        except DatabaseUnavailable:
            raise
        except Exception as error:
            recorded = store.take_again(key, SetAside("", reason_of(error), payload), now)
        else:
            if recorded.outcome != "set_aside":
                say(told, recorded)
        if recorded.outcome == "set_aside":
            again += 1
        else:
            made += 1
    return made, again
