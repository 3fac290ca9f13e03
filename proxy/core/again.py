"""A request that was made before: an answer asked for once more, twice at a time, or by an SDK that did not get it.

What began first may be recorded last: an answer that the client cut is on its way to us while the next request, or the
SDK's next try, is answered already. Times are compared where that matters. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .message import folded, text_of
from .place import Placing

if TYPE_CHECKING:
    from .place import Asking, Held, How, Known, Scope, Spot, Standing


#: How many unanswered messages are compared; nobody asks in vain so often.
MOST_UNANSWERED = 50
#: Messages of one answer; the Responses API gives several.
_LONGEST_ANSWER = 20


def asked_before(asking: Asking, scope: Scope, known: Known) -> Placing | None:
    """What an SDK asks again, and what was overtaken by a request that began after it."""
    if not asking.history.heard():
        return None
    spots = known.inside(asking.history.asked, scope)
    if asking.cut and (late := _late(asking, spots, known)):
        return late
    if not asking.caller.retries:
        return None
    still = [spot for spot in spots if _is_open(spot, known)]
    lost = [spot for spot in still if _is_lost(spot, known)]
    once = still if len(still) == 1 and (len(spots) == 1 or asking.history.answered >= 0) else []
    for spot in (*lost, *once):
        if spot.place > spot.held.tip_place:
            return Placing("goes_on", spot.held, spot.place, asking.history.asked, asking.history.end)
        if found := again(asking, spot, known):
            return found
    return None


def _late(asking: Asking, spots: list[Spot], known: Known) -> Placing | None:
    """The client has gone on already with what it had of this answer, or its SDK has asked once more."""
    for spot in spots:
        for after in known.behind(spot.held, spot.place, 1):
            overtaken = after.retry and after.started > asking.started
            if after.role == "assistant" and (overtaken or _is_ours(asking, after, known)):
                return Placing("late", spot.held, standing=after)
    return None


def _is_ours(asking: Asking, after: Standing, known: Known) -> bool:
    """Whether an answer that a client brought, after we began, is what it had of ours."""
    brought = not after.started and after.ended >= asking.started
    said, ours = folded(known.text(after)), folded(text_of(asking.answer.content if asking.answer else None))
    return brought and bool(said) and ours.startswith(said)


def _is_open(spot: Spot, known: Known) -> bool:
    """Whether nobody has gone on behind R's answer there; an SDK that asks again has not seen it."""
    behind = known.behind(spot.held, spot.place, _LONGEST_ANSWER)
    return all(one.role == "assistant" and one.started == behind[0].started for one in behind)


def _is_lost(spot: Spot, known: Known) -> bool:
    """Whether what was asked there waits for its answer, or had only a part of one."""
    held, after = spot.held, known.behind(spot.held, spot.place, 1)
    return not after or (after[0].cut and after[0].place == held.tip_place)


def again(asking: Asking, spot: Spot, known: Known) -> Placing | None:
    """R was answered there."""
    history = asking.history
    first = (history.heard() or [-1])[-1] + 1
    for after in known.behind(spot.held, spot.place, 1):
        if after.role != "assistant":
            return None
        if asking.cut and after.started > asking.started:
            return Placing("late", spot.held, standing=after)
        if asking.caller.retries and not _is_open(spot, known):
            return None
        in_time = asking.started < after.ended and after.started and not after.cut and not asking.cut
        if (in_time or _is_overtaken(asking, after)) and not asking.caller.retries:
            return Placing("beside", spot.held, spot.place, history.asked, history.end, standing=after)
        how: How = "retried" if asking.caller.retries else "regenerated"
        return Placing(how, spot.held, spot.place, history.asked, first)
    return None


def _is_overtaken(asking: Asking, after: Standing) -> bool:
    """Whether an answer came with a request that began after us: what was said behind it must stand."""
    return not after.started and after.ended > asking.started


def said_once(asking: Asking, held: Held, known: Known) -> Placing | None:
    """
    The first question was asked several times, and now the client goes on from the last of its answers alone.

    While only questions came, that was put down as a talk of equal turns; the history shows that they were tries.
    """
    history = asking.history
    brought = [history.digests[at] for at in history.heard(0, history.behind)]
    standing = known.newest(held, MOST_UNANSWERED, held.last)
    size = len(brought)
    is_one_turn = all(history.rest[at].role != "assistant" for at in range(history.answered))
    if not size or not is_one_turn or len(standing) % size or len(standing) in (size, MOST_UNANSWERED):
        return None
    if [one.digest for one in standing[-size:]] != brought or held.last > held.tip_place:
        return None
    questions = [one.digest for at, one in enumerate(standing) if (at + 1) % size]
    if questions != brought[:-1] * (len(standing) // size):
        return None
    start = history.before(history.behind)
    return Placing("goes_on", held, held.tip_place, start, history.behind, drop=standing[-size - 1].place)
