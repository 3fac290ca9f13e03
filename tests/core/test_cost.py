"""Placing an exchange asks the store little, however long the histories are that clients bring."""

import pytest

from proxy.core.caller import Caller
from proxy.core.conversation import place
from proxy.core.history import History
from proxy.core.place import Asking

from .memory import Memory, talk

LENGTH = 400


class Counting(Memory):
    """A model of the store that counts the messages it is asked for."""

    given = 0

    def place_of(self, held, chain):
        self.given += 1
        return super().place_of(held, chain)

    def newest(self, held, count, upto):
        found = super().newest(held, count, upto)
        self.given += len(found)
        return found


def long(first, last):
    """A long chat between two turns."""
    return " ".join((first, *(f"u:q{number} a:a{number}" for number in range(LENGTH)), last))


@pytest.mark.parametrize(
    ("ours", "theirs", "how"),
    [
        pytest.param(long("u:hi", ""), long("u:ho", "u:x a:y"), "rewritten", id="another list from the beginning"),
        pytest.param(long("u:hi", "u:x a:y"), long("u:hi", "u:x a:z"), "rewritten", id="another last answer"),
        pytest.param(long("u:hi", "u:x a:y"), long("u:hi", "u:w a:y"), "rewritten", id="another last question"),
        pytest.param(long("u:hi", "u:v a:w u:x a:y"), long("u:hi", "u:v a:V u:x a:y"), "rewritten", id="a change near"),
    ],
)
def test_a_long_history_that_the_client_has_changed(ours, theirs, how):
    """Where two long histories part is found in a few steps, not by reading both."""
    known = Counting()
    known.hold(ours, name="chat")

    placing = place(Asking(History.of(talk(f"{theirs} u:?")), Caller("chat")), known)

    assert placing.how == how
    assert known.given < 80


def test_a_long_history_that_is_the_conversations():
    """Going on behind a conversation costs the same, however long it is."""
    known = Counting()
    known.hold(long("u:hi", ""))

    assert place(Asking(History.of(talk(long("u:hi", "u:?")))), known).how == "goes_on"
    assert known.given < 10
