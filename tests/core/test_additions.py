"""What one exchange adds to a conversation."""

from proxy.core.additions import additions, prompt_additions
from proxy.core.message import Message, chain
from proxy.core.place import Placing

from .exchanges import ANSWER, ID, USER, answered, asked, entry


def added(one, placing=None):
    return [(addition.id, addition.message.content) for addition in additions(one, placing or Placing())]


def test_ids_and_places():
    """The answer has the exchange's id, history is numbered through the whole request, the prompt included."""
    one = entry(
        asked(Message("system", "Be kind"), USER, ANSWER, Message("user", "More")),
        answered(Message("assistant", "Yes")),
    )

    assert [(addition.id, addition.message.content) for addition in prompt_additions(one)] == [(f"{ID}.h0", "Be kind")]
    assert added(one) == [(f"{ID}.h1", "Hi"), (f"{ID}.h2", "Hello"), (f"{ID}.h3", "More"), (ID, "Yes")]


def test_only_what_is_new():
    """Messages before the first new one are not added, and the chain goes on from the place that is kept."""
    one = entry(asked(USER, ANSWER, Message("user", "More")))
    start = chain([USER, ANSWER])[-1]
    new = additions(one, Placing(keep=2, start=start, first=2))

    assert [addition.message.content for addition in new] == ["More", "Hello"]
    assert [addition.chain for addition in new] == chain([USER, ANSWER, Message("user", "More"), ANSWER])[2:]


def test_a_clients_own_id():
    """A message's own id is offered when it is usable as one."""
    new = additions(entry(asked(Message("user", "Hi", id="msg-1"), Message("user", "You", id="null"))), Placing())

    assert [addition.own_id for addition in new] == ["msg-1", "", ""]


def test_several_messages_in_one_answer():
    """The last message of an answer has the exchange's id, those before it are numbered."""
    one = entry()
    one.answers = [Message("assistant", "Looking"), Message("assistant", "Still"), ANSWER]

    assert [name for name, _ in added(one)] == [f"{ID}.h0", f"{ID}.0", f"{ID}.1", ID]


def test_system_messages_have_no_hashes():
    """A system message inside the history is logged, but nothing is recognised by it."""
    new = additions(entry(asked(USER, Message("system", "Now"), USER)), Placing())

    assert [addition.chain is None for addition in new] == [False, True, False, False]
    assert [addition.digest is None for addition in new] == [False, True, False, False]
    assert new[1].chain is None
    assert [addition.pair is None for addition in new] == [True, True, True, False]
