"""A request of which something was erased: how much of it may still be recorded.

Clients bring all their history with each turn, replicas and replays bring whole exchanges again. An exchange that began
before its conversation was erased, or is one of those that were, is not recorded any more. One that began afterwards goes
on with a conversation of its own: of its history the erased part is left out, up to the last message that is known to
have been erased (by its chain or pair hash). What stands in another conversation that the caller may be going on with is
not erased, however equal: many say "hi" and are told the same.

A history that the client has changed all over is not recognised; nor is what it quotes.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ..core.history import History
from ..core.message import digest, is_heard, link, pairs
from ..core.place import thread_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..core.caller import Caller
    from ..core.entry import Entry
    from ..db.sqlite import Tx
    from .tombstones import Tombstones


def remaining(tx: Tx, tombs: Tombstones, entry: Entry) -> Entry | None:
    """The entry without what was erased; None: nothing of it is to be recorded."""
    if not tombs.any:
        return entry
    if _is_named(tombs, entry):
        return None
    past = _Past(tx, tombs, entry)
    if entry.side:  # it quotes the chat in a text of its own, of which nothing can be left out
        quoted = History.of(entry.quoted, entry.history.root)
        return None if past.end_in(quoted) or past.end_in(entry.history) else entry
    end = past.end_in(entry.history)
    if past.covers or (not end and past.is_erased_answer()):
        return None
    if not end:
        return entry
    history = entry.history
    return replace(entry, history=History.of([*history.prompt, *history.rest[end:]], history.root))


def scopes_of(thread: str, user: str) -> list[str]:
    """
    Under which of these names what is recognised by its words alone is marked, and looked for.

    A chat that the client names, for each user apart; else the user; else nobody in particular.
    """
    return [f"{thread}\n{user}"] if thread.startswith("id:") else [f"\n{user}"]


def _is_named(tombs: Tombstones, entry: Entry) -> bool:
    """Whether the exchange is erased by what it is called, whatever it says."""
    caller, began = entry.caller, entry.started
    if tombs.at("name", entry.id) is not None:
        return True
    if caller.user and tombs.covers(began, "user", caller.user):
        return True
    chat = f"id:{caller.conversation_id}"
    return bool(caller.conversation_id) and tombs.covers(began, "thread", entry.tenant, chat, caller.user)


class _Past:
    """What of a history was erased."""

    def __init__(self, tx: Tx, tombs: Tombstones, entry: Entry) -> None:
        self._tx = tx
        self._tombs = tombs
        self._entry = entry
        self._scopes = list(_looked_for(entry.caller))
        #: It was erased after the exchange began.
        self.covers = False

    def end_in(self, history: History) -> int:
        """Index behind the last message that was erased, but for what stands elsewhere; 0: none was."""
        if history.answered >= 0 and self._stands(history.chain[history.answered]):
            return 0  # as ever: a conversation goes on
        paired = pairs(history.rest, None, history.root)
        for at in reversed([at for at, one in enumerate(history.digests) if one is not None]):
            pair = paired[at]
            erased = self._erased("chain", history.chain[at])
            if erased is None and pair:
                erased = self._erased("pair", pair)
            if erased is not None and not self._stands(history.chain[at], pair):
                self.covers |= self._entry.started <= erased
                return at + 1
        return 0

    def is_erased_answer(self) -> bool:
        """Whether the answer was erased, and the exchange began before: a replica's, of a first turn."""
        asked = last = self._entry.history.asked
        for answer in self._entry.answers:
            last = link(last, digest(answer)) if is_heard(answer) else last
        erased = None if last == asked else self._erased("chain", last)
        return erased is not None and self._entry.started <= erased and not self._stands(last)

    def _erased(self, kind: str, value: bytes) -> int | None:
        """Up to when what is recognised by a hash was erased."""
        found = (self._tombs.at(kind, self._entry.tenant, scope, value) for scope in self._scopes)
        return next((at for at in found if at is not None), None)

    def _stands(self, chain: bytes, pair: bytes | None = None) -> bool:
        who = {"tenant": self._entry.tenant, "user": self._entry.caller.user}
        if self._tx.one("stands", chain=chain, **who):
            return True
        return bool(pair and self._tx.one("stands_paired", pair=pair, **who))


def _looked_for(caller: Caller) -> Iterator[str]:
    thread = thread_of(caller)
    for user in dict.fromkeys((caller.user, "")):
        yield from scopes_of(thread, user)
    if thread.startswith("id:"):  # it may have had no name when it was erased
        yield from (f"\n{user}" for user in dict.fromkeys((caller.user, "")))
