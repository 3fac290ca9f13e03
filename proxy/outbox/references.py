"""References in a request's history: what the upstream has stored, and so the client does not say again.

The Responses API lets a client name an earlier item by its id (Vercel's AI SDK does so wherever the upstream stores). The
store knows answers by the ids of their message items, and by the ids of their calls: a reference that is not known stands
for the call whose output follows it. One that stands for nothing we have is left out.
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


def dereferenced(tx: Tx, entry: Entry) -> Entry:
    """The entry with what its history refers to."""
    history = entry.history
    if not any(map(reference_of, history.rest)):
        return entry
    found: list[Message] = []
    is_open = False  # a reference waits for what follows it
    for message in history.rest:
        name = reference_of(message)
        said = _known(tx, entry.tenant, name, "message") if name else message
        if name and said is None:
            is_open = True
            continue
        if is_open and message.role == "tool" and not (found and _calls(found[-1], message)):
            found += filter(None, [_known(tx, entry.tenant, message.tool_call_id, "tool_call")])
        is_open = False
        if said is not None and not (found and _repeats(found[-1], said)):
            found.append(said)
    return replace(entry, history=History.of([*history.prompt, *found], history.root))


def _known(tx: Tx, tenant: str, value: str | None, kind: str) -> Message | None:
    row = tx.one("message_known_by", tenant=tenant, value=value, kind=kind)
    # (what was said is not here any more once a conversation has been freed)
    return Message.from_json({"role": row["role"], **body}) if row and (body := orjson.loads(row["body"])) else None


def _calls(message: Message, output: Message) -> bool:
    return any(call["id"] == output.tool_call_id for call in message.tool_calls)


def _repeats(before: Message, message: Message) -> bool:
    """Whether a message says only what the one before it, as it is known, has said: it, or its calls, once more."""
    if message.role != "assistant":
        return False
    calls = [call["id"] for call in before.tool_calls]
    alone = message.content is None and all(call["id"] in calls for call in message.tool_calls)
    return message == before or (alone and bool(message.tool_calls))
