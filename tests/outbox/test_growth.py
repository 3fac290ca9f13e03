"""What becomes of the messages: regenerated, retried, forked, put back, cut, begun by the client."""

import orjson
import pytest

from proxy.core.message import text_of
from proxy.outbox.store import ANALYTICS

from ..fakes import NOW
from .scenes import assistant, exchange, says, user

HI, HOW = [user("hi")], [user("hi"), assistant("Hello"), user("how?")]
AFTER = [*HOW, assistant("Well"), user("bye")]
RETRY = ("x-stainless-retry-count", "1")
LATER = NOW + 10_000


def named(*more):
    return [("x-teelog-conversation-id", "chat"), *more]


def ids(book):
    return [[logged.id for logged in one.messages] for one in book.snapshots()]


def choices(*texts):
    return {"choices": [{"message": assistant(text), "finish_reason": f"of {text}"} for text in texts]}


# ── another answer ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_regenerated_answer(book):
    """The new answer takes the place and has the new id; the old one is told as an event of the new."""
    book.take(exchange(HI, name="e-1"))
    book.take(exchange(HOW, "Well", name="e-2"))
    book.take(exchange(HOW, "Better", name="e-3", started=LATER))

    assert book.texts() == [["hi", "Hello", "how?", "Better"]]
    assert ids(book) == [["e-1.h0", "e-1", "e-2.h2", "e-3"]]
    (event,) = book.events()
    assert (event["type"], event["entityType"], event["messageId"]) == ("message:regenerated", "message", "e-3")
    (old,) = event["properties"]["messages"]
    assert (old["id"], old["content"], old["properties"]["usage"]["total_tokens"]) == ("e-2", "Well", 9)


def test_an_id_that_anothers_message_had(book):
    """A client's message id that a replaced message of another tenant had stays that one's: thumbs may still name it."""
    book.take(exchange([{**user("hi"), "id": "1"}], name="e-1", key="sk-one-key", headers=named()))
    rewritten = [{**user("hello"), "id": "2"}, assistant("Hey"), {**user("how?"), "id": "3"}]
    book.take(exchange(rewritten, name="e-2", key="sk-one-key", headers=named(), started=LATER))
    assert "1" in book.replaced()
    book.take(exchange([{**user("yo"), "id": "1"}], name="e-3", key="sk-two-key", started=LATER))
    book.take(exchange([{**user("yes"), "id": "1"}], name="e-4", key="sk-one-key", started=LATER))

    assert [one for names in ids(book) for one in names if one in ("1", "e-3.h0")] == ["e-3.h0", "1"]


def test_the_first_of_three_answers_is_gone_on_with(book):
    """Whoever goes back to an answer that was replaced has it put back, with its id; the newer one is told as an event."""
    book.take(exchange(HI, name="e-1"))
    for number, text in enumerate(("one", "two", "three"), 2):
        book.take(exchange(HOW, text, name=f"e-{number}", started=LATER * number))
    book.take(exchange([*HOW, assistant("one"), user("so?")], "So", name="e-5", started=LATER * 9))

    assert book.texts() == [["hi", "Hello", "how?", "one", "so?", "So"]]
    assert ids(book) == [["e-1.h0", "e-1", "e-2.h2", "e-2", "e-5.h4", "e-5"]]
    assert [event["messageId"] for event in book.events()] == ["e-3", "e-4", "e-2"]


def test_an_sdks_retry(book):
    """An answer that was lost on its way gives way to the one that arrived, and nothing is told of it."""
    book.take(exchange(HI, "lost", name="e-1"))
    book.take(exchange(HI, "Hello", name="e-2", headers=[RETRY], started=LATER))
    book.take(exchange(HOW, "lost", name="e-3", started=LATER))
    book.take(exchange(HOW, "Well", name="e-4", headers=[RETRY], started=LATER))

    assert book.texts() == [["hi", "Hello", "how?", "Well"]]
    assert ids(book) == [["e-1.h0", "e-2", "e-3.h2", "e-4"]]
    assert book.events() == []


