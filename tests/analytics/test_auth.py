"""Keys, sessions and the brake on guessing."""

import pytest

from proxy.analytics.auth import API, FAILURES_IN_ALL, SESSION_SECONDS, SESSIONS_LIMIT, WEB, Brake, Keys, Sessions
from proxy.errors import ApiError


@pytest.mark.parametrize(
    ("authorization", "allowed", "status"),
    [
        pytest.param("Bearer a", [API], None, id="api key"),
        pytest.param("bearer  a ", [API], None, id="scheme in lower case, blanks"),
        pytest.param("Bearer w", [API, WEB], None, id="web key where it may"),
        pytest.param("Bearer w", [API], 403, id="web key where it may not"),
        pytest.param("Bearer x", [API, WEB], 401, id="unknown key"),
        pytest.param("Bearer", [API], 401, id="no key"),
        pytest.param("Bearer ", [API], 401, id="empty key"),
        pytest.param("Basic a", [API], 401, id="another scheme"),
        pytest.param("a", [API], 401, id="bare key"),
        pytest.param("Bearer \udcff", [API], 401, id="bytes that are no text"),
        pytest.param(None, [API], 401, id="no header"),
    ],
)
def test_who_may(authorization, allowed, status):
    """A known key of an allowed kind passes; an unknown one is 401, one of another kind 403."""
    keys = Keys(["a", ""], ["w"])

    if status is None:
        keys.check(authorization, allowed)
    else:
        with pytest.raises(ApiError) as refused:
            keys.check(authorization, allowed)
        assert refused.value.status == status


def test_an_empty_key_opens_nothing():
    """A key that is configured as an empty string is no key."""
    assert Keys([""], [""]).kind_of("") is None


def test_keys_do_not_show():
    """A representation of the keys tells their number only."""
    assert repr(Keys(["secret"], [])) == "<Keys 1>"


def test_a_session_ends(seconds):
    """A session is open until it is closed or its time is over."""
    sessions = Sessions(seconds)
    closed, forgotten = sessions.open(), sessions.open()
    assert sessions.is_open(closed)

    sessions.close(closed)
    assert not sessions.is_open(closed)
    assert sessions.is_open(forgotten)

    seconds.now += SESSION_SECONDS
    assert not sessions.is_open(forgotten)
    assert not sessions.is_open(None)


def test_sessions_are_bounded(seconds):
    """The oldest session makes room for one too many."""
    sessions = Sessions(seconds)
    first, second = sessions.open(), sessions.open()

    for _ in range(SESSIONS_LIMIT - 1):
        sessions.open()

    assert not sessions.is_open(first)
    assert sessions.is_open(second)


def test_the_brake_holds_an_address(seconds):
    """Ten failures hold one address until the minute is over, and no other."""
    brake = Brake(seconds)
    for _ in range(10):
        assert brake.wait_for("10.0.0.1") == 0
        brake.failed("10.0.0.1")

    assert 0 < brake.wait_for("10.0.0.1") <= 61
    assert brake.wait_for("10.0.0.2") == 0

    seconds.now += brake.wait_for("10.0.0.1")
    assert brake.wait_for("10.0.0.1") == 0


def test_the_brake_holds_everybody(seconds):
    """Guessing from many addresses is held as well."""
    brake = Brake(seconds)
    for number in range(FAILURES_IN_ALL):
        brake.failed(f"10.0.0.{number}")

    assert brake.wait_for("10.9.9.9") > 0
