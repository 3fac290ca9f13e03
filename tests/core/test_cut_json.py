"""JSON that was cut, closed where it ends."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.cut_json import read_cut

CUT = {
    "nothing behind a bracket": ("[", []),
    "a text": ('{"a":"Hel', {"a": "Hel"}),
    "a text with blanks at its end": ('{"a":"Hel ', {"a": "Hel "}),
    "half an escape": ('["a\\', ["a"]),
    "an escape": (r'["a\"', ['a"']),
    "half a letter": (r'["a\u00e', ["a"]),
    "brackets in a text": ('["]}{[,', ["]}{[,"]),
    "a key": ('{"a":1,"b', {"a": 1}),
    "a whole key": ('{"a":1,"b"', {"a": 1}),
    "a key and its colon": ('{"a":1,"b": ', {"a": 1}),
    "a comma": ("[1,", [1]),
    "a number": ("[1,23", [1, 23]),
    "half a number": ("[1,2.", [1]),
    "half a word": ("[1,tru", [1]),
    "deep": ('{"a":[{"b":"c', {"a": [{"b": "c"}]}),
    "whole": ('{"a":1}\n', {"a": 1}),
}


@pytest.mark.parametrize(("text", "value"), CUT.values(), ids=CUT)
def test_read_cut(text, value):
    """What came is read, what only began is left out."""
    assert read_cut(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x",
        "<html>",
        "}",
        "[1}",
        '{"a":1}{"b"',
        '{"a" "b',
        '{"a":1 "b":2',
        '["a" "b',
        '{"a{"a":',
        "{{",
        "[" * 101,
    ],
)
def test_what_begins_no_json(text):
    """What is not the beginning of JSON, or is nested too deeply, is a ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011 - whose words are nobody's
        read_cut(text)


values = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=9,
)


@given(st.lists(values).map(lambda value: {"a": value}), st.booleans(), st.integers(1, 1000))
def test_every_beginning_is_read(value, plain, end):
    """However a value is cut, something of its kind comes of it, and of all of it the value."""
    text = json.dumps(value, ensure_ascii=plain)

    assert read_cut(text) == value
    assert read_cut(text[:end]).keys() <= value.keys()


@pytest.mark.parametrize("piece", ["[", "a", " ", "1,", r"\\", '"",', '"a":'])
def test_long_texts_take_linear_time(piece):
    """A long text costs as much for each letter as a short one."""

    def seconds(count):
        began = time.process_time()
        try:
            read_cut("[" + piece * count)
        except ValueError:
            pass
        return time.process_time() - began

    assert seconds(400_000) < 40 * seconds(40_000) + 0.2
