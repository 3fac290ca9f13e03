"""JSON as it is really written."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.jsontext import MAX_DEPTH, canonical, mend, objects_in, read, read_mended, write

READ = {
    "plain": (b'{"a":[1,"b"]}', {"a": [1, "b"]}),
    "byte order mark": (b"\xef\xbb\xbf[1]", [1]),
    "blank lines around": (b"\n\n [1] \n", [1]),
    "lone surrogate": (b'"a\\ud83d"', "a\ud83d"),
    "raw control character": (b'"a\x0bb"', "a\x0bb"),
    "not UTF-8": (b'"a\xff"', "a\ufffd"),
    "infinity": (b"[Infinity]", [float("inf")]),
    "text": ('{"a":1}', {"a": 1}),
}


@pytest.mark.parametrize(("data", "value"), READ.values(), ids=READ)
def test_read(data, value):
    """What servers write outside the standard is read."""
    assert read(data) == value


@pytest.mark.parametrize("data", [b"", b"{", b"{'a':1}", b"[1,]", b"[" * 100_000, b"\xff", b"9" * 5000 + b"N"])
def test_what_is_no_json(data):
    """What is no JSON is a ValueError, however it is broken."""
    with pytest.raises(ValueError):
        read(data)


def test_mended():
    """Surrogates are paired, lone ones replaced, in keys too; too large integers become floats."""
    assert read_mended(b'{"\\ud83d":["\\ud83c\\udf75\\ud83d", NaN]}')["\ufffd"][0] == "\U0001f375\ufffd"
    assert mend("\ud83c\udf75") == "\U0001f375"
    assert mend([1 << 70, True, 10**400]) == [float(1 << 70), True, None]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec=None)), inner),
)


@settings(deadline=None)
@given(json_values)
def test_what_is_mended_can_be_stored(value):
    """orjson writes any value after it was mended, and mending again changes nothing."""
    mended = mend(value)

    assert orjson.dumps(mended) == orjson.dumps(mend(mended))
    assert read(write(value)) is not ...


def test_depth_is_cut():
    """Nesting over the bound is cut off, so that neither we nor orjson run out of stack."""
    value = []
    for _ in range(600):
        value = [value]
    mended = mend(value)
    for _ in range(MAX_DEPTH - 1):
        mended = mended[0]

    assert mended == [None]


SAME = {
    "blanks": ('{"a": 1, "b": [1, 2]}', '{"a":1,"b":[1,2]}'),
    "key order": ('{"b":1,"a":{"d":1,"c":2}}', '{"a":{"c":2,"d":1},"b":1}'),
    "escapes": ('{"a":"\\u00e9"}', '{"a":"é"}'),
    "whole floats": ('{"a":1.0,"b":[2e3]}', '{"a":1,"b":[2000]}'),
    "nothing": ("", "{}"),
    "blank": (" \n", "{}"),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_canonical(one, other):
    """Spellings of the same JSON become one."""
    assert canonical(one) == canonical(other) == other


def test_canonical_leaves_other_text_alone():
    """A text that is no JSON, such as arguments that were cut, stays as it is."""
    assert canonical('{"a": 1, ') == '{"a": 1, '


@pytest.mark.parametrize(
    ("values", "objects"),
    [([{"a": 1}, 2, None, [{}], {}], [{"a": 1}, {}]), ([], []), ({"a": {}}, []), ("{}", []), (None, [])],
)
def test_the_objects_of_an_array(values, objects):
    """What is no object is left out, and what is no array has none."""
    assert objects_in(values) == objects
