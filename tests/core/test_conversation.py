"""Whose conversation is it: decided on paper."""

import pytest

from proxy.core.caller import Caller
from proxy.core.conversation import place
from proxy.core.history import History
from proxy.core.message import chain
from proxy.core.place import Asking, Placing

from .memory import Memory, said, talk


@pytest.fixture
def known():
    return Memory()


def placed(known, text, *, name="", user="", line="1", session="", retries=False, previous="", answer="", **more):
    caller = Caller(name, user, retries=retries, session_id=session, previous_id=previous)
    answer = said(f"a:{answer}") if answer else None
    return place(Asking(History.of(talk(text)), caller, line, answer=answer, **more), known)


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
    """History that no conversation has begins a conversation, and belongs to it."""
    known.hold("u:hi a:hello u:how? a:so")

    for text in ("u:hi a:hullo u:how?", "u:ho a:hello u:why?", "u:hi a:hello u:how? a:so u:? a:! u:?"):
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
    pytest.param("u:1 a:2 u:3 a:4", "u:3 u:5", (4, 0), id="two questions, one of them known: behind what there is"),
    pytest.param("u:1 a:2 u:3 a:4", "u:1 a:2 u:3", (3, 3), id="a question asked again: its answer is replaced"),
    pytest.param("u:1 a:2", "u:1", (2, 0), id="the first question once more: behind what there is"),
    pytest.param("u:1 a:2 u:3", "u:3 u:4", (3, 1), id="no history, asked in vain before, and more"),
    pytest.param("u:1 u:2", "u:1", (2, 0), id="no history, half of what was asked in vain before"),
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

    assert placed(known, "u:1 a:9 u:9", name="c").start == chain(talk("u:1"))[-1]
    assert placed(known, "u:9", name="c").start == chain(talk("u:1 a:2 u:3 a:4"))[-1]
    assert placed(known, "u:9 a:9 u:9", name="c").start == b""


# ── rule 1: other tips ──────────────────────────────────────────────────────────────────────────────────────────────


def test_another_choice_is_a_tip_too(known):
    """Who goes on with another choice of the answer, or with one that was replaced, has it put back."""
    known.hold("u:hi a:hello", others=[(said("a:hey"), 1, 0), (said("a:yo"), 0, 1)])

    choice, former = (placed(known, f"u:hi a:{word} u:how?") for word in ("hey", "yo"))
    assert where(choice) == where(former) == (0, 2, 2)
    assert (choice.held.choice, choice.held.former) == (1, 0)
    assert (former.held.choice, former.held.former) == (0, 2)
    assert choice.start == chain(talk("u:hi a:hey"))[-1]


def test_an_empty_answer_before_a_call(known):
    """An answer that says nothing is not missed, nor found, by those who have or forget it."""
    known.hold("u:hi c:call_8f2k1x9q")
    known.hold("u:ho a:")

    assert where(placed(known, "u:hi a: c:call_8f2k1x9q t:sunny")) == (0, 2, 3)
    assert where(placed(known, "u:ho a: u:how?")) == (1, 2, 2)


# ── the session ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("session", "key"),
    [
        pytest.param("s-1", 0, id="the same session"),
        pytest.param("s-2", 1, id="a new session: of no session"),
        pytest.param("", 1, id="no session: of no session"),
    ],
)
def test_a_session_narrows_the_search(known, session, key):
    """Of several tips the same session's is taken, and never another session's."""
    known.hold("u:hi a:hello", session="s-1")
    known.hold("u:hi a:hello")
    known.hold("u:hi a:hello", session="s-3")

    assert placed(known, "u:hi a:hello u:how?", session=session).held.key == key


def test_two_sessions_never_share(known):
    """A conversation of another session is not gone on with; without a session it is, when there is no other."""
    known.hold("u:hi a:hello", session="s-1")

    assert placed(known, "u:hi a:hello u:how?", session="s-2") == Placing()
    assert placed(known, "u:hi a:hello u:how?").held.key == 0


# ── rule 2: asked again ─────────────────────────────────────────────────────────────────────────────────────────────

