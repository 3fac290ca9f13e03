"""Findings add up, are kept as they are, and say what was asked and cited most."""

import math
from array import array
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.findings import AGAIN, DISLIKED, UNHELPED, Findings, count, unpacked
from proxy.core.most_asked import MostAsked

SESSIONS = st.lists(
    st.fixed_dictionaries(
        {
            "question": st.one_of(st.integers(0, 4), st.integers(2**63 - 3, 2**63 - 1)),
            "again": st.sampled_from([0, 0, 1, 2, 5]),
            "disliked": st.booleans(),
            "failed": st.booleans(),
            "pages": st.sets(st.integers(1, 4), max_size=3),
            "reason": st.sampled_from(["", "slow"]),
        }
    ),
    max_size=30,
)


def findings(sessions, first=0, every=1):
    """What is found in sessions that are numbered on from the first; in every so manyth of them."""
    found = Findings()
    cited, down = Counter(), Counter()
    for number, one in [*enumerate(sessions, first)][::every]:
        found.questions.append(one["question"])
        found.numbers.append(number)
        found.again.append(one["again"])
        found.marks.append(marks(one))
        found.links.extend(sorted(one["pages"]))
        found.linked.append(len(one["pages"]))
        cited.update(one["pages"])
        down.update(one["pages"] if one["disliked"] else ())
        if one["disliked"]:
            count(found.reasons, one["reason"], 1, 1)
    found.pages, found.cited = array("I", cited), array("I", cited.values())
    found.disliked = array("I", [down[page] for page in cited])
    return found


def marks(one):
    return DISLIKED * one["disliked"] | UNHELPED * (one["disliked"] or one["failed"]) | AGAIN * (one["again"] > 0)


@given(SESSIONS, st.integers(0, 30))
def test_findings_of_two_times_are_those_of_both(sessions, cut):
    """Wherever a time is cut, and whether its parts were kept or not, what is found in them adds up to what is found in it."""
    whole = findings(sessions)
    both = unpacked(findings(sessions[:cut]).packed())
    both.add(unpacked(findings(sessions[cut:], len(sessions[:cut])).packed()))

    alike = ("questions", "numbers", "again", "marks", "links", "linked", "reasons")
    assert [getattr(both, name) for name in alike] == [getattr(whole, name) for name in alike]
    assert both.top_pages(9) == whole.top_pages(9)
    assert unpacked(whole.packed()) == whole


@given(SESSIONS, st.sampled_from([0, UNHELPED, AGAIN]), st.integers(1, 4))
def test_the_most_asked_are_those_that_counting_finds(sessions, mark, rows):
    """Questions come by how often, then in how many sessions, then by number, with their thumbs down and their last session."""
    groups = {}
    for number, one in enumerate(sessions):
        if one["question"] and marks(one) & mark == mark:
            groups.setdefault(one["question"], []).append((number, one))
    expected = [
        (
            question,
            sum(one["again"] for _, one in meant) if mark == AGAIN else len(meant),
            len(meant),
            sum(one["disliked"] for _, one in meant),
            meant[-1][0],
        )
        for question, meant in groups.items()
    ]
    expected = sorted(expected, key=lambda row: (-row[1], -row[2], row[0]))[:rows]
    asked = MostAsked(findings(sessions))

    assert [tuple(row) for row in asked.top(mark, rows)] == expected
    assert [tuple(row) for row in asked.told(mark, [row[:3] for row in expected])] == expected


@given(SESSIONS, st.integers(1, 3), st.integers(1, 3))
def test_sessions_that_are_found_in_all(sessions, one, other):
    """Of two findings those of the sessions in both are those of these sessions, pages too; what failed is not told."""
    both = findings(sessions, every=one).only([findings(sessions, every=other)])
    both.count_links()
    expected = findings(sessions, every=math.lcm(one, other))

    alike = ("questions", "numbers", "again", "marks", "links", "linked")
    assert [getattr(both, name) for name in alike] == [getattr(expected, name) for name in alike]
    assert both.top_pages(9) == expected.top_pages(9)
    assert both.reasons == {}


@pytest.mark.parametrize(("rows", "pages"), [(1, {7: (3, 1)}), (2, {7: (3, 1), 8: (2, 0), 9: (2, 2)})])
def test_pages_that_are_equal_to_the_last_are_told_too(rows, pages):
    """Which of them come first their addresses decide, which are not known here."""
    found = Findings(pages=array("I", [8, 7, 9, 6]), cited=array("I", [2, 3, 2, 1]), disliked=array("I", [0, 1, 2, 0]))

    assert found.top_pages(rows) == pages


def test_of_a_question_that_nobody_asked_nothing_more_is_told():
    """A list may come from elsewhere: what is not found has no thumbs and no session."""
    assert [tuple(row) for row in MostAsked(Findings()).told(0, [(5, 2, 2)])] == [(5, 2, 2, 0, 0)]
