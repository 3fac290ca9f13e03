"""A line of the list, on paper."""

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.analytics.session_view import COLUMNS, session_view
from tests.core.sayings import JSON

LINE = {
    "id": "c1",
    "updated_at": 1_763_797_565_000,
    "created_at": 1_763_797_560_000,
    "question": "hi",
    "user_message_count": 1,
    "user_properties": {"userId": "u1"},
    "properties": {"model": "m", "kind": "title"},
    "tags": ["vip"],
    "positive": 0,
    "negative": 2,
    "disliked": [
        {
            "reasons": '[{"label":"inaccurate_statement","details":"gone at once"},{"label":"other"}]',
            "details": "sorry",
        },
        {"reasons": None, "details": None},
        {"reasons": "[{", "details": "too late"},
    ],
    "interrupted": 1,
    "refused": 0,
    "tokens": 12.0,
    "cost": 1_500_000,
}


def test_a_line():
    """A line of the list tells when, what, who, with what, and how it went."""
    assert session_view(LINE) == {
        "id": "c1",
        "changed": "2025-11-22T07:46:05.000Z",
        "began": "2025-11-22T07:46:00.000Z",
        "question": "hi",
        "turns": 1,
        "user": "u1",
        "model": "m",
        "tags": ["vip"],
        "positive": 0,
        "negative": 2,
        "why": "inaccurate statement: gone at once; other; sorry · too late",
        "interrupted": True,
        "refused": False,
        "tokens": 12,
        "costUsd": 0.0015,
        "kind": "title",
    }


def test_more_tokens_than_numbers_go():
    """What a client says it used may add up to more than there are numbers: that is not known, and breaks no list."""
    assert session_view(LINE | {"tokens": float("inf")})["tokens"] is None


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["model", "kind", "userId", "id"]), JSON, max_size=4))
def test_properties_are_anything(properties):
    """No property that a client can send breaks the list, and what is not known is None."""
    told = session_view(
        LINE | {"properties": properties, "user_properties": properties, "tags": None, "tokens": None} | {"cost": None}
    )

    assert tuple(told) == COLUMNS
    assert (told["tags"], told["tokens"], told["costUsd"]) == ([], None, None)