AGAIN = [
    pytest.param("u:1 a:2 u:3 a:4", "u:1 a:2 u:3", ("regenerated", 3), id="the last answer"),
    pytest.param("u:1 a:2 u:3 a:4 u:5 a:6", "u:1 a:2 u:3", ("regenerated", 3), id="an answer in the middle"),
    pytest.param("u:1 c:call_1 t:x a:4", "u:1 c:call_1 t:x", ("regenerated", 3), id="what tools gave is answered anew"),
    pytest.param("u:ok a:B u:ok a:B", "u:ok a:B u:ok", ("regenerated", 3), id="a history that is equal at both ends"),
    pytest.param("u:1 a:2 u:3", "u:1 a:2 u:3", ("goes_on", 3), id="what was never answered is no second answer"),
]


@pytest.mark.parametrize("name", ["", "c"], ids=["without an id", "named"])
@pytest.mark.parametrize(("ours", "theirs", "expected"), AGAIN)
def test_an_answer_asked_for_again(known, ours, theirs, expected, name):
    """Exactly this was answered before: the new answer comes in the old one's place."""
    known.hold(ours, name=name, times=(1, 2))

    placing = placed(known, theirs, name=name, started=3)
    assert (placing.how, placing.keep) == expected


def test_a_tip_comes_before_another_answer(known):
    """Where one conversation waits for the question and another has answered it, the first goes on."""
    known.hold("u:hi a:hello")
    known.hold("u:hi a:hello u:how? a:so", line="1")

    assert where(placed(known, "u:hi a:hello u:how?")) == (0, 2, 2)


@pytest.mark.parametrize("name", ["", "c"], ids=["without an id", "named"])
def test_two_answers_at_a_time(known, name):
    """A request that began before the first answer was there is no second try: its answer stands beside."""
    known.hold("u:1 a:2 u:3 a:4", name=name, times=(10, 20))

    assert placed(known, "u:1 a:2 u:3", name=name, started=19).how == "beside"
    assert placed(known, "u:1 a:2 u:3", name=name, started=20).how == "regenerated"


def test_two_questions_at_a_time(known):
    """Two requests that go on from one answer at a time: the second begins a conversation that forks from the first."""
    for name in ("", "c"):
        known.hold("u:1 a:2 u:3 a:4", name=name, times=(10, 20))

        assert placed(known, "u:1 a:2 u:5", name=name, started=15).origin.place == 2


def test_a_lone_question_at_a_time(known):
    """The only question of a named chat, asked twice at a time, has two answers; later it is a new one."""
    known.hold("u:hi a:hello", name="c", times=(10, 20))

    assert placed(known, "u:hi", name="c", started=15).how == "beside"
    assert where(placed(known, "u:hi", name="c", started=25)) == (0, 2, 0)


# ── an SDK's retry ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_retry_takes_what_waits_before_what_was_answered(known):
    """An SDK's question belongs where it was never answered, else where the answer was cut, else where it was lost."""
    known.hold("u:hi a:hello")
    assert placed(known, "u:hi", retries=True).how == "retried"

    known.hold("u:hi a:hello")
    assert placed(known, "u:hi", retries=True) == Placing(), "nobody knows whose answer was lost"

    known.hold("u:hi a:he", cut=True)
    assert placed(known, "u:hi", retries=True).held.key == 2

    known.hold("u:hi")
    placing = placed(known, "u:hi", retries=True)
    assert (placing.how, *where(placing)) == ("goes_on", 3, 1, 1)


def test_a_retry_of_what_was_gone_on_with(known):
    """An SDK that asks again has not seen the answer: one behind which somebody has gone on is not the lost one."""
    known.hold("u:hi a:hello u:how? a:so")
    assert placed(known, "u:hi", retries=True) == Placing()

    known.hold("u:hi a:hello")
    assert placed(known, "u:hi", retries=True) == Placing(), "many say hi"


def test_a_retry_of_a_later_turn(known):
    """An SDK's question with a history is looked for where it was answered, before where it might be new."""
    known.hold("u:hi a:hello u:how? a:so")
    known.hold("u:hi a:hello")

    placing = placed(known, "u:hi a:hello u:how?", retries=True)
    assert (placing.how, *where(placing)) == ("retried", 0, 3, 3)