@pytest.mark.parametrize("headers", [[], named()], ids=["without an id", "named"])
def test_parallel_answers_to_one_history(book, headers):
    """Two requests of one history at a time, as agents make them: both answers are kept, and either is gone on with."""
    book.take(exchange(HI, name="e-1", headers=headers))
    book.take(exchange(HOW, "one", name="e-2", started=LATER, headers=headers))
    book.take(exchange(HOW, "two", name="e-3", started=LATER + 100, headers=headers))

    (one,) = book.snapshots()
    (beside,) = one.messages[-1].properties["alternatives"]
    assert (one.messages[-1].id, beside["content"], beside["id"]) == ("e-2", "two", "e-3")

    book.take(exchange([*HOW, assistant("two"), user("so?")], "So", started=LATER + 2000, headers=headers))
    assert book.texts() == [["hi", "Hello", "how?", "two", "so?", "So"]]


@pytest.mark.parametrize("headers", [[], named()], ids=["without an id", "named"])
def test_parallel_questions_to_one_history(book, headers):
    """Two questions to one history at a time are two conversations, and each goes on by itself."""
    book.take(exchange(HI, headers=headers))
    words = ("one", "two")
    for word in words:
        book.take(exchange([*HOW[:2], user(word)], f"re {word}", started=LATER, headers=headers))
    for word in words:
        talk = [*HOW[:2], user(word), assistant(f"re {word}"), user("and?")]
        book.take(exchange(talk, f"more {word}", started=LATER + 2000, headers=headers))

    assert book.texts() == [["hi", "Hello", word, f"re {word}", "and?", f"more {word}"] for word in words]


def test_going_on_with_another_choice(book):
    """The other choice takes the place, under the same id and with its own finish reason; the first stands beside it."""
    book.take(exchange(HI, name="e-1", n=2, **choices("Hello", "Hey")))
    book.take(exchange([*HI, assistant("Hey"), user("how?")], "Well", name="e-2"))

    assert book.texts() == [["hi", "Hey", "how?", "Well"]]
    (one,) = book.snapshots()
    answer = one.messages[1]
    assert (answer.id, answer.properties["finishReason"]) == ("e-1", "of Hey")
    (beside,) = answer.properties["alternatives"]
    assert (beside["content"], beside["finishReason"]) == ("Hello", "of Hello")


def test_each_goes_on_with_its_own_choice(book):
    """Of two who had the same two choices each has one conversation, whichever it goes on with."""
    for _ in range(2):
        book.take(exchange(HI, n=2, **choices("Hello", "Hey")))
    for word in ("Hey", "Hello"):
        book.take(exchange([*HI, assistant(word), user("how?")], "Well"))

    assert book.texts() == [["hi", "Hello", "how?", "Well"], ["hi", "Hey", "how?", "Well"]]


def test_a_window_is_found_among_other_tenants_who_say_the_same(book):
    """However many conversations of another key end with the same question and answer, a window finds its own."""
    talk = [user("mine"), assistant("yes"), *HOW]
    key = book.take(exchange(talk, "Well", name="e-1", key="sk-my-key")).key
    for number in range(260):
        book.take(exchange([user(f"{number}"), assistant("yes"), *HOW], "Well", key="sk-another-key"))

    window = [*HOW[1:], assistant("Well"), user("bye")]
    assert book.take(exchange(window, "Bye", key="sk-my-key", started=LATER)).key == key


# ── forks and windows ───────────────────────────────────────────────────────────────────────────────────────────────


