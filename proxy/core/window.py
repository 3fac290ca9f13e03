"""Histories whose beginning is not the conversation's: windows over its end, and answers that the client has cut.

All that overlaps must be equal, going back from the end; what proves it is a last question and answer, or the id of a
tool call that nobody else has by chance. Turns of tools may be missing in a client's version: some forget them. Pure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from .history import call_ids
from .message import digest, folded, text_of
from .place import Placing, Spot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .history import History
    from .message import Message
    from .place import Asking, Held, Known, Scope, Standing


#: Characters of what two chats must have in common where the turn behind it is unknown: more than a greeting and its answer.
SHORTEST_SHARED = 40


def window(asking: Asking, scope: Scope, known: Known) -> Spot | None:
    """Rule 4, a sliding window: where P ends in a conversation that says all of it; at its tip, if there is one."""
    history = asking.history
    found = known.paired(history.last_pair, scope) if history.last_pair else []
    if calls := call_ids(history.rest[history.answered]):
        holding = known.holding(calls, scope)
        found += [Spot(held, held.tip_place) for held in holding] if len(holding) == 1 else []
    found.sort(key=lambda spot: (spot.place != spot.held.tip_place, *asking.distance(spot)))
    return next((spot for spot in found if overlaps(history, spot, known)), None)


def cut_answer(asking: Asking, scope: Scope, known: Known, *, sure: bool = False) -> Placing | None:
    """
    Rule 4, a cut or trimmed last answer: the client's version wins.

    `sure`: only where the answer makes the same calls, or nothing of it came to us that could differ.
    """
    history = asking.history
    answer = history.rest[history.answered]
    spots = known.inside(history.before(history.answered), scope) if history.digests[history.answered] else []
    for held, place in sorted(spots, key=asking.distance):
        after = known.behind(held, place, 1)
        said_nothing = not after and held.last == held.tip_place == place + 1
        is_tip = bool(after) and after[0].place == held.tip_place and (not sure or bool(answer.tool_calls))
        if said_nothing or (is_tip and _is_cut(answer, after[0], known)):
            start = history.before(history.behind)
            return Placing("goes_on", held, held.tip_place, start, history.behind, said=answer)
    return None


def unseen_turn(asking: Asking, scope: Scope, known: Known) -> Placing | None:
    """
    Rule 4, an answered question that has not come to us, or not yet: all before it is the tip of one conversation only.

    So a follow-up that overtakes the answer that its client has cut (`again._late`) does not tell the chat once more.
    """
    history = asking.history
    before = next((at for at in range(history.answered - 1, -1, -1) if history.rest[at].role == "assistant"), -1)
    said = sum(len(text_of(one.content)) for one in history.rest[: before + 1])
    if said < SHORTEST_SHARED or history.digests[before] is None:
        return None
    spots = known.inside(history.chain[before], scope)
    if len(spots) != 1 or not spots[0].place == spots[0].held.tip_place == spots[0].held.last:
        return None
    held = spots[0].held
    return Placing("goes_on", held, held.tip_place, history.chain[before], before + 1)


def _is_cut(answer: Message, after: Standing, known: Known) -> bool:
    """What the client has is a part of our text, all else being equal; or more, where ours was cut on its way to us."""
    said = known.text(after)
    theirs, ours = folded(text_of(answer.content)), folded(said)
    if after.role != "assistant" or not ours or not (theirs or answer.tool_calls):
        return False
    if ours.startswith(theirs) or ours.endswith(theirs):
        return digest(replace(answer, content=said, refusal=None)) == after.digest
    return after.cut and theirs.startswith(ours)


def quoted_in(quoted: History, scope: Scope, known: Known) -> Held | None:
    """The conversation with whose end a quotation ends; of several the one that agrees with it the furthest back."""
    found = known.paired(quoted.last_pair, scope) if quoted.last_pair else []
    best = max(found, key=lambda spot: _agreement(quoted, spot, known), default=None)
    return best.held if best else None


def _agreement(quoted: History, spot: Spot, known: Known) -> int:
    """How many messages are equal, going back from the end: what lies further back may have been left out."""
    theirs = [quoted.digests[at] for at in quoted.heard(0, quoted.behind)]
    ours = [one.digest for one in known.newest(spot.held, len(theirs), spot.place)]
    pairs = zip(reversed(theirs), reversed(ours), strict=False)
    return next((at for at, (one, other) in enumerate(pairs) if one != other), len(ours))


def overlaps(history: History, spot: Spot, known: Known) -> bool:
    """Whether P, from its last message back to its first, is what the conversation says up to a place."""
    theirs = history.heard(0, history.behind)
    forgets_tools = not any(_is_tool_turn(history, at) for at in theirs)
    margin = 4 * len(theirs) if forgets_tools else 0  # as many turns of tools as may lie between
    ours = _going_back(spot, len(theirs) + margin, known)
    while theirs and (one := next(ours, None)):
        if _same(history, theirs[-1], one, known):
            theirs.pop()
        elif not (forgets_tools and one.of_tools):
            return False
    return not theirs


def _going_back(spot: Spot, count: int, known: Known) -> Iterator[Standing]:
    """What a conversation says up to a place, the last first; most comparisons end soon, so a few are read at a time."""
    size, upto = 8, spot.place
    while count > 0 and (some := known.newest(spot.held, min(size, count), upto)):
        yield from reversed(some)
        count, upto, size = count - len(some), some[0].place - 1, 2 * size


def _same(history: History, at: int, ours: Standing, known: Known) -> bool:
    if history.digests[at] == ours.digest:
        return True
    calls = call_ids(history.rest[at])
    return bool(calls) and ours.role == history.rest[at].role and calls == known.call_ids(ours)


def _is_tool_turn(history: History, at: int) -> bool:
    message = history.rest[at]
    return bool(message.tool_calls or message.function_call) or message.role in ("tool", "function")