def test_a_retry_in_a_chat_without_history(known):
    """Where only new messages are sent, the last of them asked again by an SDK is not doubled."""
    known.hold("u:hi a:hello u:more a:here", name="c", appended=True)

    placing = placed(known, "u:more", name="c", retries=True)
    assert (placing.how, placing.keep, placing.start) == ("retried", 3, chain(talk("u:hi a:hello u:more"))[-1])


# ── what began first and ended last ─────────────────────────────────────────────────────────────────────────────────


def test_a_cut_answer_that_comes_after_its_follow_up(known):
    """The client went on with what it had before the cut answer was recorded: that is not doubled."""
    known.hold("u:hi a:hel u:go a:on", times=(0, 20))
    known.hold("u:1 a:2 u:3 a:thr u:go a:on", times=(0, 20))

    lone = placed(known, "u:hi", started=10, cut=True, answer="hello")
    assert (lone.how, lone.held.key, lone.standing.place) == ("late", 0, 2)
    assert placed(known, "u:1 a:2 u:3", started=10, cut=True, answer="three").how == "late"
    assert placed(known, "u:hi", started=30, cut=True, answer="hello") == Placing(), "it came later than that"
    assert placed(known, "u:hi", started=10, cut=True, answer="other") == Placing(), "it said something else"


def test_a_lost_try_that_comes_after_the_sdks_next(known):
    """A try that ended after the SDK's next one was answered does not take its place."""
    known.hold("u:hi a:hello", times=(20, 30), retry=True)

    assert placed(known, "u:hi", started=10, cut=True).how == "late"
    assert placed(known, "u:hi", started=10, cut=True, answer="hel").how == "late"


# ── rule 3: forks ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["", "c"], ids=["without an id", "named"])
def test_an_earlier_question_in_other_words(known, name):
    """History that ends inside a conversation begins a new one, and says where it comes from."""
    held = known.hold("u:1 a:2 u:3 a:4 u:5 a:6", name=name)

    placing = placed(known, "u:1 a:2 u:9", name=name)
    assert (placing.held, placing.origin, placing.first) == (None, (held, 2), 0)


def test_the_fork_of_a_chat_is_found_by_its_id(known):
    """Chats that go by one id are searched together: the fork goes on where it ends, and so does its origin."""
    known.hold("u:1 a:2 u:3 a:4", name="c")
    known.hold("u:1 a:2 u:9 a:8", name="c")

    assert where(placed(known, "u:1 a:2 u:9 a:8 u:7", name="c")) == (1, 4, 4)
    assert where(placed(known, "u:1 a:2 u:3 a:4 u:5", name="c")) == (0, 4, 4)


# ── rule 4: windows and cut answers ─────────────────────────────────────────────────────────────────────────────────

WINDOWS = [
    pytest.param("u:1 a:2 u:3 a:4", "u:3 a:4 u:5", 2, id="the last turn"),
    pytest.param("u:1 a:2 u:3 a:4", "a:2 u:3 a:4 u:5", 3, id="a window that begins with an answer"),
    pytest.param("u:1 a:2 u:3 a:4", "u:9 u:3 a:4 u:5", None, id="something else before the last turn"),
    pytest.param("u:3 a:4", "u:1 a:2 u:3 a:4 u:5", None, id="more than the conversation has"),
    pytest.param("u:1 a:2 u:3 a:4 u:5 a:6", "u:3 a:4 u:9", None, id="a window that is not at the end"),
    pytest.param("u:1 c:call_8f2k1x9q", "c:call_8f2k1x9q t:x@call_8f2k1x9q", 1, id="a call that nobody else makes"),
    pytest.param("u:1 c:call_1", "c:call_1 t:x@call_1", None, id="a call with an id that everybody has"),
    pytest.param("u:1 c:call_1 t:x a:4", "u:1 a:4 u:5", 2, id="a client that forgets the turns of tools"),
    pytest.param("u:0 a:0 u:1 c:call_1 t:x a:4", "u:0 a:0 u:1 a:4 u:5", 4, id="the same later on"),
    pytest.param("u:1 c:call_1 t:y a:4", "u:1 c:call_1 t:x a:4 u:5", None, id="a tool that gave something else"),
    pytest.param(
        "u:1 c:call_8f2k1x9q t:long@call_8f2k1x9q a:4",
        "u:1 c:call_8f2k1x9q t:[cleared]@call_8f2k1x9q a:4 u:5",
        4,
        id="a tool result that the client has cleared",
    ),
]