def test_an_edited_question_begins_a_fork(book):
    """The fork begins with what both have, its messages at their own times; it names its origin, which stays."""
    origin = book.take(exchange(HI, name="e-1")).conversation
    book.take(exchange(HOW, "Well", name="e-2", started=LATER))
    book.take(exchange([*HOW[:2], user("why?")], "So", name="e-3", started=2 * LATER))

    assert book.texts() == [["hi", "Hello", "how?", "Well"], ["hi", "Hello", "why?", "So"]]
    fork = book.snapshots()[1]
    assert fork.properties["forkedFrom"] == origin
    assert [logged.created_at for logged in fork.messages[:2]] == [NOW, NOW + 500]


def test_a_fork_of_a_named_chat(book):
    """A named chat's fork has an id of its own; both go on under the chat's id."""
    for turn, answer in ((HI, "Hello"), (HOW, "Well"), ([*HOW[:2], user("why?")], "So")):
        book.take(exchange(turn, answer, headers=named(), started=LATER))
    for end, answer in (([user("how?"), assistant("Well")], "one"), ([user("why?"), assistant("So")], "two")):
        book.take(exchange([*HOW[:2], *end, user("and?")], answer, headers=named(), started=2 * LATER))

    mine, fork = book.all()
    assert (mine, fork[:5], len(fork)) == ("chat", "chat~", len("chat~") + 8)
    assert book.texts() == [
        ["hi", "Hello", "how?", "Well", "and?", "one"],
        ["hi", "Hello", "why?", "So", "and?", "two"],
    ]


def test_a_sliding_window(book):
    """A client that sends its last messages only does not shorten the log, nor begin anew."""
    talk = []
    for turn in range(6):
        talk.append(user(f"q{turn}"))
        book.take(exchange([says("system", "Be kind"), *talk[-5:]], f"a{turn}"))
        talk.append(assistant(f"a{turn}"))

    assert book.texts() == [["Be kind", *(message["content"] for message in talk)]]


def test_turns_of_tools_that_the_client_forgets(book):
    """A client that sends the texts alone keeps one conversation, whose log has the calls."""
    call = {"id": "0", "type": "function", "function": {"name": "find", "arguments": ""}}
    asked = assistant("", tool_calls=[call])
    book.take(exchange(HI, asked))
    resent = assistant(None, tool_calls=[call | {"function": {"name": "find", "arguments": "{}"}}])
    book.take(exchange([*HI, assistant(""), resent, says("tool", "it", tool_call_id="0")], "Hello"))
    book.take(exchange(HOW, "Well"))
    book.take(exchange(AFTER, "Bye"))

    assert book.texts() == [["hi", "", "it", "Hello", "how?", "Well", "bye", "Bye"]]


# ── cut and begun answers ───────────────────────────────────────────────────────────────────────────────────────────


def streamed(text):
    return b'data: {"id":"c-1","choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n' % text.encode()


def test_a_cut_answer_in_the_clients_words(book):
    """The reader stopped, and goes on from a part of what came: that part is logged, under the same id."""
    book.take(exchange(HI, body=streamed("one two three"), interrupted="client", stream=True, name="e-1"))
    book.take(exchange([*HI, assistant("one two"), user("go on")], "So", name="e-2"))
    book.take(exchange([*HI, assistant("one two"), user("go on"), assistant("So"), user("bye")], "Bye", name="e-3"))

    assert book.texts() == [["hi", "one two", "go on", "So", "bye", "Bye"]]
    assert ids(book) == [["e-1.h0", "e-1", "e-2.h2", "e-2", "e-3.h4", "e-3"]]
    assert book.snapshots()[0].messages[1].properties["interrupted"] == "client"


def test_a_cut_answer_that_is_recorded_after_its_follow_up(book):
    """What began first and ended last is not doubled; its id names the message that the client made of it."""
    book.take(exchange([*HI, assistant("one"), user("go on")], "So", name="e-2", started=LATER))
    late = exchange(HI, body=streamed("one two"), interrupted="client", stream=True, name="e-1", started=LATER - 10)

    assert book.take(late).outcome == "late"
    assert book.take(late).outcome == "seen"
    assert book.texts() == [["hi", "one", "go on", "So"]]


