"""The filter and page that a URL's query asks for."""

import pytest

from proxy.core.search_words import Words
from proxy.core.session_filter import (
    ENTRIES_LIMIT,
    EVERY,
    PARAMETERS,
    VALUE_LIMIT,
    Page,
    Place,
    SessionFilter,
    cursor_of,
    read_cursor,
    read_sessions,
)
from proxy.errors import ApiError


def read(*given, **more):
    return read_sessions(given, **({"limit": 20, "highest": 100} | more))


def test_nothing_asked_is_everything():
    """Without parameters, and with those that a form sends empty, every conversation is listed from the first."""
    assert read() == (EVERY, Page(20))
    assert read(("q", ""), ("user", "  "), ("tag", ""), ("feedback", ""), ("cursor", "")) == (EVERY, Page(20))


ASKED = {
    "words": ([("q", 'a "b c"')], SessionFilter(words=(Words("a"), Words("b c")))),
    "from a day": ([("from", "2026-01-01")], SessionFilter(since=1_767_225_600_000)),
    "until a moment": ([("to", "2026-01-01T01:00:00+01:00")], SessionFilter(until=1_767_225_600_000)),
    "milliseconds": ([("from", "0"), ("to", "-1")], SessionFilter(since=0, until=-1)),
    "a user": ([("user", "u 1")], SessionFilter(user="u 1")),
    "tags": ([("tag", "a"), ("tag", "b"), ("tag", "a")], SessionFilter(tags=("a", "b"))),
    "properties": (
        [("property", "a=b=c"), ("property", "d=")],
        SessionFilter(properties=(("a", "b=c"), ("d", ""))),
    ),
    "a model": ([("model", "gpt-4o")], SessionFilter(model="gpt-4o")),
    "feedback": ([("feedback", "any")], SessionFilter(feedback="any")),
    "interrupted": ([("interrupted", "true")], SessionFilter(interrupted=True)),
    "whole": ([("interrupted", "false")], SessionFilter(interrupted=False)),
}


@pytest.mark.parametrize(("given", "asked"), ASKED.values(), ids=ASKED)
def test_what_is_asked(given, asked):
    """Each parameter narrows the list by what it names."""
    assert read(*given) == (asked, Page(20))


WRONG = {
    "unknown": [("feedbak", "positive")],
    "twice": [("user", "a"), ("user", "b")],
    "no choice": [("feedback", "good")],
    "no flag": [("interrupted", "yes")],
    "no time": [("from", "yesterday")],
    "a time past all years": [("to", "9" * 20)],
    "no pair": [("property", "name")],
    "no name": [("property", "=value")],
    "no words": [("q", "!!!")],
    "too many words": [("q", " ".join(f"w{n}" for n in range(ENTRIES_LIMIT + 1)))],
    "too many tags": [("tag", f"t{n}") for n in range(ENTRIES_LIMIT + 1)],
    "too long": [("q", "a" * (VALUE_LIMIT + 1))],
    "no UTF-8": [("model", "\udcff")],
    "a NUL": [("user", "a\0b")],
    "limit over": [("limit", "101")],
    "limit empty": [("limit", "")],
    "limit of other digits": [("limit", "٣")],
    "offset under": [("offset", "-1")],
    "no cursor": [("cursor", "next")],
    "a cursor of another kind": [("cursor", "WzEsMl0")],
    "a cursor of other letters": [("cursor", "é")],
    "a cursor past all integers": [("cursor", "WzkyMjMzNzIwMzY4NTQ3NzU4MDgsIngiXQ")],
}


@pytest.mark.parametrize("given", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(given):
    """What is wrong is refused with 400, the parameter's name and what may stand there."""
    with pytest.raises(ApiError) as refused:
        read(*given)

    assert refused.value.status == 400
    assert [error["name"] for error in refused.value.errors] == [given[0][0]]


def test_choices_are_told():
    """A wrong choice is answered with the right ones, an unknown name with the known ones, all at once."""
    with pytest.raises(ApiError) as refused:
        read(("feedback", "good"), ("intrrupted", "1"), ("limit", "1000"))

    told = {error["name"]: error["reason"] for error in refused.value.errors}
    assert told["feedback"] == "must be one of positive, negative, any"
    assert all(name in told["intrrupted"] for name in PARAMETERS)
    assert told["limit"] == "must be a whole number from 0 to 100"


def test_names_of_the_caller_are_passed_over():
    """What means something to the caller is none of ours."""
    assert read(("view", "wide"), beside=("view",)) == (EVERY, Page(20))


@pytest.mark.parametrize("place", [Place(0, "c"), Place(-5, 'q"\\\x00é🙂'), Place(2**60, "")])
def test_a_cursor_names_a_place(place):
    """A cursor read is the place it was made of, and fits a URL."""
    text = cursor_of(place)

    assert read_cursor(text) == place
    assert text.replace("-", "").replace("_", "").isalnum()
    assert read(("cursor", text), ("limit", "5"), ("offset", "0"))[1] == Page(5, 0, place)


def test_a_cursor_goes_without_an_offset():
    """A cursor says where to go on: an offset beside it is refused."""
    with pytest.raises(ApiError, match="offset"):
        read(("cursor", cursor_of(Place(1, "a"))), ("offset", "1"))
