"""Runs of events: read faster, and never otherwise than one by one."""

import json
import random
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from proxy.core.answer_stream import PATIENCE, STEP, AnswerStream
from proxy.core.chat_answer import ChatAnswer
from proxy.core.completions import CompletionAnswer
from proxy.core.responses_answer import ResponseAnswer
from proxy.core.runs import MOST, Run, Varying

from .streams import NAMES, STREAMS


class OneByOne:
    """An answer of which nobody knows that its events repeat."""

    def __init__(self, answer):
        self.answer = answer

    def take(self, chunk, event=""):
        self.answer.take(chunk, event)


def read(body, answer, *, runs=True):
    stream = AnswerStream(answer if runs else OneByOne(answer))
    stream.feed(body)
    stream.close()
    ended = {"is_done": stream.is_done} if isinstance(answer, ResponseAnswer) else {"ended_well": stream.is_done}
    return answer.result(**ended), stream.is_done, stream.unreadable_events


def same(body, new_answer=ChatAnswer):
    """What a body gives, the same with and without runs."""
    fast, exact = read(body, new_answer()), read(body, new_answer(), runs=False)
    assert fast == exact
    return fast[0]


def event(delta, **more):
    return json.dumps({"id": "c", "choices": [{"index": 0, "delta": delta, **more.pop("choice", {})}], **more}).encode()


def body(*events, end=b"\n\n"):
    return b"".join(b"data: " + one + end for one in events)


def counted(stream, kind=ChatAnswer):
    """How many events were read in full."""

    class Counting(kind):
        taken = 0

        def take(self, chunk, event=""):
            self.taken += 1
            super().take(chunk, event)

    answer = Counting()
    same(stream, kind)
    read(stream, answer)
    return answer.taken


WORDS = [" a", '"', "\\", "\n", "", "é", "😀", '"},', '{"', "}", "\u2028"]
CALL = {"tool_calls": [{"index": 1, "function": {"arguments": "{"}}]}
RUNS = {
    "content": lambda word, n: event({"content": word}),
    "content and its role": lambda word, n: event({"role": "assistant", "content": word, "refusal": None}),
    "reasoning": lambda word, n: event({"reasoning_content": word}),
    "reasoning said twice": lambda word, n: event(
        {"content": "", "reasoning": word, "reasoning_details": [{"type": "reasoning.text", "text": word, "index": 0}]}
    ),
    "refusals": lambda word, n: event({"refusal": word}),
    "arguments": lambda word, n: event({"tool_calls": [{"index": 1, "function": {"arguments": word}}]}),
    "padding": lambda word, n: event({"content": word}, obfuscation="aB3" * (n % 4)),
    "padding of Mistral": lambda word, n: event({"content": word}, p="abc"[: n % 4]),
    "usage each time": lambda word, n: event({"content": word}, usage={"total_tokens": 7}),
    "a key that says nothing": lambda word, n: event({"channel": "analysis", "reasoning": word}),
    "no blanks": lambda word, n: event({"content": word}).replace(b'": ', b'":'),
    "letters as they are": lambda word, n: json.dumps(
        {"choices": [{"delta": {"content": word}}]}, ensure_ascii=False
    ).encode(),
}


@pytest.mark.parametrize("make", RUNS.values(), ids=RUNS)
def test_runs(make):
    """Of a run the first event that says something is read in full, the others are not, and the answer is the same."""
    words = [WORDS[n % len(WORDS)] for n in range(100)]

    assert counted(body(event({"role": "assistant"}), *(make(word, n) for n, word in enumerate(words)))) <= 3


