"""What of a conversation is kept as its traits."""

import orjson
import pytest

from proxy.core.session_filter import VALUE_LIMIT
from proxy.core.traits import CROWDED, TRAITS_LIMIT, of_property, of_tag, timed_traits_of, traits_of, untold

KEPT = {
    "tags": ({}, ["vip", "eu", "vip"], ["tvip", "teu"]),
    "texts": ({"source": "docs"}, None, ["psource=docs"]),
    "numbers and flags": ({"n": 5, "x": 1.5, "yes": True}, None, ["pn=5", "px=1.5", "pyes=true"]),
    "objects": ({"o": {"a": [1]}}, None, ['po={"a":[1]}']),
    "an empty value": ({"source": ""}, None, ["psource="]),
    "a value with an equals sign": ({"a": "b=c"}, None, ["pa=b=c"]),
    "null": ({"source": None}, None, []),
    "a name with an equals sign": ({"a=b": "c"}, None, []),
    "a NUL": ({"a": "\0", "b\0": "c"}, ["d\0"], []),
    "too long": ({"a": "x" * (VALUE_LIMIT + 1)}, ["y" * (VALUE_LIMIT + 1)], []),
    "what changes with every post": ({"teelogRev": 7}, None, []),
    "tags that are none": ({}, [5, None, {}], []),
    "as many as are kept": ({}, [str(n) for n in range(TRAITS_LIMIT)], [f"t{n}" for n in range(TRAITS_LIMIT)]),
    "too many": ({}, [str(n) for n in range(TRAITS_LIMIT + 1)], [CROWDED]),
}


@pytest.mark.parametrize(("properties", "tags", "expected"), KEPT.values(), ids=KEPT)
def test_what_is_kept(properties, tags, expected):
    """Tags, and properties as text; what no filter asks for is left out, and too many are told as such."""
    found = traits_of(orjson.dumps(properties).decode(), None if tags is None else orjson.dumps(tags).decode())

    assert orjson.loads(found) == expected


@pytest.mark.parametrize("stored", [None, "", "{", "[1]", "5", "null"], ids=repr)
def test_what_a_disk_has_damaged(stored):
    """What is no object, or no list, has no traits."""
    assert traits_of(stored, None) == traits_of(None, "{}") == "[]"


def test_values_that_are_no_traits_are_marked():
    """Of a property whose value nobody can ask for it is known that it is there."""
    told = {"a": "\0", "b": "x" * (VALUE_LIMIT + 1), "c": "d", "teelogRev": 7, "e=f": "g", "h": None}
    found = timed_traits_of(orjson.dumps(told).decode(), '["vip"]')

    assert orjson.loads(found) == ["tvip", untold("a"), untold("b"), "pc=d"]
    assert orjson.loads(timed_traits_of(None, orjson.dumps([*map(str, range(65))]).decode())) == [CROWDED]


def test_no_trait_is_that_of_another():
    """A tag is never taken for a property, nor either for the mark of those with too many."""
    assert of_tag("psource=docs") != of_property("source", "docs")
    assert CROWDED not in (of_tag("crowded"), of_property("rowded", ""))
    assert untold("a")[0] not in of_tag("a")[0] + of_property("a", "")[0] + CROWDED[0]
