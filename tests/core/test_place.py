"""Whose conversation is it, for many at once: what comes out is what was held, whatever they say and in whatever order."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.caller import Caller
from proxy.core.conversation import place
from proxy.core.history import History
from proxy.core.message import Message
from proxy.core.place import Asking

from .memory import Memory

#: Few words, so that histories meet; one of each client's own, so that regenerating and editing can be told apart.
WORDS = st.sampled_from(["hi", "yes", "why?"])
ANSWERS = st.sampled_from(["ok", "Sure."])
STEPS = st.lists(
    st.tuples(st.sampled_from(["ask", "ask", "ask", "again", "edit", "lose", "cut"]), WORDS, ANSWERS),
    min_size=1,
    max_size=6,
)
CLIENTS = st.lists(
    st.tuples(st.sampled_from(["", "ann", "ben"]), st.sampled_from(["", "s-1"]), st.booleans(), STEPS), max_size=6
)


class Client:
    """One who chats, names no chat unless `named`, and always sends what its screen shows."""

    def __init__(self, known, number, user, session, named):
        self.known, self.user, self.session = known, user, session
        self.name = f"chat-{number}" if named else ""
        self.line = str(number % 3)
        self.shown = []
        #: What must have been logged besides what is shown.
        self.kept = []
        self._own = f"I am {number}"
        self._edits = 0

    def do(self, clock, step):
        kind, said, heard = step
        if kind == "edit" and len(self.shown) > 2:
            self.kept.append(list(self.shown))
            del self.shown[2:]
            self._edits += 1
            said = f"{said} {self._own} {self._edits}"
        elif kind == "again" and len(self.shown) > 2:
            del self.shown[-1]
            return self._hear(clock, f"{heard} again")
        self.shown.append(Message("user", said if self.shown else self._own))
        if kind == "lose" and len(self.shown) > 1:
            self._ask(clock, f"lost {heard}")
            return self._hear(clock, heard, retries=True)
        if kind == "cut":
            return self._hear(clock, f"{heard} {self._own} and more", shown=f"{heard} {self._own}")
        return self._hear(clock, heard)

    def _hear(self, clock, heard, *, shown="", retries=False):
        self._ask(clock, heard, retries=retries, cut=bool(shown))
        self.shown.append(Message("assistant", shown or heard))

    def _ask(self, clock, heard, *, retries=False, cut=False):
        caller = Caller(self.name, self.user, retries=retries, session_id=self.session)
        started, ended = next(clock), next(clock)
        asking = Asking(History.of(self.shown), caller, self.line, started, Message("assistant", heard), cut)
        self.known.take(asking, place(asking, self.known), ended)

    def texts(self):
        return [tuple(one.content for one in shown) for shown in (*self.kept, self.shown) if shown]


@settings(max_examples=150, deadline=None)
@given(clients=CLIENTS, order=st.randoms(use_true_random=False))
def test_conversations_come_out_as_they_were_held(clients, order):
    """Each chat is there once and whole, its edited forms too, of whatever user, session or name, however interleaved."""
    known = Memory()
    people = [Client(known, number, user, session, named) for number, (user, session, named, _) in enumerate(clients)]
    turns = [number for number, (*_, steps) in enumerate(clients) for _ in steps]
    order.shuffle(turns)
    left = [list(steps) for *_, steps in clients]
    clock = iter(range(1, 10_000))
    for number in turns:
        people[number].do(clock, left[number].pop(0))

    logged = Counter(tuple(one.texts()) for one in known.conversations)
    expected = Counter(texts for client in people for texts in client.texts())
    assert {_uncut(one) for one in logged} == {_uncut(one) for one in expected}
    assert logged.total() == expected.total()


def _uncut(texts):
    """A last answer that was cut is logged as far as it came, until its reader goes on from what it has."""
    return (*texts[:-1], texts[-1].removesuffix(" and more")) if texts else ()