@pytest.mark.parametrize("end", [b"\r\n\r\n", b"\r\r"], ids=["CRLF", "CR"])
def test_runs_with_other_line_ends(end):
    """Line ends of any kind make a run, wherever a read cuts them."""
    stream = body(*(event({"content": f" {n}"}) for n in range(2 * STEP // 60)), end=end)

    assert len(stream) > STEP
    assert counted(stream) <= 2 * (1 + len(stream) // STEP)  # at each step one that it cuts, and one to begin with


@pytest.mark.parametrize("odd", [0, 1, 63, MOST - 1, MOST, 2 * MOST + 5])
def test_one_odd_event_in_a_run(odd):
    """An event that differs anywhere in a run is read in full, and the run goes on behind it."""
    words = [f" {n}" for n in range(3 * MOST)]
    events = [event({"content": word}) for word in words]
    for other in (b"[1]", b"{", event({"content": "x", "refusal": "y"}), event({"content": "\ud83d"})):
        stream = body(*events[:odd], other, *events[odd:])
        assert same(stream).choices[0].message.content.replace("x", "").replace("\ufffd", "") == "".join(words)
        assert counted(stream) <= 4


NO_RUNS = {
    "ids change": lambda n: event({"content": "x"}, id=f"c{n}"),
    "usage grows": lambda n: event({"content": "x"}, usage={"total_tokens": n}),
    "padding inside the usage": lambda n: event({"content": "x"}, usage={"p": "abc"[: n % 4]}),
    "padding inside the usage alone": lambda n: b'{"p":"","choices":[{"delta":{"content":"x"}}],"usage":{"p":"%s"}}' % (b"a" * (n % 2)),
    "padding that is no text": lambda n: event({"content": "x"}, p=n),
    "two things said": lambda n: event({"content": "x", "reasoning": f"{n}"}),
    "details that say something else": lambda n: event({"reasoning": f"{n}", "reasoning_details": [{"text": "x"}]}),
    "details of two kinds": lambda n: event({"reasoning": f"{n}", "reasoning_details": [{"text": f"{n}"}, {"text": f"{n}"}]}),
    "details and content": lambda n: event({"content": f"{n}", "reasoning_details": [{"text": f"{n}"}]}),
    "messages so far": lambda n: event({"content": "x"}, choice={"message": {"content": "x" * n}}),
    "two choices": lambda n: json.dumps({"choices": [{"index": i, "delta": {"content": f"{n}"}} for i in (0, 1)]}).encode(),
    "an id each time": lambda n: event({"tool_calls": [{"index": 0, "id": f"i{n}", "function": {"arguments": "1"}}]}),
    "a name each time": lambda n: event({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": f"{n}"}}]}),
    "transcripts": lambda n: event({"audio": {"transcript": f"{n}"}}),
    "the key twice": lambda n: b'{"choices":[{"delta":{"content":"a","content":"%d"}}]}' % n,
    "the key once more, elsewhere": lambda n: event({"content": f"{n}"}, choice={"logprobs": {"content": [n]}}),
    "the key once more, with a blank": lambda n: b'{"choices":[{"delta":{"content":"%s","content" :"a"}}]}' % (b"b" if n % 2 else b"a"),
    "the key under another spelling": lambda n: b'{"a":"x","content":"%d","choices":[{"delta":{"cont\\u0065nt":"%d"}}]}' % (n, n),
    "errors": lambda n: event({"content": f"{n}"}, error={"code": 5}),
    "not even an object": lambda n: b"%d" % n,
    "no JSON": lambda n: b"{%d" % n,
    "halves of an emoji": lambda n: b'{"choices":[{"delta":{"content":"\\ud83%s"}}]}' % (b"d" if n % 2 else b"d\\ude00"),
    "not UTF-8": lambda n: b'{"choices":[{"delta":{"content":"\xe4%d"}}]}' % n,
    "tabs as they are": lambda n: b'{"choices":[{"delta":{"content":"\t%d"}}]}' % n,
}  # fmt: skip


@pytest.mark.parametrize("make", NO_RUNS.values(), ids=NO_RUNS)
def test_what_is_no_run(make):
    """Events that differ in more than one string are each read in full."""
    events = [make(n) for n in range(100)]
    same(body(*events, event({"content": " end"})))

    assert counted(body(*events)) == (0 if make(0)[1:].isdigit() or make(0).isdigit() else 100)


def test_events_of_other_kinds_in_between():
    """Comments, names and other line ends cut runs in pieces and change nothing."""
    words = [event({"content": f" {n}"}) for n in range(50)]
    pieces = [b": hi\n", b"\n", b"event: x\n", b"id: 3\ndata:\n", b"\r\n", b""]
    chance = random.Random(7)
    for _ in range(50):
        stream = b"".join(chance.choice(pieces) + body(word) for word in words)
        assert same(stream).choices[0].message.content == "".join(f" {n}" for n in range(50))


def test_text_and_reasoning_take_turns():
    """A run ends where another begins, and what is said stays in its order."""
    deltas = [{"content" if n // 7 % 2 else "reasoning": f"{n},"} for n in range(200)]
    message = same(body(*map(event, deltas))).choices[0].message

    assert message.content == "".join(f"{n}," for n in range(200) if n // 7 % 2)
    assert message.reasoning == "".join(f"{n}," for n in range(200) if not n // 7 % 2)


def test_details_said_last_count():
    """What one event changed, a later one like an earlier changes back."""
    one, other = (event({"content": "x"}, service_tier=tier) for tier in "ab")

    assert same(body(one, one, other, one, one)).details["service_tier"] == "a"


def test_patience_ends():
    """A stream without runs is read without looking for them any further, and to its end."""
    events = [event({"content": "x"}, id=f"c{n}") for n in range(PATIENCE * 2)]
    repeated = [event({"content": "y"})] * 10

    assert same(body(*events, *repeated)).choices[0].message.content == "x" * PATIENCE * 2 + "y" * 10


def response_event(n, delta, kind="response.output_text.delta", *, name=True, **more):
    told = {"type": kind, "sequence_number": n, "item_id": "i", "output_index": 0, "content_index": 0, "delta": delta}
    data = json.dumps({key: value for key, value in (told | more).items() if value is not None}).encode()
    return (b"event: %s\n" % kind.encode() if name else b"") + b"data: " + data + b"\n\n"


RESPONSE_RUNS = {
    "numbered": lambda n, word: response_event(n + 7, word),
    "padded": lambda n, word: response_event(n, word, logprobs=[], obfuscation="aB3"[: n % 4]),
    "without names": lambda n, word: response_event(n, word, name=False),
    "without numbers": lambda n, word: response_event(None, word),
    "arguments": lambda n, word: response_event(n, word, "response.function_call_arguments.delta"),
    "reasoning": lambda n, word: response_event(n, word, "response.reasoning_summary_text.delta", summary_index=0),
}


@pytest.mark.parametrize("make", RESPONSE_RUNS.values(), ids=RESPONSE_RUNS)
def test_runs_of_responses(make):
    """Deltas of the Responses API are runs too, named or not, numbered or not."""
    stream = b"".join(make(n, WORDS[n % len(WORDS)]) for n in range(100))

    assert counted(stream, ResponseAnswer) == 1


@pytest.mark.parametrize("first", [0, 9, 95, 995, 4000, 10**14 - 50])
def test_numbers_of_more_digits(first):
    """A run goes on where its numbers become longer."""
    stream = b"".join(response_event(first + n, f"{n} ") for n in range(200))

    assert counted(stream, ResponseAnswer) <= 2


NO_RESPONSE_RUNS = {
    "numbers that stand still": lambda n: response_event(5, "x"),
    "numbers with gaps": lambda n: response_event(2 * n, "x"),
    "numbers that go down": lambda n: response_event(200 - n, "x"),
    "numbers behind the piece": lambda n: response_event(None, "x", sequence_number_too=n),
    "names that change": lambda n: response_event(n, "x").replace(b"event: ", b"event: " + b" " * (n % 2)),
    "items in turn": lambda n: response_event(n, "x", output_index=n % 2),
}


@pytest.mark.parametrize("make", NO_RESPONSE_RUNS.values(), ids=NO_RESPONSE_RUNS)
def test_what_is_no_run_of_responses(make):
    """Events of a response that differ in more than the piece and the next number are each read in full."""
    assert counted(b"".join(make(n) for n in range(100)), ResponseAnswer) == 100


@pytest.mark.parametrize("until", [-1, 3, 50, 99, 200])
def test_what_was_kept_is_passed_over(until):
    """Of a response that is taken up again the events that were kept are passed over, in runs as one by one."""
    stream = b"".join(response_event(n, f"{n} ") for n in range(100))
    kept = {"sequence": until, "items": []}
    fast = read(stream, ResponseAnswer(kept))

    assert fast == read(stream, ResponseAnswer(kept), runs=False)
    texts = [choice.message.content for choice in fast[0].choices]
    assert texts == (["".join(f"{n} " for n in range(until + 1, 100))] if until < 99 else texts)
    assert until < 99 or texts in ([], [None])


def test_many_short_runs_take_linear_time():
    """A stream of runs of two events costs as much for each as a short one does."""

    def seconds(count):
        stream = body(*(event({"content": "x"}, id=f"c{n // 2}") for n in range(count)))
        began = time.process_time()
        read(stream, ChatAnswer())
        return time.process_time() - began

    assert seconds(40_000) < 20 * seconds(4_000) + 0.2


def test_runs_over_steps():
    """A body that is taken apart in several steps is read as a whole."""
    events = [event({"content": f"{n} "}) for n in range(2 * STEP // 80)]
    stream = body(*events)

    assert len(stream) > STEP
    assert same(stream).choices[0].message.content == "".join(f"{n} " for n in range(len(events)))


def test_legacy_completions():
    """The text of a legacy completion is a run as well."""
    stream = body(*(json.dumps({"choices": [{"index": 0, "text": f" {n}"}]}).encode() for n in range(50)))

    assert same(stream, CompletionAnswer).choices[0].message.content == "".join(f" {n}" for n in range(50))


def test_padding_that_shares_its_quotes():
    """An event that is no JSON, for its padding has one quote only, is none of the run."""
    word = event({"content": "x"}, obfuscation="aB")
    stream = body(word, word, word.replace(b'"aB"', b'"'), word)
    assert same(stream).choices[0].message.content == "xxx"


@pytest.mark.parametrize("name", [name for name in NAMES if (STREAMS / f"{name}.sse").exists()])
def test_streams(name):
    """Each stream of ours says the same with runs and without."""
    for kind in (ChatAnswer, CompletionAnswer, ResponseAnswer):
        same((STREAMS / f"{name}.sse").read_bytes(), kind)


strings = st.text(max_size=6) | st.sampled_from(WORDS)
deltas = st.fixed_dictionaries(
    {},
    optional={
        "content": strings | st.none(),
        "reasoning": strings,
        "role": st.just("assistant"),
        "tool_calls": st.just(CALL["tool_calls"]) | st.none(),
    },
)
shapes = st.tuples(
    deltas,
    st.fixed_dictionaries({}, optional={"obfuscation": st.text("aB1", max_size=4) | strings, "service_tier": strings}),
)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(shapes, st.lists(strings, max_size=4)), max_size=5),
    st.sampled_from([b"\n\n", b"\n", b"\n\n\n", b"\r\n\r\n", b"\n:\n\n"]),
    st.booleans(),
    st.integers(0, 60),
)
@example([(({"content": "a"}, {"obfuscation": ""}), ['"}],"', "b"])], b"\n\n", True, 0)
def test_any_events(told, end, plain, cut):
    """Whatever repeats in whatever way, and wherever the body ends, the answer is as if each event had been read."""
    events = []
    for (delta, more), words in told:
        events.append(event(delta, **more))
        for word in words:
            again = {key: word if key in ("content", "reasoning") else value for key, value in delta.items()}
            events.append(json.dumps(json.loads(event(again, **more)), ensure_ascii=plain).encode())
    stream = body(*events, end=end)
    same(stream[: len(stream) - cut])


@given(st.binary(max_size=60))
def test_any_line(line):
    """No line is too odd to begin no run."""
    run = Run.begun([line], {}, Varying("content", "a", [].extend))

    assert run is None or run.take([line, b""], 0) in (0, 2)
