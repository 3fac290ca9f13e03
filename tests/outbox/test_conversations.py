"""Exchanges become conversations: whole, each its own, each message once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.exchange import decode
from proxy.core.message import text_of
from proxy.journal.reader import Position
from proxy.outbox.store import Store

from ..fakes import NOW
from .book import Book
from .scenes import SECRET, assistant, exchange, read, says, user

HI, HOW = [user("hi")], [user("hi"), assistant("Hello"), user("how?")]


def named(name, *more):
    return [("x-teelog-conversation-id", name), *more]


def test_a_conversation_over_three_turns(book):
    """Turns without any id make one conversation, whole, each message once, with its own id and time."""
    first = book.take(exchange(HI, name="e-1", started=NOW))
    second = book.take(exchange(HOW, "Well", name="e-2", started=NOW + 10_000))
    third = book.take(
        exchange([*HOW, assistant("Well"), user("bye")], "Bye", name="e-3", started=NOW + 20_000), NOW + 20_500
    )

    assert first.key == second.key == third.key
    (one,) = book.snapshots()
    assert [(logged.id, text_of(logged.message.content), logged.created_at - NOW) for logged in one.messages] == [
        ("e-1.h0", "hi", 0),
        ("e-1", "Hello", 500),
        ("e-2.h2", "how?", 10_000),
        ("e-2", "Well", 10_500),
        ("e-3.h4", "bye", 20_000),
        ("e-3", "Bye", 20_500),
    ]
    assert one.created_at == NOW


def test_what_is_told_of_a_conversation(book):
    """A conversation tells its source, model, endpoint, rev, user and the caller's properties."""
    headers = [("x-teelog-user", "ann"), ("x-teelog-property-plan", "pro"), ("x-teelog-property-source", "app")]
    book.take(exchange(HI, headers=headers))

    (one,) = book.snapshots()
    assert one.properties == {
        "source": "teelog",
        "model": "m-1-2025",
        "endpoint": "chat.completions",
        "teelogRev": NOW,
        "plan": "pro",
        "user.source": "app",
    }
    assert one.user_properties == {"userId": "ann"}
    assert one.messages[1].properties["usage"] == {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}


def test_properties_of_later_turns_come_on_top(book):
    """Later properties and a later user are added to, or replace, those of earlier turns."""
    book.take(exchange(HI, headers=[("x-teelog-property-plan", "free"), ("x-teelog-property-tier", "1")]))
    book.take(exchange(HOW, headers=[("x-teelog-property-plan", "pro"), ("x-teelog-user", "ann")]))

    (one,) = book.snapshots()
    assert (one.properties["plan"], one.properties["tier"]) == ("pro", "1")
    assert one.user_properties == {"userId": "ann"}


def test_rev_grows_though_the_clock_stands_still(book):
    """A rev is the time it was made, and more than the one before."""
    revs = [book.take(exchange(HI), NOW).rev, book.take(exchange(HOW, "Well"), NOW).rev]
    revs.append(book.take(exchange([*HOW, assistant("Well"), user("!")]), NOW + 5000).rev)

    assert revs == [NOW, NOW + 1, NOW + 5000]


def test_an_exchange_is_recorded_once(book):
    """A record that comes again, after a crash at the wrong moment, changes nothing."""
    payload = exchange(HI)
    book.take(payload)

    assert book.take(payload).outcome == "seen"
    assert book.texts() == [["hi", "Hello"]]


def test_the_same_words_twice_are_two_conversations(book):
    """Two who said the same and heard the same go on apart: each tip is taken once."""
    for _ in range(2):
        book.take(exchange(HI))
    for word in ("one", "two"):
        book.take(exchange([*HOW[:2], user(word)], f"re {word}"))

    assert book.texts() == [["hi", "Hello", "one", "re one"], ["hi", "Hello", "two", "re two"]]


def test_the_same_words_of_two_users(book):
    """Who goes on is told by the user, then by the connection."""
    who = {
        "ann": [("x-teelog-user", "ann")],
        "ben": [("x-teelog-user", "ben")],
        "line 7": [],
        "line 8": [],
    }
    keys = {name: book.take(exchange(HI, headers=headers, connection=name)).key for name, headers in who.items()}
    for name in ("line 7", "ann", "line 8", "ben"):
        connection = name if name.startswith("line") else "another"
        assert book.take(exchange(HOW, name, headers=who[name], connection=connection)).key == keys[name]


