"""Histories whose beginning is not the conversation's: windows over its end, and answers that the client has cut.

All that overlaps must be equal, going back from the end; what proves it is a last question and answer, or the id of a
tool call that nobody else has by chance. Turns of tools may be missing in a client's version: some forget them. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .history import call_ids
from .message import folded, text_of
from .place import Placing

if TYPE_CHECKING:
    from .history import History
    from .place import Asking, Held, Known, Scope, Standing


def window(asking: Asking, scope: Scope, known: Known) -> Held | None:
    """Rule 4, a sliding window: the conversation that ends with P; the log keeps the whole."""
    history = asking.history
    found = known.paired(history.last_pair, scope) if history.last_pair else []
    if calls := call_ids(history.rest[history.answered]):
        holding = known.holding(calls, scope)
        found += holding if len(holding) == 1 else []
    found.sort(key=lambda held: held.connection != asking.connection)
    return next((held for held in found if overlaps(history, held, known)), None)


def cut_answer(asking: Asking, scope: Scope, known: Known) -> Placing | None:
    """Rule 4, a cut or trimmed last answer: the client's version wins."""
    history = asking.history
    answer = history.rest[history.answered]
    theirs = folded(text_of(answer.content))
    if not theirs or answer.tool_calls or answer.function_call:
        return None
    spots = known.inside(history.before(history.answered), scope)
    for held, place in sorted(spots, key=lambda spot: spot.held.connection != asking.connection):
        for after in known.behind(held, place, 1):
            if after.place == held.tip_place and _is_cut(theirs, folded(known.text(after)), after):
                start = history.before(history.behind)
                return Placing("goes_on", held, held.tip_place, start, history.behind, said=answer)
    return None


def _is_cut(theirs: str, ours: str, after: Standing) -> bool:
    """What the client has is a part of ours; or more, where ours was cut on its way to us."""
    if after.role != "assistant" or not ours:
        return False
    return ours.startswith(theirs) or ours.endswith(theirs) or (after.cut and theirs.startswith(ours))


def overlaps(history: History, held: Held, known: Known) -> bool:
    """Whether P, from its last message back to its first, is what the conversation says before its tip."""
    theirs = history.heard(0, history.behind)
    forgets_tools = not any(_is_tool_turn(history, at) for at in theirs)
    margin = 4 * len(theirs) if forgets_tools else 0  # as many turns of tools as may lie between
    ours = known.newest(held, len(theirs) + margin, held.tip_place)
    while theirs and ours:
        if _same(history, theirs[-1], ours[-1], known):
            theirs.pop()
        elif not (forgets_tools and ours[-1].of_tools):
            return False
        ours.pop()
    return not theirs


def _same(history: History, at: int, ours: Standing, known: Known) -> bool:
    if history.digests[at] == ours.digest:
        return True
    calls = call_ids(history.rest[at])
    return bool(calls) and ours.role == history.rest[at].role and calls == known.call_ids(ours)


def _is_tool_turn(history: History, at: int) -> bool:
    message = history.rest[at]
    return bool(message.tool_calls or message.function_call) or message.role in ("tool", "function")
