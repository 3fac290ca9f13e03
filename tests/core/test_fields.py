"""Fields of a body: what is taken, what is refused and with which pointer."""

import pytest

from proxy.core.fields import MAX_DEPTH, Fields, parse_time, read_json, refuse_faults, time_text, user_properties
from proxy.errors import ApiError


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("2026-11-22T07:46:05Z", "2026-11-22T07:46:05.000Z", id="Z"),
        pytest.param("2026-11-22T07:46:05.123456+02:00", "2026-11-22T05:46:05.123Z", id="offset and microseconds"),
        pytest.param("2026-11-22T07:46:05", "2026-11-22T07:46:05.000Z", id="no offset is UTC"),
        pytest.param("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z", id="before 1970"),
        pytest.param("0999-01-01T00:00:00Z", "0999-01-01T00:00:00.000Z", id="a year of three digits"),
    ],
)
def test_times(text, told):
    """A time comes back as UTC with milliseconds and Z, the same instant."""
    assert time_text(parse_time(text)) == told


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("yesterday", id="words"),
        pytest.param(1763797565, id="number"),
        pytest.param("", id="empty"),
        pytest.param("0001-01-01T00:00:00+14:00", id="before the first year"),
        pytest.param("9999-12-31T23:59:59-14:00", id="after the last year"),
        pytest.param(["2026"], id="array"),
        pytest.param("2026-11-22T07:46:05Z\x00", id="with a NUL after it"),
    ],
)
def test_what_is_no_time(value):
    """Anything that cannot be given back as a time is a fault at its pointer."""
    faults = []

    Fields({"createdAt": value}, faults, "/messages/3").time("createdAt")

    assert [one["pointer"] for one in faults] == ["/messages/3/createdAt"]


def test_absent_stays_absent_and_null_stays_null():
    """Only fields that were given are kept, so that "keep" and "clear" can be told apart."""
    fields = Fields({"a": None, "b": "x"}, [])

    fields.text("a", "b", "c")

    assert fields.out == {"a": None, "b": "x"}


def test_faults_are_told_together():
    """One refusal names every wrong field, and no more of them than a person would read."""
    faults = []
    fields = Fields({str(number): 7 for number in range(50)}, faults)
    fields.text(*fields.given)

    with pytest.raises(ApiError) as refused:
        refuse_faults(faults)

    assert refused.value.status == 400
    assert len(refused.value.errors) == 20
    assert refused.value.errors[0] == {
        "detail": "0 must be a string or null",
        "pointer": "/0",
        "name": "0",
        "reason": "must be a string or null",
    }


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut"),
        pytest.param(b'{"a": NaN}', id="NaN"),
        pytest.param(b'"\\ud800"', id="half a surrogate pair"),
        pytest.param(b"\xff", id="not UTF-8"),
        pytest.param(b"[" * 5000 + b"]" * 5000, id="too deep to read"),
        pytest.param(b"[" * (MAX_DEPTH + 5) + b"]" * (MAX_DEPTH + 5), id="too deep to give back"),
    ],
)
def test_what_is_no_json(raw):
    """A body that is not JSON, or could not be written again, is refused with 400."""
    with pytest.raises(ApiError) as refused:
        read_json(raw)

    assert refused.value.status == 400


def test_json_at_the_depth_limit_is_taken():
    """Nesting is taken up to the stated depth."""
    assert read_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)


def test_user_properties_suit_the_sdk():
    """Known user properties become what the SDK parses; all others stay."""
    given = {"userId": {"a": 1}, "id": 7, "userType": 3, "supportAgentName": None, "plan": {"tier": 1}, "x": True}

    assert user_properties(given) == {
        "userId": '{"a":1}',
        "id": 7,
        "userType": "3",
        "supportAgentName": None,
        "plan": {"tier": 1},
        "x": True,
    }