LONG = "Hello! What is it that you would like to know?"
ASKED = [*HI, assistant(LONG), user("how?")]
CUT = {"body": streamed("one two"), "interrupted": "client", "stream": True, "name": "e-2"}


def test_a_cut_answer_in_the_middle_that_is_recorded_after_its_follow_up(book):
    """The follow-up goes on in its chat, and brings the answer that is not here yet; that is told once."""
    book.take(exchange(HI, LONG, name="e-1"))
    book.take(exchange([*ASKED, assistant("one"), user("so?")], "So", name="e-3", started=LATER))

    assert book.take(exchange(ASKED, **CUT, started=LATER - 10)).outcome == "late"
    assert book.texts() == [["hi", LONG, "how?", "one", "so?", "So"]]
    assert ids(book) == [["e-1.h0", "e-1", "e-3.h2", "e-3.h3", "e-3.h4", "e-3"]]


def test_an_overtaken_answer_takes_nothing_away(book):
    """Where the client has made something else of its cut answer, what it said after that stands, and the answer beside."""
    book.take(exchange(HI, LONG, name="e-1"))
    book.take(exchange([*ASKED, assistant("(stopped)"), user("so?")], "So", name="e-3", started=LATER))
    book.take(exchange(ASKED, **CUT, started=LATER - 10))

    assert book.texts() == [["hi", LONG, "how?", "(stopped)", "so?", "So"]]
    (other,) = book.snapshots()[0].messages[3].properties["alternatives"]
    assert (other["id"], other["content"]) == ("e-2", "one two")


def test_the_rest_of_an_answer(book):
    """A client that has its last answer continued has one message, which takes the newer id."""
    book.take(exchange(HI, "one", name="e-1"))
    book.take(exchange([*HI, assistant("one")], " two", name="e-2"))
    book.take(exchange([*HI, assistant("one two"), user("so?")], "So", name="e-3"))

    assert book.texts() == [["hi", "one two", "so?", "So"]]
    assert ids(book) == [["e-1.h0", "e-2", "e-3.h2", "e-3"]]
    assert book.events() == []


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param([assistant("Well, fine")], id="as one message"),
        pytest.param([assistant("Well,"), assistant(" fine")], id="as two messages"),
        pytest.param([assistant("fine")], id="without what it began"),
    ],
)
@pytest.mark.parametrize("answer", [" fine", "Well, fine"], ids=["the rest", "with the beginning"])
def test_an_answer_that_the_client_begins(book, answer, kept):
    """What the client puts into the model's mouth is the beginning of the answer, in whatever form it comes back."""
    book.take(exchange(HI))
    book.take(exchange([*HOW, assistant("Well,")], answer, name="e-2"))
    assert book.texts() == [["hi", "Hello", "how?", "Well, fine"]]
    assert book.snapshots()[0].messages[-1].properties["prefill"] == "Well,"

    book.take(exchange([*HOW, *kept, user("bye")], "Bye"))
    (talk,) = book.texts()
    assert talk[-2:] == ["bye", "Bye"]
    assert len(talk) == 6


# ── named chats ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_first_answers_asked_for_again(book):
    """Tries at the first answer of a named chat become one when the client goes on from the last of them."""
    for number, text in enumerate(("one", "two", "three"), 1):
        book.take(exchange(HI, text, name=f"e-{number}", headers=named(), started=LATER * number))
    book.take(exchange([*HI, assistant("three"), user("so?")], "So", headers=named(), name="e-4", started=LATER * 9))

    assert book.texts() == [["hi", "three", "so?", "So"]]
    assert ids(book) == [["e-3.h0", "e-3", "e-4.h2", "e-4"]]
    (event,) = book.events()
    assert [one["content"] for one in event["properties"]["messages"]] == ["hi", "one", "hi", "two"]