def test_tenants_share_nothing(book):
    """The same words under another key are another conversation, even under the same given id."""
    book.take(exchange(HI, key="sk-one-key", headers=named("chat")))
    book.take(exchange(HI, key="sk-two-key", headers=named("chat")))
    book.take(exchange(HOW, "Well", key="sk-two-key", headers=named("chat")))
    book.take(exchange(HOW, "So", key="sk-three-key"))

    mine, theirs, new = book.all()
    assert mine == "chat"
    assert theirs.startswith("chat~")
    assert len(theirs) == len("chat~") + 8
    assert new.startswith("conv_")
    assert book.all()[theirs] == ["hi", "Hello", "how?", "Well"]


def test_ids_of_ours_cannot_be_guessed_and_do_not_change(book, tmp_path):
    """The id of a conversation is random to others, and the same when an exchange is recorded again from the journal."""
    payload = exchange(HI)
    book.take(payload)
    other = Store(tmp_path / "other.db", secret=b"of another")
    again = Store(tmp_path / "again.db", secret=SECRET)
    ids = [one.take([read(payload)], "journal", Position(0, 0), NOW)[0].conversation for one in (other, again)]
    other.close()
    again.close()

    (mine,) = book.all()
    assert mine == ids[1] != ids[0]
    assert decode(payload).id not in mine


def test_history_that_the_client_brought(book):
    """A conversation that began elsewhere is logged with the history that the client brought."""
    book.take(exchange([says("system", "Be kind"), *HOW], "Well", name="e-1"))

    (one,) = book.snapshots()
    assert [logged.id for logged in one.messages] == ["e-1.h0", "e-1.h1", "e-1.h2", "e-1.h3", "e-1"]
    assert {logged.created_at for logged in one.messages[:-1]} == {NOW}


def test_the_newest_system_prompt_stands_first(book):
    """A prompt that changes every turn stays one message, with its newest text; it may grow and shrink."""
    prompts = [["Monday"], ["Tuesday"], ["Be kind", "Wednesday"], ["Thursday"], []]
    talked = []
    for turn, prompt in enumerate(prompts):
        talked.append(user(f"q{turn}"))
        book.take(exchange([*(says("system", text) for text in prompt), *talked], f"a{turn}", name=f"e-{turn}"))
        talked.append(assistant(f"a{turn}"))
        if turn == 2:
            assert book.texts()[0][:3] == ["Be kind", "Wednesday", "q0"]

    (one,) = book.snapshots()
    texts = [text_of(logged.message.content) for logged in one.messages]
    assert texts[0] == "Thursday"
    assert texts[1:] == [f"{who}{turn}" for turn in range(5) for who in "qa"]
    assert one.messages[0].id == "e-0.h0"


def test_a_clients_message_ids(book):
    """A client's own message id is kept where it is free."""
    book.take(exchange([user("hi", id="m-1")], name="e-1"))
    book.take(exchange([user("hi", id="m-1"), assistant("Hello", id="m-2"), user("?", name="e-1")], name="e-2"))
    book.take(exchange([user("another", id="m-1")], name="e-3"))

    ids = [[logged.id for logged in one.messages] for one in book.snapshots()]
    assert ids == [["m-1", "e-1", "e-2.h2", "e-2"], ["e-3.h0", "e-3"]]


def test_tool_calls_and_results(book):
    """A call, its results and the answer to them are one conversation."""
    call = {"id": "call_8f2k1x", "type": "function", "function": {"name": "weather", "arguments": '{"in":"Rome"}'}}
    asked = assistant(None, tool_calls=[call])
    book.take(exchange(HI, asked))
    resent = assistant("", tool_calls=[call | {"function": {"name": "weather", "arguments": '{ "in": "Rome" }'}}])
    book.take(exchange([*HI, resent, says("tool", "sunny", tool_call_id="call_8f2k1x")], "Sunny!"))

    (one,) = book.snapshots()
    assert [logged.message.role for logged in one.messages] == ["user", "assistant", "tool", "assistant"]
    assert one.messages[1].message.tool_calls == [call]


