"""Bodies of the query language, and the checked questions that they are."""

import pytest

from proxy.core.query import Column, Order, Source, read_query
from proxy.core.query_fields import CONVERSATIONS, EVENTS
from proxy.core.query_where import Condition, Junction
from proxy.errors import ApiError

COUNT = {"type": "aggregation", "aggregation": "count"}


def keys(body, view=CONVERSATIONS):
    return [column.key for column in read_query(body, view).columns]


@pytest.mark.parametrize(
    ("selection", "key"),
    [
        pytest.param({"type": "field", "field": "id"}, "id", id="field"),
        pytest.param({"type": "field", "field": "properties", "path": ["a", "b"]}, "properties.a.b", id="path"),
        pytest.param({"type": "field", "field": "properties", "path": []}, "properties", id="empty path"),
        pytest.param(COUNT, "count", id="count"),
        pytest.param(COUNT | {"field": "id"}, "count_id", id="count of a field"),
        pytest.param(
            {"type": "aggregation", "aggregation": "countDistinct", "field": "userProperties", "path": ["userId"]},
            "countDistinct_userProperties.userId",
            id="aggregation at a path",
        ),
        pytest.param({"type": "time", "timeUnit": "week"}, "firstMessageTime_week", id="time"),
    ],
)
def test_keys_of_results(selection, key):
    """A selection's value stands under the key that the format gives it."""
    assert keys({"select": [selection]}) == [key]


@pytest.mark.parametrize("body", [{}, {"select": []}, {"select": None, "groupBy": None}, {"unknown": 1}])
def test_nothing_selected_is_everything(body):
    """Without a selection all fields of a view come, row by row."""
    query = read_query(body, EVENTS)

    assert [column.key for column in query.columns] == list(EVENTS.fields)
    assert query.groups is None


def test_groups_are_all_that_is_not_aggregated():
    """What is grouped by, times and plain fields make the groups; what comes twice is there once."""
    body = {
        "select": [COUNT, COUNT, {"type": "time", "timeUnit": "day"}, {"type": "field", "field": "type"}],
        "groupBy": [{"field": "projectId", "includeInSelect": False}, {"field": "type"}],
    }
    query = read_query(body, CONVERSATIONS)

    assert [column.key for column in query.columns] == ["type", "count", "firstMessageTime_day"]
    assert query.groups == (Source("projectId"), Source("type"), Source("firstMessageTime", time_unit="day"))


def test_an_order_may_name_what_is_not_shown():
    """Rows can be ordered by any field, groups by what they are grouped by, shown or not."""
    hidden = {"groupBy": [{"field": "type", "includeInSelect": False}], "select": [COUNT]}
    by_type = {"orderBy": [{"field": "type", "direction": "desc"}]}

    expected = (Order(Column("type", Source("type")), descending=True),)
    assert read_query({"select": [{"type": "field", "field": "id"}]} | by_type, CONVERSATIONS).order == expected
    assert read_query(hidden | by_type, CONVERSATIONS).order == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            {"field": "firstMessageTime", "operator": "gte", "value": "1970-01-01T01:00:00+01:00"},
            Condition("firstMessageTime", "gte", (), 0),
            id="a time with an offset",
        ),
        pytest.param(
            {"field": "firstMessageTime", "operator": "lt", "value": 5.7},
            Condition("firstMessageTime", "lt", (), 5),
            id="a time as a number",
        ),
        pytest.param({"field": "id", "operator": "eq", "value": None}, Condition("id", "isNull"), id="equal to null"),
        pytest.param({"field": "id", "operator": "neq"}, Condition("id", "isNotNull"), id="not equal to null"),
        pytest.param(
            {"field": "properties", "operator": "eq", "value": {"path": ["a"], "value": 1}},
            Condition("properties", "eq", ("a",), 1.0),
            id="a number at a path",
        ),
        pytest.param(
            {"field": "properties", "operator": "isNull", "value": {"path": ["a"]}},
            Condition("properties", "isNull", ("a",)),
            id="nothing at a path",
        ),
        pytest.param(
            {"field": "properties", "operator": "jsonContains", "value": {"path": "/docs"}},
            None,
            id="a path that is none",
        ),
        pytest.param(
            {"field": "properties", "operator": "jsonContains", "value": {"path": "/docs", "at": 1}},
            Condition("properties", "jsonContains", (), {"path": "/docs", "at": 1}),
            id="an object that has a path",
        ),
    ],
)
def test_conditions(given, expected):
    """A condition's value is of the kind that its field holds; what cannot be meant is refused."""
    body = {"where": {"and": [{"condition": given}]}}
    if expected is None:
        with pytest.raises(ApiError) as caught:
            read_query(body, CONVERSATIONS)
        assert caught.value.errors[0]["pointer"] == "/where/and/0/condition/value"
    else:
        assert read_query(body, CONVERSATIONS).where == Junction(all=True, parts=(expected,))


def test_all_faults_are_told_at_once():
    """Every fault of a body has its pointer in one refusal."""
    body = {
        "select": [{"type": "field", "field": "nothing"}, {"type": "time", "timeUnit": "year"}],
        "groupBy": [{"field": "id", "path": ["a"]}],
        "where": {"or": [{"and": []}, {"condition": {"field": "id", "operator": "like"}}]},
        "orderBy": [{"field": "rank"}],
        "notes": "x" * 81,
    }
    with pytest.raises(ApiError) as caught:
        read_query(body, CONVERSATIONS)

    assert [fault["pointer"] for fault in caught.value.errors] == [
        "/groupBy/0/path",
        "/select/0/field",
        "/select/1/timeUnit",
        "/where/or/1/condition/operator",
        "/notes",
        "/orderBy/0/field",
    ]