def test_a_history_of_the_clients_own(book):
    """A named chat that says something else now is what the client says; what it said before is told as an event."""
    book.take(exchange(HI, headers=named(), name="e-1"))
    book.take(exchange([user("ho"), assistant("Hey"), user("so?")], "So", headers=named(), name="e-2"))

    assert book.all() == {"chat": ["ho", "Hey", "so?", "So"]}
    (event,) = book.events()
    assert (event["type"], event["conversationId"]) == ("conversation:rewritten", "chat")
    assert [one["content"] for one in event["properties"]["messages"]] == ["hi", "Hello"]


# ── side requests ───────────────────────────────────────────────────────────────────────────────────────────────────

TASK = [user("### Task:\nGenerate a concise, 3-5 word title\n### Chat History:\n<chat_history>\n%s\n</chat_history>")]


def task(quote=""):
    return [user(TASK[0]["content"] % quote)]


@pytest.mark.parametrize(
    ("headers", "asked"),
    [
        pytest.param(named(), task(), id="by the chat's id"),
        pytest.param([("x-session-affinity", "s-1")], task(), id="by the session"),
        pytest.param([], task("USER: hi\nASSISTANT: Hello"), id="by what it quotes"),
        pytest.param(
            [],
            [
                *HOW[:2],
                user("Please generate a four to five word title summarizing our conversation without any lead-in."),
            ],
            id="by the history it brings",
        ),
    ],
)
def test_a_title_is_an_event_of_its_chat(book, headers, asked):
    """A side request is never said in the chat: it is an event of the conversation that it is about."""
    chat = book.take(exchange(HI, headers=headers)).conversation
    told = book.take(exchange(asked, "Greetings", headers=headers, name="e-2"))
    book.take(exchange(HOW, "Well", headers=headers))

    assert (told.outcome, told.conversation) == ("side_request", chat)
    assert book.texts() == [["hi", "Hello", "how?", "Well"]]
    (event,) = book.events()
    assert (event["conversationId"], event["properties"]["kind"]) == (chat, "title")
    assert event["properties"]["answer"] == "Greetings"


def test_a_title_of_nobodys_chat(book):
    """A side request about an unknown chat is logged by itself, under its kind, and nobody goes on with it."""
    book.take(exchange(task(), "Greetings"))
    book.take(exchange(HI, headers=named()))
    book.take(exchange([*task(), assistant("Greetings"), user("more")], "Here"))

    one, chat, other = book.snapshots()
    assert (one.properties["kind"], chat.id) == ("title", "chat")
    assert [text_of(logged.message.content) for logged in chat.messages] == ["hi", "Hello"]
    assert "forkedFrom" not in other.properties


async def test_a_title_before_its_chat(book, store):
    """A side request that names a chat which has not begun yet is an event that waits for it, under the sink's id."""
    book.take(exchange(HI, key="sk-another-key", headers=named()))
    book.take(exchange(task(), "Greetings", headers=named()))
    mine = book.take(exchange(HI, headers=named())).conversation

    assert book.texts() == [["hi", "Hello"]] * 2
    bodies = []
    while leases := await store.lease(ANALYTICS, NOW, NOW + 1, 10):
        for lease in leases:
            parcel = await store.parcel(lease)
            bodies.append(orjson.loads(parcel.body))
            await store.ack(lease, parcel.rev, NOW)
    assert mine != "chat"
    assert [one.get("conversationId") for one in bodies] == [None, None, mine]


def test_a_quotation_with_gaps(book):
    """A quotation that leaves out the middle is found by its end; of several chats it is the one that agrees longest."""
    talk = []
    for turn in range(4):
        talk.append(user(f"q{turn}"))
        chat = book.take(exchange(talk, "ok", name=f"e-{turn}")).conversation
        talk.append(assistant("ok"))
    book.take(exchange([user("q3")], "ok"))
    quote = "USER: q0\nUSER: q2\nASSISTANT: ok\nUSER: q3\nASSISTANT: ok"

    assert book.take(exchange(task(quote), "Next")).conversation == chat