def test_several_choices(book):
    """Of several choices the first is the answer, the others stand beside it."""
    choices = [{"message": assistant(text), "finish_reason": "stop"} for text in ("Hello", "Hey", "Yo")]
    book.take(exchange(HI, choices=choices, n=3))
    book.take(exchange(HOW, "Well"))

    (one,) = book.snapshots()
    beside = one.messages[1].properties["alternatives"]
    assert [other["content"] for other in beside] == ["Hey", "Yo"]
    assert len(one.messages) == 4


# ── what goes wrong on the way ──────────────────────────────────────────────────────────────────────────────────────


def test_an_interrupted_answer_is_kept_as_far_as_it_came(book):
    """A stream cut by the client keeps what came, and says so; the conversation goes on from there."""
    event = b'data: {"id":"c-1","choices":[{"index":0,"delta":{"role":"assistant","content":"Hel"}}]}\n\n'
    book.take(exchange(HI, body=event, interrupted="client", stream=True))
    book.take(exchange([user("hi"), assistant("Hel"), user("go on")], "lo"))

    (one,) = book.snapshots()
    assert [text_of(logged.message.content) for logged in one.messages] == ["hi", "Hel", "go on", "lo"]
    assert one.messages[1].properties["interrupted"] == "client"
    assert one.messages[1].properties["timeToFirstTokenMs"] == 100


def test_a_question_without_an_answer_is_not_doubled_when_it_is_asked_again(book):
    """A question whose answer never came is kept, and stays one when the client asks it again."""
    book.take(exchange(HI))
    book.take(exchange(HOW, None, status=0, interrupted="client", name="e-2"))
    assert book.texts() == [["hi", "Hello", "how?"]]

    book.take(exchange(HOW, "Well", name="e-3"))

    (one,) = book.snapshots()
    assert [logged.id for logged in one.messages][2:] == ["e-2.h2", "e-3"]
    assert book.texts() == [["hi", "Hello", "how?", "Well"]]


def test_a_first_question_that_an_sdk_repeats(book):
    """A first question whose answer never came is not doubled by the SDK's next try."""
    book.take(exchange(HI, None, status=0, interrupted="client", name="e-1"))
    book.take(exchange(HI, name="e-2", headers=[("x-stainless-retry-count", "1")]))
    book.take(exchange(HOW, "Well"))

    assert book.texts() == [["hi", "Hello", "how?", "Well"]]
    assert [logged.id for logged in book.snapshots()[0].messages][:2] == ["e-1.h0", "e-2"]


def test_a_new_question_after_one_without_an_answer(book):
    """A question that the client dropped gives way to the one it asks instead."""
    book.take(exchange(HI))
    book.take(exchange(HOW, None, status=0, interrupted="client"))
    book.take(exchange([*HOW[:2], user("why?")], "Because"))

    assert book.texts() == [["hi", "Hello", "why?", "Because"]]


def test_history_with_an_unanswered_end(book):
    """A history whose last question was not answered is found again by the answers in it."""
    book.take(exchange(HOW, None, status=0, interrupted="client"))
    book.take(exchange(HOW, "Well"))

    assert book.texts() == [["hi", "Hello", "how?", "Well"]]


def test_an_answer_is_not_given_up_for_one_that_never_came(book):
    """Asking again inside a named conversation, and getting nothing, leaves what stood."""
    book.take(exchange(HI, headers=named("chat")))
    book.take(exchange(HOW, "Well", headers=named("chat"), started=NOW + 1000))
    outcome = book.take(exchange(HOW, None, status=0, interrupted="client", headers=named("chat"), started=NOW + 2000))

    assert outcome.outcome == "unanswered"
    assert book.texts() == [["hi", "Hello", "how?", "Well"]]


# ── named conversations ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_given_id_is_used_as_given(book):
    """A conversation that the client names has that name, over all its turns."""
    book.take(exchange(HI, headers=named("chat-1")))
    book.take(exchange(HOW, "Well", headers=[("X-Conversation-Id", "chat-1")]))

    assert book.all() == {"chat-1": ["hi", "Hello", "how?", "Well"]}


