"""Whose conversation is it: decided on paper."""

import pytest

from proxy.core.caller import Caller
from proxy.core.conversation import Held, History, Placing, Standing, conversation_id, is_sampled, place
from proxy.core.message import SYSTEM_ROLES, Message, chain, digest

ROLES = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}


def talk(text):
    """`"u:hi a:hello"` as messages."""
    return [Message(ROLES[word[0]], word[2:]) for word in text.split()]


class Memory:
    """A store of conversations, each a list of messages with a user and a connection; newer ones come later."""

    def __init__(self):
        self._rows = []

    def hold(self, text, *, name="", user="", line="", appended=False):
        messages = talk(text)
        spoken = [message for message in messages if message.role not in SYSTEM_ROLES]
        hashes = chain(spoken)
        answers = [at for at, message in enumerate(spoken, 1) if message.role == "assistant"]
        tip_place = answers[-1] if answers else 0
        held = Held(len(self._rows), len(spoken), tip_place, hashes[tip_place - 1], appended)
        standing = [Standing(at, one, digest(spoken[at - 1])) for at, one in enumerate(hashes, 1)]
        self._rows.append((held, name, user, line, standing))
        return held

    def named(self, conversation_id):
        return next((held for held, name, *_ in self._rows if name == conversation_id), None)

    def newest_at(self, tip, user, connection):
        fits = (
            held
            for held, _, its_user, line, _ in reversed(self._rows)
            if held.tip == tip and user in (None, its_user) and connection in (None, line)
        )
        return next(fits, None)

    def standing(self, held):
        return self._rows[held.key][4]


@pytest.fixture
def known():
    return Memory()


def placed(known, text, *, name="", user="", line="1", retries=False):
    return place(History.of(talk(text)), Caller(name, user, retries=retries), line, known)


def where(placing):
    """Which conversation, behind which place, from which message on."""
    return placing.held and placing.held.key, placing.keep, placing.first


# ── without an id ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_lone_question_is_new(known):
    """A first message begins a conversation, even when somebody has asked the same."""
    known.hold("u:hi a:hello")

    assert placed(known, "u:hi") == Placing()


def test_history_that_ends_at_a_tip_goes_on_there(known):
    """A request whose history ends with a logged answer goes on behind it."""
    held = known.hold("u:hi a:hello")

    placing = placed(known, "u:hi a:hello u:how?")

    assert where(placing) == (0, 2, 2)
    assert placing.start == held.tip


def test_unknown_history_is_new(known):
    """History that no conversation ends with begins a conversation, and belongs to it."""
    known.hold("u:hi a:hello u:how? a:so")

    for text in ("u:hi a:hullo u:how?", "u:hi a:hello u:why?", "u:hi a:hello u:how? a:so u:? a:! u:?"):
        assert placed(known, text) == Placing()


def test_system_messages_are_left_out(known):
    """A changed, added or dropped system prompt does not hide the history; one behind the tip is new."""
    known.hold("s:today u:hi a:hello")

    assert where(placed(known, "s:tomorrow u:hi a:hello u:how?")) == (0, 2, 2)
    assert where(placed(known, "u:hi a:hello s:reminder u:how?")) == (0, 2, 2)


def test_tool_results_go_on_behind_the_call(known):
    """The results of a call follow the message that made it."""
    known.hold("u:weather a:call")

    assert where(placed(known, "u:weather a:call t:sunny")) == (0, 2, 2)


@pytest.mark.parametrize(
    ("user", "line", "key"),
    [
        pytest.param("ann", "9", 0, id="the same user"),
        pytest.param("ben", "1", 2, id="the same user, the newest"),
        pytest.param("ben", "2", 1, id="the same user, on the same connection"),
        pytest.param("cho", "1", 4, id="a new user takes nobody's: the newest of no user"),
        pytest.param("cho", "3", 3, id="a new user: of no user, on the same connection"),
        pytest.param("", "9", 4, id="no user: the newest of no user"),
        pytest.param("", "3", 3, id="no user: on the same connection"),
    ],
)
def test_several_tips_fit(known, user, line, key):
    """Of several tips the same user's is taken, then the one on the same connection, then the newest."""
    for its_user, its_line in (("ann", "1"), ("ben", "2"), ("ben", "3"), ("", "3"), ("", "4")):
        known.hold("u:hi a:hello", user=its_user, line=its_line)

    assert placed(known, "u:hi a:hello u:how?", user=user, line=line).held.key == key


def test_two_named_users_never_share(known):
    """A conversation of another named user is not gone on with, though the history fits."""
    known.hold("u:hi a:hello", user="ann")

    assert placed(known, "u:hi a:hello u:how?", user="ben") == Placing()


def test_a_request_without_a_user_may_go_on_with_a_named_users(known):
    """A client that names its user only sometimes keeps its conversation."""
    known.hold("u:hi a:hello", user="ann")

    assert where(placed(known, "u:hi a:hello u:how?")) == (0, 2, 2)


def test_what_was_asked_in_vain_is_asked_again(known):
    """A question behind the tip that was never answered stays when it is asked again."""
    known.hold("u:hi a:hello u:how?")

    assert where(placed(known, "u:hi a:hello u:how?")) == (0, 3, 3)
    assert where(placed(known, "u:hi a:hello u:how? u:please!")) == (0, 3, 3)


def test_what_was_asked_in_vain_is_dropped_with_the_client(known):
    """A question behind the tip that the client has dropped is replaced by what it asks now."""
    known.hold("u:hi a:hello u:how?")

    assert where(placed(known, "u:hi a:hello u:why?")) == (0, 2, 2)