@pytest.mark.parametrize(("ours", "theirs", "first"), WINDOWS)
def test_windows(known, ours, theirs, first):
    """The end of a conversation is found by its last turn, or by a call, when all that overlaps is equal."""
    held = known.hold(ours)

    placing = placed(known, theirs)
    assert where(placing) == ((0, held.tip_place, first) if first else (None, 0, 0))
    assert placing.appends is bool(first)


def test_an_answer_asked_for_again_through_a_window(known):
    """Of a window over the end only the last answer can be asked for again; anything before that is not told."""
    known.hold("u:1 a:2 u:3 a:4 u:5 a:6 u:7 a:8", times=(1, 2))

    placing = placed(known, "u:5 a:6 u:7", started=3)
    assert (placing.how, placing.keep, placing.start) == (
        "regenerated",
        7,
        chain(talk("u:1 a:2 u:3 a:4 u:5 a:6 u:7"))[-1],
    )
    assert placed(known, "u:3 a:4 u:5", started=3) == Placing()


def test_a_call_that_two_conversations_hold(known):
    """A call that a fork holds as well proves nothing."""
    known.hold("u:1 c:call_8f2k1x9q")
    known.hold("u:2 c:call_8f2k1x9q")

    assert placed(known, "c:call_8f2k1x9q t:x@call_8f2k1x9q") == Placing()


CUT = [
    pytest.param("one-two", "one", True, id="its beginning"),
    pytest.param("one-two", "two", True, id="its end"),
    pytest.param("one-two", "e-t", False, id="something from its middle"),
    pytest.param("one-two", "three", False, id="another answer"),
    pytest.param("one-two", "one-two-three", False, id="more than it was"),
]


@pytest.mark.parametrize(("ours", "theirs", "found"), CUT)
def test_a_cut_last_answer(known, ours, theirs, found):
    """A client that has a part of the last answer goes on with that part."""
    known.hold(f"u:1 a:2 u:3 a:{ours}")

    placing = placed(known, f"u:1 a:2 u:3 a:{theirs} u:5")
    assert where(placing) == ((0, 4, 4) if found else (None, 0, 0))
    assert placing.said == (said(f"a:{theirs}") if found else None)


def test_more_than_we_have_of_a_cut_answer(known):
    """The client may have more of an answer than came to us before the crash."""
    known.hold("u:1 a:one", cut=True)

    assert placed(known, "u:1 a:one-two u:3").said == said("a:one-two")


LONG = "u:how-is-it-with-that? a:it-depends-on-what-you-mean-by-that"
UNSEEN = [
    pytest.param([LONG], (0, 2, 2), id="behind the only tip"),
    pytest.param([LONG, LONG], (None, 0, 0), id="behind one of two tips"),
    pytest.param([f"{LONG} u:3 a:4"], (None, 0, 0), id="the turn was another one"),
    pytest.param([f"{LONG} u:3"], (None, 0, 0), id="the turn was not answered"),
    pytest.param(["u:0 a:0"], (None, 0, 0), id="more is missing"),
]


@pytest.mark.parametrize(("ours", "expected"), UNSEEN)
def test_an_answered_question_that_has_not_come(known, ours, expected):
    """A history whose last turn is unknown goes on where all before that ends, if nobody else has said the same."""
    for one in ours:
        known.hold(one)

    assert where(placed(known, f"{LONG} u:3 a:x u:5")) == expected


def test_a_greeting_and_a_turn_that_has_not_come(known):
    """What everybody says tells nobody: such a history begins a conversation."""
    known.hold("u:hi a:Hello!-How-can-I-help-you-today?")

    assert placed(known, "u:hi a:Hello!-How-can-I-help-you-today? u:3 a:x u:5") == Placing()


def test_what_a_stranger_has_exactly_comes_before_a_turn_that_has_not_come(known):
    """A rule that sees the whole history, wherever it finds that, goes before one that sees a part."""
    known.hold(f"{LONG} u:3 a:x", user="ada")
    known.hold(LONG)

    assert where(placed(known, f"{LONG} u:3 a:x u:5")) == (0, 4, 4)


# ── answers that the client begins ──────────────────────────────────────────────────────────────────────────────────


