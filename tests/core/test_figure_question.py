"""What the pages of figures are asked."""

import pytest
from multidict import MultiDict

from proxy.core.among import Among
from proxy.core.figure_question import read_question, unit_for
from proxy.core.session_filter import EVERY
from proxy.errors import ApiError

NOW, DAY = 1_763_797_565_000, 24 * 3_600_000


def read(**query):
    return read_question(MultiDict(query), NOW)


def test_nothing_asks_for_the_last_month():
    """Without a query figures are of all sessions of the last 30 days, by model."""
    question = read()

    assert (question.period.since, question.period.until) == (NOW - 30 * DAY, NOW)
    assert (question.by, question.asked, question.with_side, question.property) == ("model", EVERY, False, None)


def test_filters_are_those_of_the_list():
    """The list's filters, and what leads to it, are read as the list reads them."""
    question = read(user="ann", endpoint="chat", by="property:source", side="true")

    assert question.asked.user == "ann"
    assert question.asked.among == Among(endpoint="chat")
    assert (question.property, question.with_side) == ("source", True)


@pytest.mark.parametrize(
    ("days", "unit"), [(1, "hour"), (7, "day"), (30, "day"), (90, "day"), (365, "week"), (2000, "month")]
)
def test_the_unit_fits_the_period(days, unit):
    """Where no unit is asked for, bars are neither few nor thin."""
    assert unit_for(read(), NOW - days * DAY, NOW) == unit


@pytest.mark.parametrize(
    "query",
    [
        {"unit": "year"},
        {"by": "user"},
        {"by": "property:"},
        {"by": "property:\ud800"},
        {"range": "1y"},
        {"colour": "red"},
        {"from": "x"},
    ],
    ids=ascii,
)
def test_what_is_wrong_is_refused(query):
    """What is not known is told."""
    with pytest.raises(ApiError) as refused:
        read(**query)

    assert refused.value.status == 400


@pytest.mark.parametrize(("unit", "days"), [("hour", 9), ("day", 751), ("week", 5300)])
def test_a_unit_too_short_is_refused(unit, days):
    """More bars than can be seen are not drawn."""
    with pytest.raises(ApiError, match="longer unit"):
        unit_for(read(unit=unit), NOW - days * DAY, NOW)


@pytest.mark.parametrize(
    ("since", "until"),
    [(NOW, NOW), (NOW, NOW - 1), (-62_135_596_800_000, NOW), (NOW, 253_402_300_800_000), (NOW - 70 * 365 * DAY, NOW)],
    ids=["nothing", "backwards", "the year 1", "the year 9999", "a lifetime"],
)
def test_a_period_that_is_none_is_refused(since, until):
    """A period without a time in it, or longer than any log, is told."""
    with pytest.raises(ApiError):
        unit_for(read(), since, until)