def test_a_named_conversation_whose_history_is_an_empty_answer(book):
    """An answer that says nothing before the first question of a known chat is no reason to set the record aside."""
    for at, turn in enumerate(([user("hi")], [user("more")], [assistant(""), user("hi")])):
        outcome = book.take(exchange(turn, f"re {at}", headers=named("chat"), started=NOW + at * 1000))
        assert outcome.outcome == "recorded"


@pytest.mark.parametrize("brought", [[], [user("before"), assistant("then")]], ids=["new messages", "histories"])
def test_two_users_whose_chats_have_one_name(book, brought):
    """Two stated users under one key, whose chats are both called "1", have a conversation each."""
    talks = {"ann": [*brought, user("I am ann")], "ben": [*brought, user("I am ben")]}
    for who, talk in talks.items():
        book.take(exchange(talk, f"Hello {who}", headers=named("1", ("x-teelog-user", who))))
    for who, talk in talks.items():
        more = [user(f"and {who}?")] if not brought else [*talk, assistant(f"Hello {who}"), user(f"and {who}?")]
        book.take(exchange(more, "Well", headers=named("1", ("x-teelog-user", who)), started=NOW + 9000))

    begin = [message["content"] for message in brought]
    assert book.texts() == [[*begin, f"I am {who}", f"Hello {who}", f"and {who}?", "Well"] for who in talks]
    assert {one.user_properties["userId"] for one in book.snapshots()} == set(talks)
    assert book.events() == []


def test_a_side_request_of_a_user_whose_chat_has_anothers_name(book):
    """A probe before the first question of a chat is no event of another user's chat of that name."""
    book.take(exchange([user("I am ann")], headers=named("1", ("x-teelog-user", "ann"))))
    book.take(exchange(HI, "Yo", headers=named("1", ("x-teelog-user", "ben")), max_tokens=1))

    assert book.events() == []
    assert book.snapshots()[1].properties["kind"] == "probe"


def test_our_own_id_names_a_conversation_too(book):
    """A client that learnt our id goes on with the conversation by it."""
    name = book.take(exchange(HI)).conversation
    book.take(exchange([user("more")], "Here", headers=named(name)))

    assert book.all() == {name: ["hi", "Hello", "more", "Here"]}


def test_a_named_conversation_without_history(book):
    """A client that sends only its newest question gets one conversation, its repeated greeting included."""
    for text in ("hi", "more", "hi"):
        book.take(exchange([user(text)], f"re {text}", headers=named("chat")))

    assert book.texts() == [["hi", "re hi", "more", "re more", "hi", "re hi"]]


def test_a_named_conversation_whose_history_the_client_changed(book):
    """The client's list replaces ours from where they part; what was replaced stays known, and gives back its ids."""
    book.take(exchange(HI, headers=named("chat"), name="e-1"))
    book.take(exchange([*HI, assistant("Hello"), user("how?", id="m-3")], "Well", headers=named("chat"), name="e-2"))
    book.take(exchange([*HI, assistant("Hullo"), user("how?", id="m-3")], "Fine", headers=named("chat"), name="e-3"))

    assert book.texts() == [["hi", "Hullo", "how?", "Fine"]]
    assert book.replaced() == ["e-1", "m-3", "e-2"]
    (one,) = book.snapshots()
    assert [logged.id for logged in one.messages] == ["e-1.h0", "e-3.h1", "m-3", "e-3"]


@pytest.mark.parametrize("taken", ["e-2", "e-2.h0"])
def test_an_id_of_ours_that_a_client_has_put_on_another_message(book, taken):
    """The exchange that brings the id later is recorded all the same, and still known by it."""
    book.take(exchange([user("mine", id=taken)], name="e-1"))

    assert book.take(exchange(HI, "Hello", name="e-2")).outcome == "recorded"
    mine, hi = book.snapshots()
    assert [logged.id for logged in mine.messages] == [taken, "e-1"]
    assert [logged.id for logged in hi.messages] == [one + "~2" * (one == taken) for one in ("e-2.h0", "e-2")]
    assert book.take(exchange(HI, "Hello", name="e-2")).outcome == "seen"


