"""References in a request's history: what the upstream has stored, and so the client does not say again.

The Responses API lets a client name an earlier item by its id (Vercel's AI SDK does so wherever the upstream stores). The
store knows answers by the ids of their message items, and by the ids of their calls: a reference that is not known stands
for the call whose output follows it. One that stands for nothing we have is left out. A message is brought in once, however
many references there are to it, and all together as many bytes as a request may have: a reference costs a client nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from ..core.history import History
from ..core.message import Message
from ..core.responses_request import reference_of

if TYPE_CHECKING:
    from ..core.entry import Entry
    from ..db.sqlite import Tx


#: Bytes of messages that one history brings in.
MOST_BYTES = 32 * 1024 * 1024


def dereferenced(tx: Tx, entry: Entry) -> Entry:
    """The entry with what its history refers to."""
    history = entry.history
    if not any(map(reference_of, history.rest)):
        return entry
    known = _Known(tx, entry.tenant)
    found: list[Message] = []
    is_open = False  # a reference waits for what follows it
    for message in history.rest:
        name = reference_of(message)
        said = known.by(name, "message") if name else message
        if name and said is None:
            is_open = True
            continue
        if is_open and message.role == "tool" and not (found and _calls(found[-1], message)):
            found += filter(None, [known.by(message.tool_call_id, "tool_call")])
        is_open = False
        if said is not None and not (found and _repeats(found[-1], said)):
            found.append(said)
    return replace(entry, history=History.of([*history.prompt, *found], history.root))


class _Known:
    """The tenant's messages, each given once."""

    def __init__(self, tx: Tx, tenant: str) -> None:
        self._tx = tx
        self._tenant = tenant
        self._given: set[int] = set()
        self._room = MOST_BYTES

    def by(self, value: str | None, kind: str) -> Message | None:
        """The message that is known by an id."""
        row = self._tx.one("message_known_by", tenant=self._tenant, value=value, kind=kind)
        if row is None or row["key"] in self._given or len(row["body"]) > self._room:
            return None
        self._given.add(row["key"])
        self._room -= len(row["body"])
        body = orjson.loads(row["body"])  # empty once a conversation has been freed
        return Message.from_json({"role": row["role"], **body}) if body else None


def _calls(message: Message, output: Message) -> bool:
    return any(call["id"] == output.tool_call_id for call in message.tool_calls)


def _repeats(before: Message, message: Message) -> bool:
    """Whether a message says only what the one before it, as it is known, has said: it, or its calls, once more."""
    if message.role != "assistant":
        return False
    calls = {call["id"] for call in before.tool_calls}
    alone = message.content is None and all(call["id"] in calls for call in message.tool_calls)
    return message == before or (alone and bool(message.tool_calls))
