"""How templates write values."""

import pytest
from multidict import MultiDict

from proxy.analytics.marks import query, seconds, segment, when, whole

AT = "2025-11-22T07:46:05.123Z"


def test_a_time_is_exact_where_one_points():
    """A time says the minute in UTC, and has the exact one for a script and for who points at it."""
    assert when(AT) == (
        f'<time datetime="{AT}" title="2025-11-22 07:46:05.123 UTC" data-show="minute">2025-11-22 07:46 UTC</time>'
    )
    assert ">2025-11-22<" in when(AT, "day")
    assert ">07:46 UTC<" in when(AT, "time")
    assert "&lt;b&gt;" in when("<b>")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        pytest.param({}, "?q=a+%26&tag=x&tag=y", id="as it is, without what is empty"),
        pytest.param({"q": "", "cursor": "z"}, "?tag=x&tag=y&cursor=z", id="one away, one more"),
        pytest.param({"q": "", "tag": ""}, "", id="nothing left"),
    ],
)
def test_queries(changes, text):
    """A query is that of the request, some of it changed; what was given twice stays twice."""
    assert query(MultiDict([("q", "a &"), ("tag", "x"), ("tag", "y"), ("user", "")]), **changes) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"), [(None, "–"), (0, "0 ms"), (999, "999 ms"), (1500, "1.5 s"), (90_000, "1.5 min")]
)
def test_durations(milliseconds, text):
    """A duration is told as a person says it; an unknown one is a dash."""
    assert seconds(milliseconds) == text


def test_numbers_and_ids():
    """Numbers stand in groups of three, an unknown one is a dash; an id is one segment of a path."""
    assert [whole(number) for number in (None, 0, 1234567.8)] == ["–", "0", "1,234,568"]
    assert segment("a/b c?#%") == "a%2Fb%20c%3F%23%25"
