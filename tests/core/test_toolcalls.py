"""Tool calls out of fragments; the streams in `tests/data/streams/T*` tell the rest."""

import time

import pytest

from proxy.core.toolcalls import ToolCalls, arguments_text, settled


def fragment(arguments="", name="", **more):
    return {**more, "function": {"name": name, "arguments": arguments}}


SETTLED = {
    "nothing": ([], ""),
    "pieces": (['{"a"', ": 1}"], '{"a": 1}'),
    "cumulative": (['{"a', '{"a": ', '{"a": 1}'], '{"a": 1}'),
    "cumulative, cut": (['{"a', '{"a": ', '{"a": 1'], '{"a": 1'),
    "cumulative, cut in a key": (["{", '{"a'], '{"a'),
    "deep, cut": (["[", "[1"], "[[1"),
    "behind an empty object": (["{}", '{"a":', "1}"], '{"a":1}'),
    "behind an empty object, cut": (["{}", '{"a":'], '{"a":'),
    "twice": (['{"a":1}', '{"a":1}'], '{"a":1}'),
    "three times in pieces": (['{"a":1}{"a"', ':1}{"a":1}'], '{"a":1}'),
    "two different": (['{"a":1}', '{"a":2}'], '{"a":1}{"a":2}'),
    "resent whole": (['{"a":', "1}", '{ "a": 1 }'], '{ "a": 1 }'),
    "resent differently": (['{"a":', "1}", '{"a":2}'], '{"a":1}{"a":2}'),
    "open": (['{"a":', " 1"], '{"a": 1'),
    "number that parses": (["1", "1"], "11"),
    "string that parses": (['"a', 'a"'], '"aa"'),
    "repeated number that would parse": (["12", "12"], "1212"),
    "blank": ([" "], " "),
}


@pytest.mark.parametrize(("fragments", "arguments"), SETTLED.values(), ids=SETTLED)
def test_settled(fragments, arguments):
    """Arguments that parse stay as they are; others are repaired only where the server repeated itself."""
    assert settled(fragments) == arguments


def test_long_repeats_stay():
    """Past the bound nothing is searched for repeats."""
    value = '{"a":"' + "x" * 40_000 + '"}'

    assert settled([value, value]) == value * 2


TEXTS = {
    "text": ({"arguments": "{}"}, "{}"),
    "object": ({"arguments": {"a": [1]}}, '{"a":[1]}'),
    "null": ({"arguments": None}, ""),
    "input": ({"input": "ls"}, "ls"),
    "absent": ({}, ""),
}


@pytest.mark.parametrize(("function", "text"), TEXTS.values(), ids=TEXTS)
def test_arguments_text(function, text):
    """Arguments become text, however they were sent."""
    assert arguments_text(function) == text


def test_whole_calls_are_never_joined():
    """Each entry of a whole message is a call, even under one id."""
    calls = ToolCalls()
    calls.add_whole([fragment("{}", "f", id="x"), fragment("{}", "f", id="x"), fragment("", "", index=0)])

    assert len(calls.result()) == 2


@pytest.mark.parametrize(
    "junk", [None, "x", {"index": 0}, [None, 3, "x", []], [{}], [{"function": 7, "id": 5}]], ids=str
)
def test_junk_is_passed_over(junk):
    """What is no call is no call."""
    calls = ToolCalls()
    calls.add(junk)
    calls.add_whole(junk)

    assert calls.result() == []


def test_other_id_each_time_takes_linear_time():
    """A server that invents an id per fragment does not make us read the arguments again for each."""
    calls = ToolCalls()
    calls.add([fragment('{"a":"', "f", index=0, id="0")])
    began = time.process_time()
    for number in range(50_000):
        calls.add([fragment('x" \\"{"' if number % 7 else "x" * 99, "f", index=0, id=str(number))])
    took = time.process_time() - began

    assert len(calls.result()) == 1
    assert took < 5


def test_a_call_said_again_and_again_takes_linear_time():
    """A server that says a whole call in each fragment does not make us read all of them again for each."""
    calls = ToolCalls()
    began = time.process_time()
    for _ in range(50_000):
        calls.add([fragment('{"town":"Oslo"}', "f", index=0)])
    took = time.process_time() - began

    assert len(calls.result()) == 1
    assert took < 5


def test_name_is_bounded():
    """A name that never ends is cut off, not grown."""
    calls = ToolCalls()
    for number in range(10_000):
        calls.add([fragment("", f"part{number}", index=0)])

    assert len(calls.result()[0]["function"]["name"]) < 400
