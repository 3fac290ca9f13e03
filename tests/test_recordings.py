"""What tests of recorded answers say where there are none."""

from tests.recordings import ABSENT, each


def test_where_there_are_none_a_test_says_why_it_is_skipped():
    """A parametrized test has its cases, or one that is skipped by the reason; it is never an empty set."""
    assert each({"a": 1, "b": 2}) == ["a", "b"]
    (one,) = each([], blank=("", ""))
    assert one.values == ("", "")
    assert [(mark.name, mark.kwargs) for mark in one.marks] == [("skip", {"reason": ABSENT})]
