"""Whose conversation is it, and where in it does an exchange go on: the decision, first line that fits.

    P: the request's history through its last answer; R: the whole request. Tip: a conversation's last answer.

    previous_response_id is known     behind that response; where the conversation has gone on since: a fork
    chat id, no answer in the request  R waits there unanswered: it is that; else put behind what there is
    chat id, answers in the request    rules 1-4 among the conversations of that id; else the client's list replaces ours
    else, `place.scopes` by scope      rules 1-4; a lone question only when an SDK asks it again
    1  P is a tip                      it goes on there: whose tool call it is, else same connection first, then same model
                                       and prompt, then the newest. Other choices and replaced answers are tips too, until
                                       the conversation goes on, and are put back by it
    2  R was answered                  before we asked: another answer in its place. While we asked: beside it
    3  P is inside                     a new conversation that begins like this one (`origin`)
    4  the end of P is a tip's         `window`: last pair or a random call id, all that overlaps equal; a cut last answer;
                                       or all but P's last turn is, which has not come to us
    5  nothing of that                 new, with the history that the client brought

    An SDK's retry looks for R before it looks for P: first where R waits or its answer was cut, then where it was
    answered, if that is one conversation only. An answer that the client cut and whose follow-up is recorded already
    (what began first may end last) is late: it stands there, and gets no place of its own.

Deciding is pure: what is known is asked of `Known`, which the store implements on indexed columns inside the transaction
that also stores the outcome; so each tip is taken once. Nothing reads a whole conversation.
"""

from __future__ import annotations

from bisect import bisect_left

from .again import MOST_UNANSWERED, again, asked_before, said_once
from .history import History, call_ids
from .place import Asking, Held, Known, Placing, Scope, Spot, scopes
from .window import cut_answer, overlaps, quoted_in, unseen_turn, window


def place(asking: Asking, known: Known) -> Placing:
    """Where a request and its answer belong."""
    caller, history = asking.caller, asking.history
    new = Placing(start=history.root)
    if caller.previous_id:
        spot = known.answer_of(caller.previous_id)
        if spot:
            return _chained(asking, spot, known)
        new = Placing(start=history.root, appends=True)
    if caller.conversation_id:
        return _named(asking, known) or new
    tries = (rule(asking, scope, known) for rule in (_searched, unseen_turn) for scope in scopes(caller))
    return next(filter(None, tries), new)


def of_side_request(asking: Asking, quoted: History, known: Known) -> Held | None:
    """The conversation that a side request is about: by its ids, else by the history that it brings or quotes."""
    caller, history = asking.caller, asking.history
    if caller.conversation_id:
        return known.named(caller.conversation_id, caller.user)
    for scope in scopes(caller):
        found = quoted_in(quoted, scope, known)
        if not found and history.answered >= 0:
            found = _tip(asking, history.before(history.behind), scope, known)
        if not found and history.answered >= 0 and (spot := window(asking, scope, known)):
            found = spot.held
        if found:
            return found
    return known.in_session(caller.session_id, caller.user) if caller.session_id else None


# ── the rules, within one scope ─────────────────────────────────────────────────────────────────────────────────────


def _searched(asking: Asking, scope: Scope, known: Known) -> Placing | None:
    history = asking.history
    found = _extended(asking, scope, known) if history.prefill else None
    if not found and (asking.caller.retries or asking.cut):
        found = asked_before(asking, scope, known)
    if found or history.answered < 0:
        return found
    found = (
        _at_tip(asking, scope, known)
        or _answered(asking, known.inside(history.asked, scope), known)
        or _forked(asking, scope, known)
    )
    if found:
        return _nearer(asking, found, scope, known) or found
    return _through_window(asking, scope, known) or cut_answer(asking, scope, known)


def _tip(asking: Asking, tip: bytes, scope: Scope, known: Known) -> Held | None:
    return known.at_tip(tip, scope, asking.connection, asking.kin)


def _at_tip(asking: Asking, scope: Scope, known: Known) -> Placing | None:
    """Rule 1; of several tips that call tools the one whose call this is."""
    history = asking.history
    tip, calls = history.before(history.behind), call_ids(history.rest[history.answered])
    holding = known.holding(calls, scope) if calls else []
    held = next((one for one in holding if one.tip == tip), None) or _tip(asking, tip, scope, known)
    return _behind_tip(asking, held, known) if held else None


def _answered(asking: Asking, spots: list[Spot], known: Known) -> Placing | None:
    """Rule 2: of those that answered R, the one on the same connection, else the newest."""
    spots = sorted(spots, key=asking.distance)
    found = (one for spot in spots if (one := again(asking, spot, known)))
    return next(found, None)


def _forked(asking: Asking, scope: Scope, known: Known) -> Placing | None:
    """Rule 3."""
    history = asking.history
    spots = sorted(known.inside(history.before(history.behind), scope), key=asking.distance)
    return Placing(start=history.root, origin=spots[0]) if spots else None


def _nearer(asking: Asking, found: Placing, scope: Scope, known: Known) -> Placing | None:
    """A stranger may have been told exactly what the client has made of its own answer: then its own is meant."""
    held = found.held or (found.origin.held if found.origin else None)
    if held is None or not any(asking.distance(held)):
        return None
    cut = cut_answer(asking, scope, known, sure=True)
    return cut if cut and cut.held and asking.distance(cut.held) < asking.distance(held) else None