def test_a_first_question_that_an_sdk_repeats(known):
    """A first question that was never answered is the same when the SDK sends it again, new when a person does."""
    known.hold("u:hi")
    known.hold("u:hi a:hello")

    assert where(placed(known, "s:0 u:hi", retries=True)) == (0, 1, 1)
    assert placed(known, "u:hi") == Placing()
    assert placed(known, "u:ho", retries=True) == Placing()
    assert placed(known, "s:0", retries=True) == Placing()


# ── with an id ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_unknown_id_is_new(known):
    """A name that nobody used begins a conversation, though the history would fit another."""
    known.hold("u:hi a:hello")

    assert placed(known, "u:hi a:hello u:how?", name="c") == Placing()


NAMED = [
    pytest.param("u:1 a:2", "u:1 a:2 u:3", (2, 2), id="history to the tip: behind it"),
    pytest.param("u:1 a:2", "s:0 u:1 a:2 s:0 u:3", (2, 2), id="system messages are left out"),
    pytest.param("u:1 a:2 u:3 a:4", "u:3 a:4 u:5", (4, 2), id="the newest part of the history: behind the tip"),
    pytest.param("u:1 a:2 u:3 a:4", "a:4 u:5", (4, 1), id="only the last answer: behind the tip"),
    pytest.param("u:1 a:2 u:3 a:4", "u:1 a:2 u:9", (2, 2), id="an earlier question asked anew: behind what it follows"),
    pytest.param("u:1 a:2 u:3 a:4", "u:1 a:2 u:3", (3, 3), id="a question asked again: its answer is replaced"),
    pytest.param("u:1 a:2", "u:1", (1, 1), id="the first question asked again"),
    pytest.param("u:1 a:2", "u:1 a:9 u:3", (1, 1), id="an answer changed by the client: the client's list counts"),
    pytest.param("u:1 a:2", "u:1 a:2 u:3 a:4 u:5", (2, 2), id="a turn that went elsewhere: it is filled in"),
    pytest.param("u:1 a:2", "u:8 a:9 u:10", (0, 0), id="another history: it replaces ours"),
    pytest.param("u:1 a:2", "u:3", (2, 0), id="no history: behind what there is"),
    pytest.param("u:1 a:2 u:3", "u:3", (3, 1), id="no history, asked in vain before: not twice"),
    pytest.param("u:1", "u:1", (1, 1), id="the first question, asked in vain before"),
]


@pytest.mark.parametrize(("ours", "theirs", "expected"), NAMED)
def test_inside_a_named_conversation(known, ours, theirs, expected):
    """A named conversation goes on where the client's history meets ours, or behind it, or is replaced by it."""
    known.hold(ours, name="c")

    assert where(placed(known, theirs, name="c")) == (0, *expected)


def test_a_client_that_sends_no_history(known):
    """Where history was never sent, the first question said again is a new question, and is put behind."""
    known.hold("u:hi a:hello u:more a:here", name="c", appended=True)

    placing = placed(known, "u:hi", name="c")

    assert where(placing) == (0, 4, 0)
    assert placing.appends


def test_a_client_that_sends_no_history_but_its_calls(known):
    """Where history is not sent, the turn that a tool result belongs to is found at the end."""
    known.hold("u:hi a:hello u:weather a:call", name="c", appended=True)

    assert where(placed(known, "u:weather a:call t:sunny", name="c")) == (0, 4, 2)


def test_the_chain_goes_on_from_where_it_was_cut(known):
    """The hash before the first new message is that of the last one that stands."""
    known.hold("u:1 a:2 u:3 a:4", name="c")

    assert placed(known, "u:1 a:2 u:9", name="c").start == chain(talk("u:1 a:2"))[-1]
    assert placed(known, "u:9", name="c").start == chain(talk("u:1 a:2 u:3 a:4"))[-1]
    assert placed(known, "u:9 a:9 u:9", name="c").start == b""


# ── ids ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_conversation_ids():
    """A given id is used as given, unless another tenant has it; ours are random."""
    chance = bytes(range(16))

    assert conversation_id("chat-1", taken=False, chance=chance) == "chat-1"
    assert conversation_id("chat-1", taken=True, chance=chance) == "chat-1~00010203"
    assert conversation_id("", taken=False, chance=chance) == "conv_aaaqeayeaudaocajbifqydiob4"


@pytest.mark.parametrize(
    ("chance", "rate", "sampled"),
    [
        pytest.param(b"\xff" * 16, 1.0, True, id="all"),
        pytest.param(b"\x00" * 16, 0.0, False, id="none"),
        pytest.param(b"\x7f" + b"\xff" * 15, 0.5, True, id="below a half"),
        pytest.param(b"\x80" + b"\x00" * 15, 0.5, False, id="above a half"),
    ],
)
def test_sampling(chance, rate, sampled):
    """A rate of 1 takes every conversation, 0 none, a half one of two."""
    assert is_sampled(chance, rate) is sampled


def test_the_parts_of_a_history():
    """The system prompt stands apart; system messages further on stay where they are."""
    history = History.of(talk("s:a s:b u:1 a:2 s:c u:3"))

    assert [message.content for message in history.prompt] == ["a", "b"]
    assert [message.content for message in history.rest] == ["1", "2", "c", "3"]
    assert history.answered == 1
    assert History.of(talk("s:a")).answered == -1