def test_a_begun_answer_is_no_history(known):
    """What the client puts into the model's mouth stands behind the question: it is found by what is before."""
    known.hold("u:1 a:2")

    assert where(placed(known, "u:1 a:2 u:3 a:well,")) == (0, 2, 2)
    assert placed(known, "u:1 a:well,") == Placing()


@pytest.mark.parametrize("name", ["", "c"], ids=["without an id", "named"])
def test_more_of_the_same_answer(known, name):
    """A client that begins the answer with all of the last one wants the rest of it."""
    known.hold("u:1 a:one", name=name)

    placing = placed(known, "u:1 a:one", name=name)
    assert (placing.how, *where(placing)) == ("extended", 0, 1, 1)


# ── named: history and none ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_first_question_asked_again_and_gone_on_with(known):
    """Equal first questions look like a talk, until the history shows that they were tries at the first answer."""
    known.hold("u:hi a:1 u:hi a:2 u:hi a:3", name="c", appended=True)

    tried = placed(known, "u:hi a:3 u:how?", name="c")
    assert (where(tried), tried.drop) == ((0, 6, 2), 4)
    assert tried.start == chain(talk("u:hi a:3"))[-1]


@pytest.mark.parametrize("ours", ["u:ho a:1 u:hi a:2", "u:hi a:1 u:hi a:2 u:ho a:3 u:hi a:2"])
def test_equal_questions_in_a_talk(known, ours):
    """A question that comes again after others is part of the talk."""
    held = known.hold(ours, name="c", appended=True)

    placing = placed(known, "u:hi a:2 u:how?", name="c")
    assert (where(placing), placing.drop) == ((0, held.last, 2), 0)


def test_a_list_of_the_clients_own(known):
    """A named chat whose history is another one now is what the client says, behind the beginning that both have."""
    known.hold("u:1 a:2 u:3 a:4", name="c")

    shared, other = (placed(known, text, name="c") for text in ("u:1 a:9 u:3", "u:7 a:8 u:9"))
    assert (shared.how, *where(shared)) == ("rewritten", 0, 1, 1)
    assert (other.how, *where(other)) == ("rewritten", 0, 0, 0)


# ── a response that is gone on from ─────────────────────────────────────────────────────────────────────────────────


def test_a_response_is_gone_on_from(known):
    """The response before names the place; the request holds only what is new."""
    known.hold("u:1 a:2 u:3 a:4", completions={"resp_2": 2, "resp_4": 4, "resp_0": 0})

    placing = placed(known, "u:5", previous="resp_4")
    assert (placing.how, *where(placing), placing.appends) == ("goes_on", 0, 4, 0, True)


def test_an_older_response_is_gone_on_from(known):
    """Going on from an older response is a fork, whose beginning is copied; the same question is another answer."""
    held = known.hold("u:1 a:2 u:3 a:4", completions={"resp_2": 2})

    fork = placed(known, "u:5", previous="resp_2", started=9)
    assert (fork.held, fork.origin, fork.copies) == (None, (held, 2), True)
    assert fork.start == chain(talk("u:1 a:2"))[-1]
    again = placed(known, "u:3", previous="resp_2", started=9)
    assert (again.how, again.keep, again.start) == ("regenerated", 3, chain(talk("u:1 a:2 u:3"))[-1])


def test_an_older_response_that_says_nothing_is_gone_on_from(known):
    """A conversation that begins with an empty answer can be forked behind that, too."""
    known.hold("a: u:hi a:hello", completions={"r-1": 1})

    placing = placed(known, "u:how?", previous="r-1")

    assert (placing.origin.place, placing.start, placing.copies) == (1, b"", True)


def test_an_unknown_response_is_gone_on_from(known):
    """A response that nobody has seen begins a conversation whose history is not whole."""
    assert placed(known, "u:5", previous="resp_9") == Placing(appends=True)


# ── histories ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_parts_of_a_history():
    """The system prompt stands apart; system messages further on stay where they are."""
    history = History.of(talk("s:a s:b u:1 a:2 s:c u:3"))

    assert [message.content for message in history.prompt] == ["a", "b"]
    assert [message.content for message in history.rest] == ["1", "2", "c", "3"]
    assert history.answered == 1
    assert History.of(talk("s:a")).answered == -1