def _through_window(asking: Asking, scope: Scope, known: Known) -> Placing | None:
    """Rule 4: at the tip it goes on; before that only what was answered last may be asked again."""
    spot = window(asking, scope, known)
    if spot is None or spot.place == spot.held.tip_place:
        return _behind_tip(asking, spot.held, known, appends=True) if spot else None
    found = _same_turn(asking, spot, asking.history.behind, known)
    return found if found and found.keep + 1 == spot.held.tip_place else None


def _extended(asking: Asking, scope: Scope, known: Known) -> Placing | None:
    """The client begins the answer with a tip: it wants more of that."""
    history = asking.history
    held = _tip(asking, history.chain[-1], scope, known)
    if not held or held.former or held.choice or not (tip := known.newest(held, 1, held.tip_place)):
        return None
    if tip[0].place != held.tip_place or held.last > held.tip_place:
        return None
    return Placing("extended", held, held.tip_place - 1, history.asked, history.end)


# ── behind a tip ────────────────────────────────────────────────────────────────────────────────────────────────────


def _behind_tip(
    asking: Asking, held: Held, known: Known, *, first: int | None = None, appends: bool = False
) -> Placing:
    """The answered part ends at the tip; of a question that was left unanswered there, what is asked again stays."""
    history = asking.history
    keep, start, first = held.tip_place, held.tip, history.behind if first is None else first
    if held.last > held.tip_place and not held.former and not held.choice:
        unanswered = known.behind(held, held.tip_place, MOST_UNANSWERED)
        for one, at in zip(unanswered, history.heard(first), strict=False):
            if one.digest != history.digests[at]:
                break
            keep, start, first = one.place, one.chain, at + 1
    return Placing("goes_on", held, keep, start, first, appends=appends)


# ── named by the client ─────────────────────────────────────────────────────────────────────────────────────────────


def _named(asking: Asking, known: Known) -> Placing | None:
    caller, history = asking.caller, asking.history
    held = known.named(caller.conversation_id, caller.user)
    if held is None:
        return None
    if history.answered < 0:
        tries = (_extended(asking, scope, known) for scope in scopes(caller) if history.prefill)
        return next(filter(None, tries), None) or _without_answers(asking, held, known)
    found = next(filter(None, (_searched(asking, scope, known) for scope in scopes(caller))), None)
    if found and held.appended and (once := said_once(asking, held, known)):
        return once
    if not found and overlaps(history, Spot(held, held.tip_place), known):
        # where the chat is known the last answer alone will do
        return _behind_tip(asking, held, known, appends=True)
    return found or _rewritten(asking, held, known)


def _without_answers(asking: Asking, held: Held, known: Known) -> Placing:
    """Questions only: what waits there unanswered, what an SDK asks again, or more, put behind what there is."""
    history = asking.history
    brought = [history.digests[at] for at in history.heard()]
    turn = known.newest(held, len(brought) + 1, held.last)
    waiting = known.behind(held, held.tip_place, MOST_UNANSWERED)
    if waiting and brought[: len(waiting)] == [one.digest for one in waiting]:
        first = history.heard()[len(waiting) - 1] + 1
        return Placing("goes_on", held, waiting[-1].place, waiting[-1].chain, first, appends=held.appended)
    if len(turn) > 1 and brought == [one.digest for one in turn[:-1]]:
        found = again(asking, Spot(held, turn[-2].place), known)
        if found and found.how != "regenerated":
            return _with_start(found, turn[-2].chain)
    end = turn[-1].chain if turn else history.root
    return Placing("goes_on", held, held.last, end, 0, appends=held.last > 0)


def _same_turn(asking: Asking, spot: Spot, first: int, known: Known) -> Placing | None:
    """What is asked, from the message `first` on, was asked behind this place before."""
    history, held = asking.history, spot.held
    asked = [history.digests[at] for at in history.heard(first)]
    turn = known.behind(held, spot.place, len(asked) + 1)
    if not asked or asked != [one.digest for one in turn[:-1]]:
        return None
    found = again(asking, Spot(held, turn[-2].place), known)
    return _with_start(found, turn[-2].chain) if found else None


def _with_start(placing: Placing, start: bytes) -> Placing:
    return Placing(
        placing.how, placing.held, placing.keep, start, placing.first, appends=True, standing=placing.standing
    )


def _rewritten(asking: Asking, held: Held, known: Known) -> Placing:
    """Behind the longest beginning that both have; the client's list replaces what came after it."""
    history = asking.history
    heard = history.heard()
    # a beginning is known with all that begins it, so that it is found in a few steps, however long the list
    both = bisect_left(heard, True, key=lambda at: known.place_of(held, history.chain[at]) is None)
    if both and (one := known.place_of(held, history.chain[heard[both - 1]])):
        return Placing("rewritten", held, one.place, one.chain, heard[both - 1] + 1)
    return Placing("rewritten", held, 0, history.root)


def _chained(asking: Asking, spot: Spot, known: Known) -> Placing:
    """Behind a response that the client names: only what is new was sent."""
    history, held = asking.history, spot.held
    if spot.place == held.tip_place:
        return _behind_tip(asking, held, known, first=0, appends=True)
    if spot.place and (found := _same_turn(asking, spot, 0, known)):
        return found
    start = [history.root, *(one.chain for one in known.newest(held, 1, spot.place))][-1]  # or nothing was heard there
    return Placing(start=start, appends=True, origin=spot, copies=spot.place > 0)