def test_a_named_conversation_asked_again(book):
    """An answer that is asked for again is replaced by the new one."""
    book.take(exchange(HI, headers=named("chat")))
    book.take(exchange(HOW, "Well", headers=named("chat")))
    book.take(exchange(HOW, "Better", headers=named("chat"), name="e-3", started=NOW + 1000))

    assert book.texts() == [["hi", "Hello", "how?", "Better"]]


def test_a_named_conversation_through_a_window(book):
    """A client that sends only its last turns does not shorten the log."""
    book.take(exchange(HI, headers=named("chat")))
    book.take(exchange(HOW, "Well", headers=named("chat")))
    book.take(exchange([user("how?"), assistant("Well"), user("bye")], "Bye", headers=named("chat")))

    assert book.texts() == [["hi", "Hello", "how?", "Well", "bye", "Bye"]]


# ── sampling ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_conversations_are_sampled_whole(tmp_path):
    """A conversation is recorded over all its turns, or not at all; about the stated share of them is."""
    store = Store(tmp_path / "sampled.db", secret=SECRET, sample_rate=0.5)
    outcomes = {}
    for number in range(60):
        first = [user(f"hi {number}")]
        turns = [first, [*first, assistant("Hello"), user("how?")]]
        outcomes[number] = [
            store.take([read(exchange(turn))], "journal", Position(0, 0), NOW)[0].outcome for turn in turns
        ]
    kept = store._database.read(lambda tx: tx.all("depth"))[0]["n"]
    store.close()

    assert {tuple(both) for both in outcomes.values()} == {("recorded",) * 2, ("sampled_out",) * 2}
    assert 15 < kept < 45


def test_what_is_sampled_out_is_followed_by_its_hashes(tmp_path):
    """A conversation that is not recorded stays one through windows and other answers, and no word of it is kept."""
    store = Store(tmp_path / "sampled.db", secret=SECRET, sample_rate=0.0)
    book = Book(store, tmp_path / "sampled.db")
    talk, found = [says("system", "a secret")], []
    for number in range(5):
        talk.append(user(f"secret {number}"))
        for tries in range(min(number + 1, 2)):
            started = NOW + number * 9000 + tries * 1000
            found.append(book.take(exchange(talk[-3:], "a secret", name=f"e-{number}-{tries}", started=started)))
        talk.append(assistant("a secret"))
    store.close()

    assert {one.outcome for one in found} == {"sampled_out"}
    assert len({one.key for one in found}) == 1
    assert set(book.column("SELECT body || properties FROM message")) == {"{}{}"}


# ── many at once ────────────────────────────────────────────────────────────────────────────────────────────────────

WORDS = st.sampled_from(["hi", "yes", "more", "why?"])
CLIENTS = st.lists(
    st.tuples(
        st.sampled_from(["", "ann", "ben"]),
        st.sampled_from(["1", "2"]),
        st.sampled_from(["sk-one-key", "sk-two-key"]),
        st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4),
    ),
    max_size=6,
)


@settings(max_examples=40, deadline=None)
@given(clients=CLIENTS, order=st.randoms(use_true_random=False))
def test_many_who_say_the_same_are_kept_apart(tmp_path_factory, clients, order):
    """However alike and interleaved chats are, as many conversations come out as were held, each whole, each once."""
    path = tmp_path_factory.mktemp("many") / "teelog.db"
    store = Store(path, secret=SECRET)
    book = Book(store, path)
    histories = [[] for _ in clients]
    turns = [number for number, (*_, talk) in enumerate(clients) for _ in talk]
    order.shuffle(turns)
    for number in turns:
        who, line, key, talk = clients[number]
        history = histories[number]
        said, heard = talk[len(history) // 2]
        payload = exchange(
            [*history, user(said)], heard, key=key, connection=line, headers=[("x-teelog-user", who)] if who else []
        )
        book.take(payload)
        if order.random() < 0.2:
            book.take(payload)
        history += [user(said), assistant(heard)]

    assert book.texts() == sorted([message["content"] for message in history] for history in histories)
    store.close()
