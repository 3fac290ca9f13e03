"""What stands inside of stored JSON, as queries ask for it."""

import orjson
import pytest

from proxy.core.nested import keys_of, matches, number_at, text_at, tokens_in

STORED = orjson.dumps(
    {
        "a": {"b": "x", "n": None, "": 1},
        "5": "5e1",
        "t": True,
        "list": [1, "1", {"k": 1, "l": 2}],
        'q"': [],
        "inf": "1e999",
    }
).decode()


@pytest.mark.parametrize(
    ("path", "text", "number"),
    [
        pytest.param(["a", "b"], "x", None, id="a string"),
        pytest.param(["a", "n"], None, None, id="null"),
        pytest.param(["a", ""], "1", 1.0, id="an empty key"),
        pytest.param(["a"], '{"b":"x","n":null,"":1}', None, id="an object"),
        pytest.param(["a", "b", "c"], None, None, id="past a string"),
        pytest.param(["list", "0"], None, None, id="into an array"),
        pytest.param(["5"], "5e1", 50.0, id="a number in a text"),
        pytest.param(["t"], "true", None, id="true is no number"),
        pytest.param(['q"'], "[]", None, id="a quote"),
        pytest.param(["inf"], "1e999", None, id="more than all numbers"),
        pytest.param(["none"], None, None, id="nothing"),
    ],
)
def test_paths_lead_through_objects(path, text, number):
    """A path leads through objects to a text, or the number in it, or nowhere."""
    bound = orjson.dumps(path).decode()

    assert text_at(STORED, bound) == text
    assert number_at(STORED, bound) == number
    assert text_at(None, bound) is None


@pytest.mark.parametrize(
    ("path", "operator", "wanted", "expected"),
    [
        pytest.param([], "jsonContains", {"a": {"b": "x"}}, True, id="a part"),
        pytest.param([], "jsonContains", {"a": {"b": "y"}}, False, id="another value"),
        pytest.param([], "jsonContains", {"t": 1}, False, id="true is not 1"),
        pytest.param(["list"], "jsonContains", [1.0], True, id="1.0 is 1"),
        pytest.param(["list"], "jsonContains", [{"k": 1}, 1], True, id="in any order"),
        pytest.param(["list"], "jsonContains", 1, True, id="an array holds a scalar"),
        pytest.param([], "jsonContains", {"list": 1}, False, id="but not deeper"),
        pytest.param(["a"], "jsonContainedBy", {"b": "x", "n": None, "": 1, "more": 1}, True, id="within more"),
        pytest.param(["a"], "jsonContainedBy", {"b": "x"}, False, id="not within less"),
        pytest.param(["a"], "jsonHasKey", "n", True, id="a key of null"),
        pytest.param(["list"], "jsonHasKey", "1", False, id="an array has no keys"),
        pytest.param([], "jsonHasAnyKey", ["z", "t"], True, id="any key"),
        pytest.param([], "jsonHasAnyKey", [], False, id="any of none"),
        pytest.param([], "jsonHasAllKeys", ["z", "t"], False, id="not all keys"),
        pytest.param([], "jsonHasAllKeys", [], True, id="all of none"),
        pytest.param(["list"], "jsonArrayContainsObject", {"l": 2}, True, id="an element with more"),
        pytest.param([], "jsonArrayContainsObject", {}, False, id="no array"),
        pytest.param(["list"], "arrayContains", ["1", 1], True, id="all scalars"),
        pytest.param(["list"], "arrayContains", True, False, id="no true"),
        pytest.param(["none"], "jsonContains", {}, False, id="nothing"),
    ],
)
def test_what_looks_into_json(path, operator, wanted, expected):
    """Each operator that looks into JSON says what PostgreSQL's would."""
    bound = [orjson.dumps(one).decode() for one in (path, wanted)]

    assert matches(STORED, bound[0], operator, bound[1]) is expected


def test_damaged_json_holds_nothing():
    """What a disk has damaged is told as if nothing were there, and stops no query."""
    assert text_at('{"a":', '["a"]') is None
    assert number_at('{"a":1', '["a"]') is None
    assert matches("[1", "[]", "arrayContains", "1") is False


@pytest.mark.parametrize(
    ("stored", "keys"),
    [
        pytest.param({"b": 1, "a": None, 'q"': {"c": 1}}, ["b", "a", 'q"'], id="an object's own"),
        pytest.param({"a\x00b": 1, "": 2, "é\n": 3}, ["a\x00b", "", "é\n"], id="any text"),
        pytest.param([{"a": 1}], None, id="an array has none"),
        pytest.param("a", None, id="a text has none"),
    ],
)
def test_keys(stored, keys):
    """The keys of an object come as JSON texts, which hold no NUL that an SQL engine would end them at."""
    told = keys_of(orjson.dumps(stored).decode())

    assert (told and [orjson.loads(one) for one in orjson.loads(told)]) == keys
    assert "\x00" not in (told or "")
    assert keys_of(None) is None


USAGES = {
    "in all": ({"total_tokens": 7, "prompt_tokens": 1, "completion_tokens": 2}, 7),
    "in and out": ({"prompt_tokens": 1, "completion_tokens": "2"}, 3),
    "as Responses say it": ({"input_tokens": 1, "output_tokens": 2.5}, 3.5),
    "one of both": ({"prompt_tokens": 1, "input_tokens": 2, "output_tokens": 3}, 5),
    "none of both": ({"prompt_tokens": 1, "output_tokens": 3}, None),
    "what is no number": ({"total_tokens": True, "prompt_tokens": None}, None),
    "no object": ([5], None),
}


@pytest.mark.parametrize(("usage", "tokens"), USAGES.values(), ids=USAGES)
def test_tokens_of_an_answer(usage, tokens):
    """Usage tells tokens in all, or as two numbers that add up; what it does not tell is not known."""
    assert tokens_in(orjson.dumps({"usage": usage}).decode()) == tokens


@pytest.mark.parametrize("stored", [None, "{", "5", "{}"])
def test_an_answer_without_usage_tells_no_tokens(stored):
    """Where no usage is stored, or a disk has damaged it, nothing is known."""
    assert tokens_in(stored) is None
